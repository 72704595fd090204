"""Each frame from worker to core as its envelope of the link's messages, and back; link_codec has the batches.

An enum value that this version does not know makes a frame unreadable where its meaning cannot be guessed.
"""

from typing import Any, Final

from trunkline.contract.streams.codec import DecodeFrame, EncodeFrame, known, remaining_ms
from trunkline.contract.streams.frames import (
    Activity,
    Connect,
    DeliveryReport,
    DeviceCall,
    DeviceData,
    Disconnected,
    Frame,
    GatewayChild,
    LinkHello,
    MqttBasic,
    Reply,
    Resume,
    Resumed,
    Subscribe,
    Unsubscribe,
)
from trunkline.v1.transport_service_pb2 import DataKind, DeliveryState, SessionKind

_SESSION_KINDS: Final = frozenset(SessionKind.values()) - {SessionKind.SESSION_KIND_UNSPECIFIED}
_DELIVERY_STATES: Final = frozenset(DeliveryState.values()) - {DeliveryState.DELIVERY_STATE_UNSPECIFIED}
_DATA_KINDS: Final = frozenset(DataKind.values()) - {DataKind.DATA_KIND_UNSPECIFIED}


def _encode_hello(envelope: Any, frame: LinkHello, now: int) -> None:
    message = envelope.hello
    message.version = frame.version
    message.worker_id = frame.worker_id
    message.incarnation = frame.incarnation
    message.transport = frame.transport
    message.core_id = frame.core_id
    message.handled = frame.handled


def _decode_hello(envelope: Any, base: int) -> LinkHello:
    message = envelope.hello
    return LinkHello(
        envelope.session,
        message.worker_id,
        message.incarnation,
        message.transport,
        message.core_id,
        message.handled,
        message.version,
    )


def _encode_resume(envelope: Any, frame: Resume, now: int) -> None:
    envelope.session = frame.session
    message = envelope.resume
    message.device_id = frame.device_id
    message.epoch = frame.epoch
    message.kind = frame.kind
    message.rpc_subscribed = frame.rpc_subscribed
    message.attributes_subscribed = frame.attributes_subscribed
    message.acknowledgement = frame.acknowledgement
    message.max_inflight = frame.max_inflight
    message.credentials_version = frame.credentials_version
    message.parent_session = frame.parent_session
    message.peer_address = frame.peer_address
    message.open.extend(frame.open)


def _decode_resume(envelope: Any, base: int) -> Resume:
    message = envelope.resume
    return Resume(
        envelope.session,
        message.device_id,
        message.epoch,
        known(message.kind, _SESSION_KINDS),
        message.rpc_subscribed,
        message.attributes_subscribed,
        message.acknowledgement,
        message.max_inflight,
        message.credentials_version,
        message.parent_session,
        message.peer_address,
        tuple(message.open),
    )


def _encode_resumed(envelope: Any, frame: Resumed, now: int) -> None:
    envelope.resumed.SetInParent()


def _decode_resumed(envelope: Any, base: int) -> Resumed:
    return Resumed(envelope.session)


def _encode_connect(envelope: Any, frame: Connect, now: int) -> None:
    envelope.session = frame.session
    message = envelope.connect
    message.kind = frame.kind
    message.max_inflight = frame.max_inflight
    message.peer_address = frame.peer_address
    if frame.access_token is not None:
        message.access_token = frame.access_token
    elif frame.mqtt_basic is not None:
        message.mqtt_basic.client_id = frame.mqtt_basic.client_id
        message.mqtt_basic.user_name = frame.mqtt_basic.user_name
        message.mqtt_basic.password = frame.mqtt_basic.password
    elif frame.certificate_der is not None:
        message.certificate_der = frame.certificate_der
    elif frame.child is not None:
        message.child.parent_session = frame.child.parent_session
        message.child.device_name = frame.child.device_name
        message.child.device_type = frame.child.device_type


def _decode_connect(envelope: Any, base: int) -> Connect:
    message = envelope.connect
    frame = Connect(envelope.session, known(message.kind, _SESSION_KINDS), message.max_inflight, message.peer_address)
    match message.WhichOneof("credentials"):
        case "access_token":
            frame.access_token = message.access_token
        case "mqtt_basic":
            basic = message.mqtt_basic
            frame.mqtt_basic = MqttBasic(basic.client_id, basic.user_name, basic.password)
        case "certificate_der":
            frame.certificate_der = message.certificate_der
        case "child":
            child = message.child
            frame.child = GatewayChild(child.parent_session, child.device_name, child.device_type)
        case _:
            raise ValueError("no credentials")
    return frame


def _encode_subscribe(envelope: Any, frame: Subscribe, now: int) -> None:
    envelope.session = frame.session
    message = envelope.subscribe
    message.rpc = frame.rpc
    message.attributes = frame.attributes
    message.acknowledgement = frame.acknowledgement


def _decode_subscribe(envelope: Any, base: int) -> Subscribe:
    message = envelope.subscribe
    return Subscribe(envelope.session, message.rpc, message.attributes, message.acknowledgement)


def _encode_unsubscribe(envelope: Any, frame: Unsubscribe, now: int) -> None:
    envelope.session = frame.session
    envelope.unsubscribe.rpc = frame.rpc
    envelope.unsubscribe.attributes = frame.attributes


def _decode_unsubscribe(envelope: Any, base: int) -> Unsubscribe:
    return Unsubscribe(envelope.session, envelope.unsubscribe.rpc, envelope.unsubscribe.attributes)


def _encode_disconnected(envelope: Any, frame: Disconnected, now: int) -> None:
    envelope.session = frame.session
    envelope.disconnected.cause = frame.cause


def _decode_disconnected(envelope: Any, base: int) -> Disconnected:
    return Disconnected(envelope.session, envelope.disconnected.cause)  # an unknown cause still says that it is over


def _encode_report(envelope: Any, frame: DeliveryReport, now: int) -> None:
    envelope.session = frame.session
    message = envelope.report
    message.request_id = frame.request_id
    message.state = frame.state
    if frame.detail:
        message.detail = frame.detail


def _decode_report(envelope: Any, base: int) -> DeliveryReport:
    message = envelope.report
    return DeliveryReport(envelope.session, message.request_id, known(message.state, _DELIVERY_STATES), message.detail)


def _encode_reply(envelope: Any, frame: Reply, now: int) -> None:
    envelope.session = frame.session
    message = envelope.reply
    message.request_id = frame.request_id
    if frame.error is None:
        message.payload = frame.payload
    else:
        message.error = frame.error
    if frame.keep:
        message.keep = True
    if frame.device_id:
        message.device_id = frame.device_id


def _decode_reply(envelope: Any, base: int) -> Reply:
    message = envelope.reply
    payload = message.payload
    error = None if payload or message.WhichOneof("content") != "error" else message.error
    return Reply(envelope.session, message.request_id, payload, error, message.device_id, message.keep)


def _encode_device_call(envelope: Any, frame: DeviceCall, now: int) -> None:
    envelope.session = frame.session
    message = envelope.device_call
    message.id = frame.id
    message.method = frame.method
    message.params = frame.params
    message.timeout_ms = remaining_ms(frame.deadline_ms, now)


def _decode_device_call(envelope: Any, base: int) -> DeviceCall:
    message = envelope.device_call
    return DeviceCall(envelope.session, message.id, message.method, message.params, base + message.timeout_ms)


def _encode_data(envelope: Any, frame: DeviceData, now: int) -> None:
    envelope.session = frame.session
    message = envelope.data
    message.id = frame.id
    message.kind = frame.kind
    message.payload = frame.payload


def _decode_data(envelope: Any, base: int) -> DeviceData:
    message = envelope.data
    return DeviceData(envelope.session, message.id, known(message.kind, _DATA_KINDS), message.payload)


def _encode_activity(envelope: Any, frame: Activity, now: int) -> None:
    envelope.activity.SetInParent()
    envelope.activity.sessions.extend(frame.sessions)


def _decode_activity(envelope: Any, base: int) -> Activity:
    return Activity(envelope.session, tuple(envelope.activity.sessions))


ENCODE_WORKER: Final[dict[type[Frame], EncodeFrame]] = {
    LinkHello: _encode_hello,
    Resume: _encode_resume,
    Resumed: _encode_resumed,
    Connect: _encode_connect,
    Subscribe: _encode_subscribe,
    Unsubscribe: _encode_unsubscribe,
    Disconnected: _encode_disconnected,
    DeliveryReport: _encode_report,
    Reply: _encode_reply,
    DeviceCall: _encode_device_call,
    DeviceData: _encode_data,
    Activity: _encode_activity,
}

DECODE_WORKER: Final[dict[str | None, DecodeFrame]] = {
    "hello": _decode_hello,
    "resume": _decode_resume,
    "resumed": _decode_resumed,
    "connect": _decode_connect,
    "subscribe": _decode_subscribe,
    "unsubscribe": _decode_unsubscribe,
    "disconnected": _decode_disconnected,
    "report": _decode_report,
    "reply": _decode_reply,
    "device_call": _decode_device_call,
    "data": _decode_data,
    "activity": _decode_activity,
}
