"""The frames of both streams as plain objects: what the pure ends, the endpoints and the core think in.

A frame object lives in an outbox until its batch is written; over gRPC the codecs turn it into the message of the same
name in proto/trunkline/v1 and back, in memory it passes as it is. Two things differ from the wire on purpose: `session`
stands in the frame, and times are absolute: `deadline_ms` is on the local monotonic clock (milliseconds), and only what
is left of it travels.
"""

from typing import Final, Generic, TypeVar

import msgspec

from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import Role
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, DeliveryState, DisconnectCause, SessionKind

VERSION: Final = 1
"""Of both streams; said in hello and welcome."""


class Frame(msgspec.Struct, gc=False):
    """Base of all frames. `gc=False` is safe: frames hold only numbers, bytes, text and other frames, no cycles."""


F_co = TypeVar("F_co", bound=Frame, covariant=True)


class Batch(msgspec.Struct, Generic[F_co]):
    """One message of a stream: frames, handled in order and before `ack`."""

    frames: list[F_co]
    clock_ms: int = 0
    """The sender's monotonic clock when the batch was written."""
    ack: int = 0
    """Links only: the peer's frames handled so far."""


# --- the link, worker to core ---


class WorkerFrame(Frame, gc=False):
    """A frame from worker to core. `session` is chosen by the worker, never reused by one incarnation; 0: the link."""

    session: int


class LinkHello(WorkerFrame, gc=False):
    worker_id: str
    incarnation: bytes
    transport: str
    core_id: bytes = b""
    handled: int = 0
    version: int = VERSION


class Resume(WorkerFrame, gc=False):
    device_id: bytes
    epoch: int
    kind: SessionKind.ValueType
    rpc_subscribed: bool = False
    attributes_subscribed: bool = False
    acknowledgement: Acknowledgement.ValueType = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
    max_inflight: int = 1
    credentials_version: int = 0
    parent_session: int = 0
    peer_address: str = ""
    open: tuple[int, ...] = ()


class Resumed(WorkerFrame, gc=False):
    pass


class MqttBasic(Frame, gc=False):
    """Credentials of an MQTT CONNECT; an absent part is empty."""

    client_id: str = ""
    user_name: str = ""
    password: str = ""


class GatewayChild(Frame, gc=False):
    parent_session: int
    device_name: str
    device_type: str = ""


class Connect(WorkerFrame, gc=False):
    """Exactly one of the four credentials is set."""

    kind: SessionKind.ValueType
    max_inflight: int
    peer_address: str = ""
    access_token: str | None = None
    mqtt_basic: MqttBasic | None = None
    certificate_der: bytes | None = None
    child: GatewayChild | None = None


class Subscribe(WorkerFrame, gc=False):
    rpc: bool = False
    attributes: bool = False
    acknowledgement: Acknowledgement.ValueType = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED


class Unsubscribe(WorkerFrame, gc=False):
    rpc: bool = False
    attributes: bool = False


class Disconnected(WorkerFrame, gc=False):
    cause: DisconnectCause.ValueType


class DeliveryReport(WorkerFrame, gc=False):
    request_id: int
    state: DeliveryState.ValueType
    detail: str = ""


class Reply(WorkerFrame, gc=False):
    """`error` is set instead of `payload` when the transport could not convert the device's bytes."""

    request_id: int
    payload: bytes = b""
    error: str | None = None
    device_id: bytes = b""
    keep: bool = False


class DeviceCall(WorkerFrame, gc=False):
    id: int
    method: str
    params: bytes
    deadline_ms: int


class DeviceData(WorkerFrame, gc=False):
    id: int
    kind: DataKind.ValueType
    payload: bytes


class Activity(WorkerFrame, gc=False):
    sessions: tuple[int, ...]


# --- the link, core to worker ---


class CoreFrame(Frame, gc=False):
    """A frame from core to worker, about the worker's `session`; 0: the link."""

    session: int


class Welcome(CoreFrame, gc=False):
    core_id: bytes
    handled: int
    max_frame_bytes: int
    max_unacked_bytes: int
    heartbeat_ms: int
    version: int = VERSION


class MqttProfile(Frame, gc=False):
    """How devices of a profile speak MQTT; an empty filter is the standard one."""

    telemetry_topic: str = ""
    attributes_topic: str = ""
    attributes_subscribe_topic: str = ""
    acknowledge_invalid: bool = False


class TransportProfile(Frame, gc=False):
    profile_id: bytes
    version: int
    transport_type: TransportType.ValueType = TransportType.TRANSPORT_TYPE_DEFAULT
    mqtt: MqttProfile | None = None
    deadline_in_body: bool = False


class Connected(CoreFrame, gc=False):
    device_id: bytes
    epoch: int
    device_name: str
    credentials_version: int
    profile_id: bytes
    gateway: bool = False
    profile: TransportProfile | None = None


class Refused(CoreFrame, gc=False):
    reason: ErrorReason.ValueType
    detail: str = ""


class Subscribed(CoreFrame, gc=False):
    pass


class Deliver(CoreFrame, gc=False):
    request_id: int
    method: str
    params: bytes
    deadline_ms: int
    kind: CallKind.ValueType
    call_id: bytes = b""
    durable: bool = False
    prompt: bool = False


class Withdraw(CoreFrame, gc=False):
    request_id: int


class CloseSession(CoreFrame, gc=False):
    reason: ErrorReason.ValueType
    detail: str = ""


class DeviceCallAnswer(CoreFrame, gc=False):
    id: int
    payload: bytes = b""
    error: str | None = None


class DeviceDataAnswer(CoreFrame, gc=False):
    id: int
    payload: bytes


class ProfileChanged(CoreFrame, gc=False):
    profile: TransportProfile


class Drain(CoreFrame, gc=False):
    grace_ms: int


class ReplyStored(CoreFrame, gc=False):
    request_id: int


# --- the call stream, caller to core ---


class CallerFrame(Frame, gc=False):
    """A frame from a caller to the core."""


class CallerHello(CallerFrame, gc=False):
    software: str
    version: int = VERSION


class Persistence(Frame, gc=False):
    additional_info: bytes = b""


class DeliveryPolicy(Frame, gc=False):
    strategy: int = 0
    redelivery: int = 0


class StartCall(CallerFrame, gc=False):
    """`expire_unix_ms`, when set, goes before `deadline_ms`: only for REST's expirationTime.

    `wait_until_ms` does not travel: how long a stored call's acceptance is waited for; 0: to its deadline.
    """

    tag: int
    device_id: bytes
    method: str
    params: bytes
    kind: CallKind.ValueType
    deadline_ms: int
    principal: int = 0
    expire_unix_ms: int | None = None
    call_id: bytes = b""
    idempotency_key: str = ""
    persistence: Persistence | None = None
    policy: DeliveryPolicy | None = None
    traceparent: str = ""
    dry_run: bool = False
    resent: bool = False
    fail_fast: bool = False
    await_delivery: bool = False
    retries: int | None = None
    wait_until_ms: int = 0


class HangUp(CallerFrame, gc=False):
    tags: tuple[int, ...]


class BindPrincipal(CallerFrame, gc=False):
    principal: int
    tenant_id: bytes
    user_id: bytes
    role: Role.ValueType
    customer_id: bytes = b""
    token_session_id: bytes = b""
    issued_unix_ms: int = 0


class RenewCredentials(CallerFrame, gc=False):
    token: str


# --- the call stream, core to caller ---


class AnswerFrame(Frame, gc=False):
    """A frame from the core to a caller."""


class CallResult(AnswerFrame, gc=False):
    tag: int
    outcome: Outcome.ValueType
    payload: bytes = b""
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    call_id: bytes = b""
    detail: str = ""
    retry_after_ms: int = 0


class CallerWelcome(AnswerFrame, gc=False):
    core_id: bytes
    max_open_calls: int
    max_frame_bytes: int
    max_open_bytes: int
    heartbeat_ms: int
    version: int = VERSION


class PrincipalRevoked(AnswerFrame, gc=False):
    user_id: bytes
    token_session_id: bytes = b""
    issued_before_unix_ms: int = 0


class CallerDrain(AnswerFrame, gc=False):
    grace_ms: int
