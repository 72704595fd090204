"""A keeper that keeps nothing and notes what it is asked."""

from trunkline.core.calls.model import Call


class RecordingKeeper:
    """Whoever uses it answers the runner."""

    def __init__(self) -> None:
        self.kept: list[Call] = []
        self.fetched: list[tuple[Call, ...]] = []
        self.removed: list[Call] = []

    def keep(self, call: Call) -> None:
        self.kept.append(call)

    def fetch(self, calls: tuple[Call, ...]) -> None:
        self.fetched.append(calls)

    def remove(self, call: Call) -> None:
        self.removed.append(call)
