"""A link whose network does what the test says: both real ends, and batches that arrive when told, or never."""

from collections import deque

from trunkline.contract.streams.core_end import CoreEnd
from trunkline.contract.streams.core_end import Effect as CoreEffect
from trunkline.contract.streams.frames import Batch, CoreFrame, LinkHello, WorkerFrame
from trunkline.contract.streams.worker_end import Effect as WorkerEffect
from trunkline.contract.streams.worker_end import WorkerEnd

CORE = b"core-of-16-bytes"
HEARTBEAT_MS = 2_000
MAX_FRAME_BYTES = 2 * 1024 * 1024


def core_end(core_id: bytes = CORE, *, max_unacked_bytes: int = 1 << 20) -> CoreEnd:
    """The end that a core makes for an incarnation it did not know."""
    return CoreEnd(
        core_id, max_frame_bytes=MAX_FRAME_BYTES, max_unacked_bytes=max_unacked_bytes, heartbeat_ms=HEARTBEAT_MS
    )


class ScriptedLink:
    """Moves batches between the ends, one at a time. `worker_got` and `core_got` collect what their owners handle."""

    def __init__(self, worker: WorkerEnd | None = None, core: CoreEnd | None = None) -> None:
        self.now = 1_000
        self.worker = worker or WorkerEnd("worker-1", "mqtt", b"incarnation-16-b")
        self.core = core or core_end()
        self.worker_got: list[WorkerEffect] = []
        self.core_got: list[CoreEffect] = []
        self.up: deque[Batch[WorkerFrame]] = deque()
        """Written by the worker, not yet read by the core."""
        self.down: deque[Batch[CoreFrame]] = deque()
        self.open = False
        self._accepted = False

    def connect(self) -> None:
        """A new stream; the worker greets."""
        assert not self.open
        self.open = True
        self.worker.opened(self.now)

    def worker_writes(self) -> bool:
        """The worker writes a batch, if it has something to say."""
        batch = self.worker.gather(self.now)
        if batch is not None:
            self.up.append(batch)
        return batch is not None

    def core_writes(self) -> bool:
        """The core writes a batch, if it has something to say and knows the worker."""
        batch = self.core.gather(self.now) if self._accepted else None
        if batch is not None:
            self.down.append(batch)
        return batch is not None

    def core_reads(self) -> list[CoreEffect]:
        """The core reads the oldest batch that is under way."""
        batch = self.up.popleft()
        got: list[CoreEffect] = []
        if not self._accepted:
            (hello,) = batch.frames
            assert isinstance(hello, LinkHello)  # nothing else may begin a stream
            got += self.core.accept(hello, self.now)
            self.core.opened(self.now)
            self._accepted = True
        else:
            got += self.core.receive(batch, self.now)
        self.core_got += got
        return got

    def worker_reads(self) -> list[WorkerEffect]:
        """The worker reads the oldest batch that is under way."""
        got = self.worker.receive(self.down.popleft(), self.now)
        self.worker_got += got
        return got

    def settle(self) -> None:
        """Move everything there is to move now."""
        moved = True
        while moved:
            moved = self.worker_writes() | self.core_writes()
            while self.up:
                self.core_reads()
                moved = True
            while self.down:
                self.worker_reads()
                moved = True

    def link(self) -> None:
        """Connect and settle."""
        self.connect()
        self.settle()

    def cut(self) -> None:
        """The connection is gone, with what was under way."""
        assert self.open
        self.open = False
        self._accepted = False
        self.up.clear()
        self.down.clear()
        self.worker_got += self.worker.broken(self.now)
        self.core_got += self.core.broken(self.now)

    def later(self, ms: int) -> None:
        """Time passes; what is due then moves."""
        self.now += ms
        if self.open:
            self.settle()

    def take_worker(self) -> list[WorkerEffect]:
        """What the worker's owner got since the last time."""
        got, self.worker_got = self.worker_got, []
        return got

    def take_core(self) -> list[CoreEffect]:
        """What the core's owner got since the last time."""
        got, self.core_got = self.core_got, []
        return got
