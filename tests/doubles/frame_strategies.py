"""Hypothesis strategies for every frame class, with values that travel: in range, known enums, one credential."""

from typing import Any, get_type_hints

from hypothesis import strategies as st

from trunkline.contract.streams.frames import (
    Activity,
    AnswerFrame,
    CallerFrame,
    Connect,
    CoreFrame,
    DeliveryPolicy,
    Drain,
    Frame,
    GatewayChild,
    LinkHello,
    MqttBasic,
    MqttProfile,
    Persistence,
    Resumed,
    TransportProfile,
    Welcome,
    WorkerFrame,
)
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import Role
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, DeliveryState, DisconnectCause, SessionKind

NOW = 50_000_000
"""When the batches of these tests are written and read; deadlines lie ahead of it."""

ABOUT_THE_LINK = (LinkHello, Resumed, Activity, Welcome, Drain)
"""Their session is always 0."""

_ENUMS: dict[tuple[str, str], Any] = {
    ("Resume", "kind"): SessionKind,
    ("Connect", "kind"): SessionKind,
    ("DeviceData", "kind"): DataKind,
    ("Deliver", "kind"): CallKind,
    ("StartCall", "kind"): CallKind,
    ("Resume", "acknowledgement"): Acknowledgement,
    ("Subscribe", "acknowledgement"): Acknowledgement,
    ("Disconnected", "cause"): DisconnectCause,
    ("DeliveryReport", "state"): DeliveryState,
    ("BindPrincipal", "role"): Role,
    ("CallResult", "outcome"): Outcome,
    ("CallResult", "reason"): ErrorReason,
    ("CallResult", "cause"): Cause,
    ("Refused", "reason"): ErrorReason,
    ("CloseSession", "reason"): ErrorReason,
    ("TransportProfile", "transport_type"): TransportType,
}

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)

_TYPES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, 2**31 - 1),
    bool: st.booleans(),
    str: _TEXT,
    bytes: st.binary(max_size=40),
    tuple[int, ...]: st.lists(st.integers(0, 2**31 - 1), max_size=5).map(tuple),
    int | None: st.none() | st.integers(0, 2**31 - 1),
    str | None: st.none() | _TEXT,
}


def _field(owner: type[Frame], name: str, hint: Any) -> st.SearchStrategy[Any]:
    enum = _ENUMS.get((owner.__name__, name))
    if enum is not None:
        return st.sampled_from([value for value in enum.values() if value])
    if name == "deadline_ms":
        return st.integers(NOW, NOW + 2**32 - 1)
    if name == "session" and owner in ABOUT_THE_LINK:
        return st.just(0)
    return _TYPES[hint]


def _frames_of(cls: type[Frame], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    fields = {name: _field(cls, name, hints[name]) for name in cls.__struct_fields__ if name not in given}
    return st.builds(cls, **fields, **given)


_PARTS: dict[Any, st.SearchStrategy[Any]] = {}
for _cls in (MqttBasic, GatewayChild, MqttProfile, TransportProfile, Persistence, DeliveryPolicy):  # parts first
    _PARTS[_cls] = _TYPES[_cls] = _frames_of(_cls)
    _TYPES[_cls | None] = st.none() | _PARTS[_cls]

_CONNECT_REST = {"access_token": st.none(), "mqtt_basic": st.none(), "certificate_der": st.none(), "child": st.none()}
_CONNECTS = [
    _frames_of(Connect, **_CONNECT_REST | {name: strategy})
    for name, strategy in {
        "access_token": _TEXT,
        "mqtt_basic": _PARTS[MqttBasic],
        "certificate_der": st.binary(max_size=40),
        "child": _PARTS[GatewayChild],
    }.items()
]


def _special(cls: type[Frame]) -> st.SearchStrategy[Any]:
    if cls is Connect:
        return st.one_of(_CONNECTS)
    if cls.__name__ in ("Reply", "DeviceCallAnswer"):  # a payload or an error, never both
        return _frames_of(cls, error=st.none()) | _frames_of(cls, payload=st.just(b""))
    if cls.__name__ == "StartCall":  # with an expiry the deadline does not travel, and how long one waits never does
        return _frames_of(cls, expire_unix_ms=st.none(), wait_until_ms=st.just(0))
    return _frames_of(cls)


def frame_classes(base: type[Frame]) -> list[type[Frame]]:
    """Every frame that may travel in one direction; what other tests have derived is none."""
    ours = (cls for cls in base.__subclasses__() if cls.__module__ == Frame.__module__)
    return sorted(ours, key=lambda cls: cls.__name__)


WORKER_FRAMES = [_special(cls) for cls in frame_classes(WorkerFrame)]
CORE_FRAMES = [_special(cls) for cls in frame_classes(CoreFrame)]
CALLER_FRAMES = [_special(cls) for cls in frame_classes(CallerFrame)]
ANSWER_FRAMES = [_special(cls) for cls in frame_classes(AnswerFrame)]


def batches(frames: list[st.SearchStrategy[Any]]) -> st.SearchStrategy[list[Any]]:
    """Frames of one batch."""
    return st.lists(st.one_of(frames), max_size=8)
