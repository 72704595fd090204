from doubles.recording_caller import RecordingCaller

from trunkline.core.callers.joined import Joined
from trunkline.core.calls.model import Call, Complete
from trunkline.v1.call_pb2 import CallKind, Outcome


def test_everybody_who_stayed_hears_of_the_outcome() -> None:
    callers = [RecordingCaller() for _ in range(3)]
    call = Call(b"c" * 16, b"d" * 16, b"t" * 16, CallKind.CALL_KIND_TWO_WAY, "set", b"1", 0, None)
    joined = Joined(callers[0])
    for caller in callers[1:]:
        joined.join(caller)
    for caller in callers:
        caller.entered(call)
    assert joined.leave(callers[0])
    done = Complete(call, Outcome.OUTCOME_SUCCEEDED)
    joined.completed(call, done)
    assert [caller.outcomes for caller in callers] == [[], [done], [done]]


def test_the_last_one_cannot_leave() -> None:
    first, second = RecordingCaller(), RecordingCaller()
    joined = Joined(first)
    joined.join(second)
    assert joined.leave(first)
    assert not joined.leave(second)
