"""A caller that only notes what it is told."""

import asyncio

from trunkline.contract.errors import TrunklineError
from trunkline.core.calls.model import Call, Complete
from trunkline.v1.error_pb2 import Cause


class RecordingCaller:
    """Waits for one call."""

    def __init__(self) -> None:
        self.gone = False
        self.call: Call | None = None
        self.error: TrunklineError | None = None
        self.cause = Cause.CAUSE_UNSPECIFIED
        self.outcomes: list[Complete] = []
        self.told = asyncio.Event()
        """It was refused, or has its outcome."""

    def entered(self, call: Call) -> None:
        self.call = call

    def completed(self, call: Call, done: Complete) -> None:
        assert call is self.call
        self.outcomes.append(done)
        self.told.set()

    def refused(self, error: TrunklineError, cause: Cause.ValueType) -> None:
        assert self.call is None
        self.error, self.cause = error, cause
        self.told.set()
