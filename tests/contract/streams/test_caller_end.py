from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.caller_end import GUARD_MS, MAX_OPEN_CALLS, CallerEnd, CoreGone
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    BindPrincipal,
    CallerDrain,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    HangUp,
    Persistence,
    PrincipalRevoked,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

DEVICE = b"device--16-bytes"
WELCOME = CallerWelcome(b"core-id-16-bytes", 5, 8_000, 1_000_000, 2_000)
NOW = 100_000
DEADLINE = NOW + 10_000


def start(tag: int, params: bytes = b"1", *, principal: int = 0, deadline_ms: int = DEADLINE) -> StartCall:
    return StartCall(tag, DEVICE, "m", params, CallKind.CALL_KIND_TWO_WAY, deadline_ms, principal)


def result(tag: int) -> CallResult:
    return CallResult(tag, Outcome.OUTCOME_SUCCEEDED, b"ok")


def principal(number: int, user: bytes = b"user") -> BindPrincipal:
    return BindPrincipal(number, b"tenant", user, Role.ROLE_TENANT_ADMIN)


def gather(end: CallerEnd, now: int = NOW) -> list[CallerFrame]:
    batch = end.gather(now)
    return batch.frames if batch else []


def receive(end: CallerEnd, *frames: AnswerFrame | Unreadable) -> list[object]:
    return list(end.receive(Batch([*frames]), NOW))


def connect(end: CallerEnd) -> None:
    end.opened(NOW)
    assert gather(end) == [CallerHello("test")]
    receive(end, WELCOME)
    assert end.connected


def connected_end() -> CallerEnd:
    end = CallerEnd("test")
    connect(end)
    return end


def outcomes(effects: object) -> list[tuple[int, Outcome.ValueType, ErrorReason.ValueType, Cause.ValueType]]:
    assert isinstance(effects, list)
    return [(r.tag, r.outcome, r.reason, r.cause) for r in effects if isinstance(r, CallResult)]


def unknown(tag: int) -> tuple[int, Outcome.ValueType, ErrorReason.ValueType, Cause.ValueType]:
    return (tag, Outcome.OUTCOME_UNKNOWN, ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)


def never_sent(tag: int) -> tuple[int, Outcome.ValueType, ErrorReason.ValueType, Cause.ValueType]:
    return (tag, Outcome.OUTCOME_EXPIRED, ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, Cause.CAUSE_STREAM_BROKEN)


def test_nothing_but_hello_goes_out_before_the_welcome() -> None:
    end = CallerEnd("test")
    assert end.start(start(1)) is None
    assert gather(end) == []
    end.opened(NOW)
    assert gather(end) == [CallerHello("test")]
    assert gather(end) == []
    assert receive(end, WELCOME) == [WELCOME]
    assert gather(end) == [start(1)]


def test_a_result_settles_its_call_once() -> None:
    end = connected_end()
    end.start(start(1))
    gather(end)
    assert end.open_calls == 1
    assert receive(end, result(1), result(1), result(9)) == [result(1)]
    assert end.open_calls == 0


def test_a_break_ends_written_calls_and_keeps_the_others() -> None:
    end = connected_end()
    end.start(start(1))
    gather(end)
    end.start(start(2))
    effects = list(end.broken(NOW))
    assert effects[0] == CoreGone()
    assert outcomes(effects) == [unknown(1)]
    assert not end.connected
    connect(end)
    assert gather(end) == [start(2)]


def test_a_break_before_the_welcome_says_nothing() -> None:
    end = CallerEnd("test")
    end.start(start(1))
    end.opened(NOW)
    gather(end)
    assert list(end.broken(NOW)) == []


def stored(tag: int, *, deadline_ms: int = DEADLINE, wait_until_ms: int = 0) -> StartCall:
    call = start(tag, deadline_ms=deadline_ms)
    call.persistence = Persistence()
    call.call_id = b"call-id-16-bytes"
    call.wait_until_ms = wait_until_ms
    return call


def test_stored_calls_that_the_core_knows_again_are_sent_again_ahead_of_later_ones() -> None:
    end = connected_end()
    by_id, by_key, anonymous = stored(1), stored(2), stored(3)
    by_key.call_id = anonymous.call_id = b""
    by_key.idempotency_key = "key"
    for call in (by_id, by_key, anonymous):
        end.start(call)
    gather(end)
    end.start(start(4))
    assert outcomes(list(end.broken(NOW))) == [unknown(3)]
    connect(end)
    *again, later = gather(end)
    assert [(call.tag, call.resent) for call in again if isinstance(call, StartCall)] == [(1, True), (2, True)]
    assert later == start(4)


def test_a_stored_call_that_was_written_once_may_be_stored_when_no_core_comes_back() -> None:
    end = connected_end()
    end.start(stored(1))
    gather(end)
    end.start(stored(2))
    end.broken(NOW)
    assert outcomes(end.passed(DEADLINE + 10_000)) == [unknown(1), never_sent(2)]
    assert end.open_calls == 0


def test_the_end_of_all_connections_says_the_same() -> None:
    end = connected_end()
    end.start(stored(1))
    gather(end)
    end.start(stored(2))
    end.broken(NOW)
    assert outcomes(end.abandon()) == [unknown(1), never_sent(2)]


def test_a_stored_calls_acceptance_is_waited_for_as_long_as_its_caller_says() -> None:
    end = connected_end()
    until = NOW + 3_600_000
    short, long = stored(1, deadline_ms=NOW + 10, wait_until_ms=until), stored(2, deadline_ms=until, wait_until_ms=NOW)
    end.start(short)
    end.start(long)
    assert gather(end, NOW + 1_000) == [short, long], "one that is late is stored as such"
    assert outcomes(end.passed(NOW + GUARD_MS + 1_000)) == [unknown(2)]
    assert gather(end) == [HangUp((2,))]
    assert end.passed(until + GUARD_MS - 1_000) == []
    assert outcomes(end.passed(until + GUARD_MS + 1_000)) == [unknown(1)]
    assert end.open_calls == 0


def test_the_result_of_a_stored_call_ends_the_wait_for_it() -> None:
    end = connected_end()
    until = DEADLINE + 1_000_000
    for tag in (1, 2):
        end.start(stored(tag, wait_until_ms=until))
    gather(end)
    assert receive(end, result(1)) == [result(1)]
    assert end.passed(until + GUARD_MS - 300) == []
    assert receive(end, result(2)) == [result(2)]
    assert end.passed(until + 10_000_000) == []


def test_hanging_up_what_was_not_written_sends_nothing() -> None:
    end = connected_end()
    end.start(start(1))
    end.hang_up(1)
    assert gather(end) == []
    assert end.open_calls == 0
    end.hang_up(1)
    assert end.passed(DEADLINE + 10_000) == []


def test_hanging_up_what_was_written_tells_the_core_once_for_all() -> None:
    end = connected_end()
    for tag in (1, 2):
        end.start(start(tag))
    gather(end)
    end.hang_up(1)
    end.hang_up(2)
    assert gather(end) == [HangUp((1, 2))]
    assert gather(end) == []
    assert receive(end, result(1)) == [], "nobody waits for it"
    assert end.passed(DEADLINE + 10_000) == []


def test_a_caller_is_named_ahead_of_its_first_call_on_each_connection() -> None:
    end = connected_end()
    end.bind(principal(1))
    end.start(start(1, principal=1))
    end.start(start(2, principal=1))
    assert gather(end) == [principal(1), start(1, principal=1), start(2, principal=1)]
    end.start(start(3, principal=1))
    assert end.unwritten_principals() == {1}
    end.broken(NOW)
    connect(end)
    assert gather(end) == [principal(1), start(3, principal=1)]
    assert end.unwritten_principals() == set()


def test_a_number_bound_anew_is_told_anew() -> None:
    end = connected_end()
    end.bind(principal(1))
    end.start(start(1, principal=1))
    gather(end)
    end.bind(principal(1, b"other"))
    end.start(start(2, principal=1))
    assert gather(end) == [principal(1, b"other"), start(2, principal=1)]


def test_a_number_that_was_never_bound_is_the_cores_to_refuse() -> None:
    end = connected_end()
    end.start(start(1, principal=77))
    assert gather(end) == [start(1, principal=77)]


def test_a_fresh_token_goes_out_once() -> None:
    end = connected_end()
    end.renew("fresh")
    assert gather(end) == [RenewCredentials("fresh")]
    assert gather(end) == []


def test_a_draining_core_gets_no_further_calls() -> None:
    end = connected_end()
    end.start(start(1))
    gather(end)
    assert receive(end, CallerDrain(5_000)) == [CallerDrain(5_000)]
    end.start(start(2))
    assert gather(end) == []
    assert receive(end, result(1)) == [result(1)]
    end.broken(NOW)
    connect(end)
    assert gather(end) == [start(2)]


def test_time_over_before_it_was_written() -> None:
    end = CallerEnd("test")
    end.start(start(1))
    assert end.passed(DEADLINE) == []
    assert outcomes(end.passed(DEADLINE + 256)) == [never_sent(1)]
    connect(end)
    assert gather(end) == []


def test_a_call_whose_time_ran_out_in_the_outbox_is_not_sent_but_reported() -> None:
    end = connected_end()
    end.start(start(1, deadline_ms=NOW))
    end.start(start(2))
    assert gather(end) == [start(2)]
    assert outcomes(end.passed(NOW + 256)) == [never_sent(1)]


def test_only_the_core_judges_an_expiry_in_wall_time() -> None:
    end = connected_end()
    call = start(1, deadline_ms=NOW - 1)
    call.expire_unix_ms = 1
    end.start(call)
    assert gather(end) == [call]


def test_the_guard_gives_a_written_call_up_a_second_after_its_deadline() -> None:
    end = connected_end()
    end.start(start(1))
    gather(end)
    assert end.passed(DEADLINE + GUARD_MS - 1) == []
    assert outcomes(end.passed(DEADLINE + GUARD_MS + 256)) == [unknown(1)]
    assert gather(end, DEADLINE + 2_000) == [HangUp((1,))]
    assert receive(end, result(1)) == []


def test_a_result_between_deadline_and_guard_still_counts() -> None:
    end = connected_end()
    end.start(start(1))
    gather(end)
    assert end.passed(DEADLINE + 300) == []
    assert receive(end, result(1)) == [result(1)]
    assert end.passed(DEADLINE + 10_000) == []


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (start(1, bytes(9_000)), ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE),
        (StartCall(1, DEVICE, "\ud800", b"", CallKind.CALL_KIND_ONE_WAY, 1), ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
    ],
    ids=["too large", "not Unicode"],
)
def test_what_the_core_could_not_take_is_refused_at_once(call: StartCall, reason: ErrorReason.ValueType) -> None:
    end = connected_end()
    refused = end.start(call)
    assert refused is not None
    assert (refused.outcome, refused.reason) == (Outcome.OUTCOME_FAILED, reason)
    assert end.open_calls == 0


def test_other_alphabets_are_welcome() -> None:
    assert connected_end().start(StartCall(1, DEVICE, "включи", b"", CallKind.CALL_KIND_ONE_WAY, DEADLINE)) is None


def test_open_calls_are_bounded_with_and_without_a_core() -> None:
    end = connected_end()
    assert [end.start(start(tag)) for tag in range(5)] == [None] * 5
    refused = end.start(start(5))
    assert refused is not None
    assert (refused.reason, refused.cause) == (ErrorReason.ERROR_REASON_QUEUE_FULL, Cause.CAUSE_QUEUE_FULL)

    alone = CallerEnd("test")
    assert not any(alone.start(start(tag)) for tag in range(MAX_OPEN_CALLS))
    assert alone.start(start(MAX_OPEN_CALLS)) is not None


def test_abandoning_ends_what_was_never_written() -> None:
    end = CallerEnd("test")
    end.start(start(1))
    assert outcomes(end.abandon()) == [never_sent(1)]
    assert end.abandon() == []
    assert end.open_calls == 0


def test_other_frames_pass() -> None:
    end = connected_end()
    frames: list[AnswerFrame | Unreadable] = [PrincipalRevoked(b"user"), Unreadable("?")]
    assert receive(end, *frames) == frames
    assert end.due_ms() is None
    assert end.heartbeat(NOW) == Batch([], NOW)


STEPS = st.lists(
    st.sampled_from(
        ["start", "start", "start", "hang up", "write", "write", "read", "answer", "answer", "cut", "wait"]
    ),
    max_size=60,
)


@given(STEPS)
def test_every_call_has_exactly_one_result_whatever_the_network_does(steps: list[str]) -> None:
    """Both real ends; batches on their way are lost when the connection is cut."""
    world = _World()
    for step in steps:
        world.step(step)
    world.finish()
    world.check()


class _World:
    """A caller, a core per connection, and what is on its way between them."""

    def __init__(self) -> None:
        self.now = NOW
        self.caller = CallerEnd("test")
        self.core: AnswerEnd | None = None
        self.up: list[Batch[CallerFrame]] = []
        self.down: list[Batch[AnswerFrame]] = []
        self.open_at_core: list[int] = []
        self.seen_by_core: list[int] = []
        self.started: list[int] = []
        self.hung_up: set[int] = set()
        self.results: dict[int, list[CallResult]] = {}

    def step(self, name: str) -> None:
        match name:
            case "start":
                tag = len(self.started) + 1
                self.started.append(tag)
                refused = self.caller.start(start(tag, deadline_ms=self.now + 2_000))
                if refused is not None:
                    self.settle([refused])
            case "hang up":
                open_tags = [tag for tag in self.started if tag not in self.results and tag not in self.hung_up]
                if open_tags:
                    self.hung_up.add(open_tags[0])
                    self.caller.hang_up(open_tags[0])
            case "write":
                self.connect()
                assert self.core is not None
                if (batch := self.caller.gather(self.now)) is not None:
                    self.up.append(batch)
                if (answers := self.core.gather(self.now)) is not None:
                    self.down.append(answers)
            case "read":
                self.read()
            case "answer":
                if self.open_at_core and self.core is not None:
                    self.core.answer(result(self.open_at_core.pop(0)))
            case "cut":
                self.cut()
            case "wait":
                self.now += 700
                self.settle(self.caller.passed(self.now))

    def connect(self) -> None:
        if self.core is None:
            self.core = AnswerEnd(b"core-id-16-bytes", max_frame_bytes=2_000, max_open_calls=6)
            self.core.opened(self.now)
            self.caller.opened(self.now)

    def read(self) -> None:
        if self.core is None:
            return
        if self.up:
            for frame in self.core.receive(self.up.pop(0), self.now):
                if isinstance(frame, StartCall):
                    self.open_at_core.append(frame.tag)
                    self.seen_by_core.append(frame.tag)
                elif isinstance(frame, HangUp):
                    self.open_at_core = [tag for tag in self.open_at_core if tag not in frame.tags]
        if self.down:
            self.settle(list(self.caller.receive(self.down.pop(0), self.now)))

    def cut(self) -> None:
        if self.core is None:
            return
        self.core.broken(self.now)
        self.core = None
        self.up.clear()
        self.down.clear()
        self.open_at_core.clear()
        self.settle(list(self.caller.broken(self.now)))

    def settle(self, effects: Sequence[object]) -> None:
        for effect in effects:
            if isinstance(effect, CallResult):
                self.results.setdefault(effect.tag, []).append(effect)

    def finish(self) -> None:
        self.cut()
        self.now += 60_000
        self.settle(self.caller.passed(self.now))
        self.settle(self.caller.passed(self.now + 2_000))

    def check(self) -> None:
        for tag in self.started:
            results = self.results.get(tag, [])
            assert len(results) == (0 if tag in self.hung_up else 1), f"call {tag}: {results}"
        assert len(self.seen_by_core) == len(set(self.seen_by_core)), "a lightweight call was sent twice"
        for tag, (outcome,) in self.results.items():
            if outcome.cause == Cause.CAUSE_STREAM_BROKEN:
                assert tag not in self.seen_by_core, "said never sent, but was"
        assert self.caller.open_calls == 0
