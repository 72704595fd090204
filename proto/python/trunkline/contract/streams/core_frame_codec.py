"""Each frame from core to worker as its envelope of the link's messages, and back; link_codec has the batches.

An enum value that this version does not know makes a frame unreadable where its meaning cannot be guessed.
"""

from typing import Any, Final

from trunkline.contract.streams.codec import DecodeFrame, EncodeFrame, known, remaining_ms
from trunkline.contract.streams.frames import (
    CloseSession,
    Connected,
    Deliver,
    DeviceCallAnswer,
    DeviceDataAnswer,
    Drain,
    Frame,
    MqttProfile,
    ProfileChanged,
    Refused,
    ReplyStored,
    Subscribed,
    TransportProfile,
    Welcome,
    Withdraw,
)
from trunkline.v1.call_pb2 import CallKind

_CALL_KINDS: Final = frozenset(CallKind.values()) - {CallKind.CALL_KIND_UNSPECIFIED}


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
        _fill_profile(message.profile, frame.profile)


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


def _fill_profile(message: Any, profile: TransportProfile) -> None:
    message.profile_id = profile.profile_id
    message.version = profile.version
    message.transport_type = profile.transport_type
    message.deadline_in_body = profile.deadline_in_body
    mqtt = profile.mqtt
    if mqtt is not None:
        message.mqtt.SetInParent()
        message.mqtt.telemetry_topic = mqtt.telemetry_topic
        message.mqtt.attributes_topic = mqtt.attributes_topic
        message.mqtt.attributes_subscribe_topic = mqtt.attributes_subscribe_topic
        message.mqtt.acknowledge_invalid = mqtt.acknowledge_invalid


def _profile(message: Any) -> TransportProfile:
    mqtt = message.mqtt if message.HasField("mqtt") else None
    return TransportProfile(
        message.profile_id,
        message.version,
        message.transport_type,
        mqtt
        and MqttProfile(
            mqtt.telemetry_topic, mqtt.attributes_topic, mqtt.attributes_subscribe_topic, mqtt.acknowledge_invalid
        ),
        message.deadline_in_body,
    )


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
        known(message.kind, _CALL_KINDS),
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
    _fill_profile(envelope.profile.profile, frame.profile)


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


ENCODE_CORE: Final[dict[type[Frame], EncodeFrame]] = {
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

DECODE_CORE: Final[dict[str | None, DecodeFrame]] = {
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
