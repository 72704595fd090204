"""The link's batches as protobuf messages and back, in the manner of call_codec.

An enum value that this version does not know makes a frame unreadable where its meaning cannot be guessed.
"""

from typing import Any, Final

from trunkline.contract.streams.codec import Codec, DecodeFrame, EncodeFrame, decode_frames, encode_frames, remaining_ms
from trunkline.contract.streams.frames import (
    Activity,
    Batch,
    CloseSession,
    Connect,
    Connected,
    CoreFrame,
    Deliver,
    DeliveryReport,
    DeviceCall,
    DeviceCallAnswer,
    DeviceData,
    DeviceDataAnswer,
    Disconnected,
    Drain,
    Frame,
    GatewayChild,
    LinkHello,
    MqttBasic,
    ProfileChanged,
    Refused,
    Reply,
    ReplyStored,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    TransportProfile,
    Unsubscribe,
    Welcome,
    Withdraw,
    WorkerFrame,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.transport_service_pb2 import DataKind, DeliveryState, LinkRequest, LinkResponse, SessionKind


def encode_link_request(batch: Batch[WorkerFrame], now: int) -> LinkRequest:
    """A worker's batch as it is written at `now`."""
    message = LinkRequest()
    message.clock_ms = now
    message.ack = batch.ack
    encode_frames(_ENCODE, batch.frames, message.frames.add, now)
    return message


def decode_link_request(message: LinkRequest, now: int, excess_ms: int) -> Batch[WorkerFrame | Unreadable]:
    """A worker's batch as it was read at `now`, `excess_ms` later than it could have come."""
    return Batch(decode_frames(_DECODE_WORKER, message.frames, now - excess_ms), message.clock_ms, message.ack)


def encode_link_response(batch: Batch[CoreFrame], now: int) -> LinkResponse:
    """The core's batch as it is written at `now`."""
    message = LinkResponse()
    message.clock_ms = now
    message.ack = batch.ack
    encode_frames(_ENCODE, batch.frames, message.frames.add, now)
    return message


def decode_link_response(message: LinkResponse, now: int, excess_ms: int) -> Batch[CoreFrame | Unreadable]:
    """The core's batch as it was read at `now`, `excess_ms` later than it could have come."""
    return Batch(decode_frames(_DECODE_CORE, message.frames, now - excess_ms), message.clock_ms, message.ack)


WORKER_CODEC: Final = Codec(encode_link_request, decode_link_response)
CORE_CODEC: Final = Codec(encode_link_response, decode_link_request)

_SESSION_KINDS: Final = frozenset(SessionKind.values()) - {SessionKind.SESSION_KIND_UNSPECIFIED}
_CALL_KINDS: Final = frozenset(CallKind.values()) - {CallKind.CALL_KIND_UNSPECIFIED}
_DELIVERY_STATES: Final = frozenset(DeliveryState.values()) - {DeliveryState.DELIVERY_STATE_UNSPECIFIED}
_DATA_KINDS: Final = frozenset(DataKind.values()) - {DataKind.DATA_KIND_UNSPECIFIED}


def _known(value: Any, values: frozenset[Any]) -> Any:
    """`value` if it is one of the enum's; an int of a type that the checkers take for the enum's."""
    if value not in values:
        raise ValueError(f"unknown value {value}")
    return value


# --- worker to core ---


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
        _known(message.kind, _SESSION_KINDS),
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
    frame = Connect(envelope.session, _known(message.kind, _SESSION_KINDS), message.max_inflight, message.peer_address)
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
    return DeliveryReport(envelope.session, message.request_id, _known(message.state, _DELIVERY_STATES), message.detail)


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
    return DeviceData(envelope.session, message.id, _known(message.kind, _DATA_KINDS), message.payload)


def _encode_activity(envelope: Any, frame: Activity, now: int) -> None:
    envelope.activity.SetInParent()
    envelope.activity.sessions.extend(frame.sessions)


def _decode_activity(envelope: Any, base: int) -> Activity:
    return Activity(envelope.session, tuple(envelope.activity.sessions))


# --- core to worker ---


def _encode_welcome(envelope: Any, frame: Welcome, now: int) -> None:
    message = envelope.welcome
    message.version = frame.version
    message.core_id = frame.core_id
    message.handled = frame.handled
    message.max_frame_bytes = frame.max_frame_bytes
    message.max_unacked_bytes = frame.max_unacked_bytes
    message.heartbeat_ms = frame.heartbeat_ms


def _decode_welcome(envelope: Any, base: int) -> Welcome:
    message = envelope.welcome
    return Welcome(
        envelope.session,
        message.core_id,
        message.handled,
        message.max_frame_bytes,
        message.max_unacked_bytes,
        message.heartbeat_ms,
        message.version,
    )


def _encode_connected(envelope: Any, frame: Connected, now: int) -> None:
    envelope.session = frame.session
    message = envelope.connected
    message.device_id = frame.device_id
    message.epoch = frame.epoch
    message.device_name = frame.device_name
    message.credentials_version = frame.credentials_version
    message.profile_id = frame.profile_id
    if frame.gateway:
        message.gateway = True
    if frame.profile is not None:
        message.profile.profile_id = frame.profile.profile_id
        message.profile.version = frame.profile.version


def _decode_connected(envelope: Any, base: int) -> Connected:
    message = envelope.connected
    return Connected(
        envelope.session,
        message.device_id,
        message.epoch,
        message.device_name,
        message.credentials_version,
        message.profile_id,
        message.gateway,
        _profile(message.profile) if message.HasField("profile") else None,
    )


def _profile(message: Any) -> TransportProfile:
    return TransportProfile(message.profile_id, message.version)


def _encode_refused(envelope: Any, frame: Refused, now: int) -> None:
    envelope.session = frame.session
    envelope.refused.reason = frame.reason
    envelope.refused.detail = frame.detail


def _decode_refused(envelope: Any, base: int) -> Refused:
    return Refused(envelope.session, envelope.refused.reason, envelope.refused.detail)


def _encode_subscribed(envelope: Any, frame: Subscribed, now: int) -> None:
    envelope.session = frame.session
    envelope.subscribed.SetInParent()


def _decode_subscribed(envelope: Any, base: int) -> Subscribed:
    return Subscribed(envelope.session)


def _encode_deliver(envelope: Any, frame: Deliver, now: int) -> None:
    envelope.session = frame.session
    message = envelope.deliver
    message.request_id = frame.request_id
    message.method = frame.method
    message.params = frame.params
    message.remaining_ms = remaining_ms(frame.deadline_ms, now)
    message.kind = frame.kind
    if frame.prompt:
        message.prompt = True
    if frame.durable:
        message.durable = True
    if frame.call_id:
        message.call_id = frame.call_id


def _decode_deliver(envelope: Any, base: int) -> Deliver:
    message = envelope.deliver
    return Deliver(
        envelope.session,
        message.request_id,
        message.method,
        message.params,
        base + message.remaining_ms,
        _known(message.kind, _CALL_KINDS),
        message.call_id,
        message.durable,
        message.prompt,
    )


def _encode_withdraw(envelope: Any, frame: Withdraw, now: int) -> None:
    envelope.session = frame.session
    envelope.withdraw.request_id = frame.request_id


def _decode_withdraw(envelope: Any, base: int) -> Withdraw:
    return Withdraw(envelope.session, envelope.withdraw.request_id)


def _encode_close(envelope: Any, frame: CloseSession, now: int) -> None:
    envelope.session = frame.session
    envelope.close.reason = frame.reason
    envelope.close.detail = frame.detail


def _decode_close(envelope: Any, base: int) -> CloseSession:
    return CloseSession(envelope.session, envelope.close.reason, envelope.close.detail)


def _encode_answer(envelope: Any, frame: DeviceCallAnswer, now: int) -> None:
    envelope.session = frame.session
    message = envelope.answer
    message.id = frame.id
    if frame.error is None:
        message.payload = frame.payload
    else:
        message.error = frame.error


def _decode_answer(envelope: Any, base: int) -> DeviceCallAnswer:
    message = envelope.answer
    error = message.error if message.WhichOneof("content") == "error" else None
    return DeviceCallAnswer(envelope.session, message.id, message.payload, error)


def _encode_data_answer(envelope: Any, frame: DeviceDataAnswer, now: int) -> None:
    envelope.session = frame.session
    envelope.data_answer.id = frame.id
    envelope.data_answer.payload = frame.payload


def _decode_data_answer(envelope: Any, base: int) -> DeviceDataAnswer:
    return DeviceDataAnswer(envelope.session, envelope.data_answer.id, envelope.data_answer.payload)


def _encode_profile(envelope: Any, frame: ProfileChanged, now: int) -> None:
    envelope.session = frame.session
    envelope.profile.profile.profile_id = frame.profile.profile_id
    envelope.profile.profile.version = frame.profile.version


def _decode_profile(envelope: Any, base: int) -> ProfileChanged:
    return ProfileChanged(envelope.session, _profile(envelope.profile.profile))


def _encode_drain(envelope: Any, frame: Drain, now: int) -> None:
    envelope.drain.grace_ms = frame.grace_ms


def _decode_drain(envelope: Any, base: int) -> Drain:
    return Drain(envelope.session, envelope.drain.grace_ms)


def _encode_reply_stored(envelope: Any, frame: ReplyStored, now: int) -> None:
    envelope.session = frame.session
    envelope.reply_stored.request_id = frame.request_id


def _decode_reply_stored(envelope: Any, base: int) -> ReplyStored:
    return ReplyStored(envelope.session, envelope.reply_stored.request_id)


_ENCODE: Final[dict[type[Frame], EncodeFrame]] = {
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
    Welcome: _encode_welcome,
    Connected: _encode_connected,
    Refused: _encode_refused,
    Subscribed: _encode_subscribed,
    Deliver: _encode_deliver,
    Withdraw: _encode_withdraw,
    CloseSession: _encode_close,
    DeviceCallAnswer: _encode_answer,
    DeviceDataAnswer: _encode_data_answer,
    ProfileChanged: _encode_profile,
    Drain: _encode_drain,
    ReplyStored: _encode_reply_stored,
}

_DECODE_WORKER: Final[dict[str | None, DecodeFrame]] = {
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

_DECODE_CORE: Final[dict[str | None, DecodeFrame]] = {
    "welcome": _decode_welcome,
    "connected": _decode_connected,
    "refused": _decode_refused,
    "subscribed": _decode_subscribed,
    "deliver": _decode_deliver,
    "withdraw": _decode_withdraw,
    "close": _decode_close,
    "answer": _decode_answer,
    "data_answer": _decode_data_answer,
    "profile": _decode_profile,
    "drain": _decode_drain,
    "reply_stored": _decode_reply_stored,
}
