"""When a connection has been silent for too long, by its stage; one sweep looks at all of them."""

from typing import Final

from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import MqttSession, Stage
from trunkline.v1.transport_service_pb2 import DisconnectCause

_OPEN: Final = Stage.OPEN  # looked up once: a sweep comes by all sessions, and nearly all are open


def look_at(session: MqttSession, now: int) -> bool:
    """End the session if its time is over; False if its socket must be cut, since it did not take its last bytes.

    The keep-alive is enforced at one and a half times its value, as the specification says.
    """
    silent_ms = now - session.heard_ms
    if session.stage is _OPEN:
        if session.heard:
            session.heard = False
            session.heard_ms = now
        elif session.keep_alive_s and silent_ms > 1500 * session.keep_alive_s:
            session.end(DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE, ReasonCode.KEEP_ALIVE_TIMEOUT)
        elif silent_ms > session.around.settings.inactivity_timeout_ms:
            session.end(DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR)
        return True
    settings = session.around.settings
    match session.stage:
        case Stage.NEW:
            if silent_ms > settings.connect_timeout_ms:
                session.around.link.rejected("connect_timeout")
                session.end(DisconnectCause.DISCONNECT_CAUSE_PROTOCOL_ERROR)
        case Stage.CONNECTING:
            if silent_ms > settings.connect_timeout_ms:
                session.refuse(ReasonCode.SERVER_UNAVAILABLE)
        case Stage.CLOSED:
            return silent_ms <= settings.disconnect_timeout_ms
    return True
