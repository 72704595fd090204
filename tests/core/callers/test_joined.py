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
    joined.leave(callers[0])
    assert len(joined) == 2
    done = Complete(call, Outcome.OUTCOME_SUCCEEDED)
    joined.completed(call, done)
    assert [caller.outcomes for caller in callers] == [[], [done], [done]]


def test_who_remembers_the_outcome_hears_of_it_also_when_everybody_left() -> None:
    caller = RecordingCaller()
    call = Call(b"c" * 16, b"d" * 16, b"t" * 16, CallKind.CALL_KIND_TWO_WAY, "set", b"1", 0, None)
    remembered: list[tuple[Call, Complete]] = []
    joined = Joined(caller, lambda ended, done: remembered.append((ended, done)))
    assert joined.remembered and not Joined(caller).remembered
    joined.leave(caller)
    done = Complete(call, Outcome.OUTCOME_SUCCEEDED)
    joined.completed(call, done)
    assert remembered == [(call, done)] and not caller.outcomes
