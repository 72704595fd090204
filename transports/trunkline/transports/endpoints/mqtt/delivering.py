"""Calls on their way to the device: each one PUBLISH, and beside it what is left of the call's time."""

from typing import TYPE_CHECKING, Final

import msgspec

from trunkline.contract.streams.frames import Deliver, Reply
from trunkline.transports.deadlines import in_body
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.deadline_properties import deadline_properties
from trunkline.transports.endpoints.mqtt.inflight import Inflight
from trunkline.transports.endpoints.mqtt.packets import NONE_WRITTEN, V5

if TYPE_CHECKING:
    from trunkline.transports.endpoints.mqtt.session import MqttSession

LONGEST_HEADER: Final = 16
"""More bytes than a PUBLISH of ours has beside its topic, its properties and its body."""

_encode_json = msgspec.json.Encoder().encode


def publish_call(session: "MqttSession", call: Deliver, now: int) -> bool:
    """Publish a call: `{"method":…,"params":…}`, the request id is in the topic.

    MQTT 5 devices are told beside it what is left of its time, and those whose profile asks for it in the body; where
    their packets have no room for that, it is left out. False: the device gets nothing now.
    """
    subscriptions = session.subscriptions
    calls_to = subscriptions.calls_to
    if calls_to is None or session.congestion is not None:
        return False
    topic = b"%b%d" % (calls_to, call.request_id)
    body = b'{"method":%b,"params":%b}' % (_encode_json(call.method), call.params or b"null")
    room = session.limits.packet_bytes - len(topic) - len(body) - LONGEST_HEADER
    if room < 0:
        _refuse(session, call)
        return False
    around = session.around
    remaining_ms = call.deadline_ms - now
    qos = packet_id = 0
    if subscriptions.calls_qos:
        inflight = session.inflight
        if inflight is None:
            inflight = session.inflight = Inflight()
        if len(inflight) >= session.limits.receive_maximum:
            return False
        wait_ms = around.settings.ack_timeout_ms
        due_ms = now - around.stood_ms + (wait_ms if wait_ms < remaining_ms else remaining_ms)
        qos, packet_id = 1, inflight.add(call.request_id, due_ms)
        around.waiting.add(session)
    values = NONE_WRITTEN
    profile = around.link.profile(session.profile_id)
    if profile is not None and profile.deadline_in_body:
        told = in_body(body, call.call_id, remaining_ms)
        if len(told) - len(body) <= room:
            room -= len(told) - len(body)
            body = told
    if session.level == V5:
        told = deadline_properties(call.call_id, remaining_ms)
        if len(told) <= room:
            values = told
    session.line.write(packets.publish(session.level, topic, body, qos, packet_id, values))
    return True


def _refuse(session: "MqttSession", call: Deliver) -> None:
    session.around.link.rejected("call_over_maximum_packet_size")
    text = f"The device takes packets of at most {session.limits.packet_bytes} bytes; this call needs a larger one"
    error = _encode_json({"result": "INVALID_ARGUMENTS", "error": text}).decode()
    session.around.link.send(Reply(session.number, call.request_id, error=error))
