"""A link that goes nowhere: it takes what an endpoint sends and shows it to the test."""

from collections import Counter

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import Reply, TransportProfile, WorkerFrame
from trunkline.transports.endpoint import DeviceSession
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause


class RecordingLink:
    """Takes everything, unless the test says otherwise."""

    def __init__(self) -> None:
        self.sessions: list[DeviceSession] = []
        self.frames: list[WorkerFrame] = []
        self.ends: list[tuple[int, DisconnectCause.ValueType]] = []
        self.rejections: Counter[str] = Counter()
        self.keeps: set[int] = set()
        """Request ids whose replies are kept."""
        self.drops: set[int] = set()
        """Request ids whose replies find no room."""
        self.largest_reply = 1 << 20
        self.readable = True
        self.profiles: dict[bytes, TransportProfile] = {}

    def opened(self, session: DeviceSession) -> int:
        self.sessions.append(session)
        return len(self.sessions)

    def send(self, frame: WorkerFrame) -> bool:
        if isinstance(frame, Reply):
            if len(frame.payload) > self.largest_reply:
                raise TrunklineError(ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, "The reply is too large")
            if frame.request_id in self.drops:
                return False
            frame.keep = frame.request_id in self.keeps
        self.frames.append(frame)
        return True

    def reads(self, session: int) -> bool:
        return self.readable

    def profile(self, profile_id: bytes) -> TransportProfile | None:
        return self.profiles.get(profile_id)

    def closed(self, session: int, cause: DisconnectCause.ValueType) -> None:
        self.ends.append((session, cause))

    def rejected(self, reason: str) -> None:
        self.rejections[reason] += 1

    def take(self) -> list[WorkerFrame]:
        """What was sent since the last time."""
        frames, self.frames = self.frames, []
        return frames
