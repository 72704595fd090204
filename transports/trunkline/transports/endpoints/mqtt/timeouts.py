"""What one sweep looks for: connections that were silent for too long, by their stage, and what devices still owe."""

from typing import Final

from trunkline.contract.streams.frames import DeliveryReport
from trunkline.transports.endpoints.mqtt import endings
from trunkline.transports.endpoints.mqtt.congestion import Congestion
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import MqttSession, Stage
from trunkline.v1.transport_service_pb2 import DeliveryState

_OPEN: Final = Stage.OPEN  # looked up once: a sweep comes by all sessions, and nearly all are open


def look_at(session: MqttSession, now: int) -> bool:
    """End the session if its time is over; False if its socket must be cut, since it did not take its last bytes.

    The keep-alive is enforced at one and a half times its value, as the specification says.
    """
    silent_ms = now - session.heard_ms
    if session.stage is _OPEN:
        if session.congestion is not None:
            _look_at_congested(session, session.congestion, now)
        elif session.heard:
            session.heard = False
            session.heard_ms = now
        elif session.keep_alive_s and silent_ms > 1500 * session.keep_alive_s:
            session.end(endings.KEEP_ALIVE)
        elif silent_ms > session.around.settings.inactivity_timeout_ms:
            session.end(endings.INACTIVE)
        return True
    settings = session.around.settings
    match session.stage:
        case Stage.NEW:
            if silent_ms > settings.connect_timeout_ms:
                session.around.link.rejected("connect_timeout")
                session.end(endings.NEVER_CONNECTED)
        case Stage.CONNECTING:
            if silent_ms > settings.connect_timeout_ms:
                session.refuse(ReasonCode.SERVER_UNAVAILABLE, "The server cannot check credentials at the moment")
        case Stage.CLOSED:
            return silent_ms <= settings.disconnect_timeout_ms
    return True


def _look_at_congested(session: MqttSession, congestion: Congestion, now: int) -> None:
    """It is not read, so its silence is no fault; but it must take something."""
    session.heard_ms = now
    if congestion.stuck_ms(session.line.waiting, now) > session.around.settings.slow_timeout_ms:
        session.around.link.rejected("slow_device")
        session.end(endings.SLOW)


def stand_still(session: MqttSession, ms: int) -> None:
    """The device was not read for so long: what it acknowledged meanwhile has not been seen."""
    if session.inflight is not None:
        session.inflight.postpone(ms)


def overdue(session: MqttSession, now: int) -> bool:
    """Report the acknowledgements and answer the requests that are overdue; False if none is awaited any more."""
    around = session.around
    inflight = session.inflight
    if inflight is not None:
        for request_id in inflight.overdue(now):
            state = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
            around.link.send(DeliveryReport(session.number, request_id, state))
        if inflight.stuck() >= min(session.limits.receive_maximum, around.settings.max_inflight):
            around.link.rejected("all_calls_unacknowledged")
            session.end(endings.UNACKNOWLEDGED)
            return False
    for request in session.requests.overdue(now) if session.requests is not None else ():
        if request.at_timeout:
            session.publish(request.answer, b"%d" % request.request_id, request.at_timeout)
    return bool(session.requests) or (inflight is not None and inflight.awaited())
