import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from doubles.living_core import until
from doubles.presence_time import INACTIVITY_MS, NewTracker, Row, Time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.core.presence.model import Presence, PresenceChange
from trunkline.core.presence.record import Visit
from trunkline.core.presence.tracker import STEP_MS, PresenceTracker
from trunkline.core.store.presence import WRITE_BATCH
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


async def test_a_device_comes_and_goes(tracker: PresenceTracker, lamp: bytes, row: Row, time: Time) -> None:
    came = time.unix_ms
    visit = tracker.opened(lamp, connects=True)
    await tracker.settle()
    assert await row(lamp) == Presence(True, True, came, 0, came)
    assert tracker.connected == 1
    time.pass_ms(5_000)
    tracker.closed(visit)
    tracker.closed(visit)  # once is enough
    await tracker.settle()
    assert await row(lamp) == Presence(False, True, came, came + 5_000, came)
    assert (tracker.connected, tracker.pending, tracker._records) == (0, 0, {})


async def test_a_device_is_active_for_a_while_whether_connected_or_not(
    tracker: PresenceTracker, lamp: bytes, row: Row, time: Time
) -> None:
    visit = tracker.opened(lamp, connects=True)
    await tracker.settle()
    time.pass_ms(INACTIVITY_MS - 1)
    assert (await row(lamp)).active
    time.pass_ms(1)
    presence = await row(lamp)
    assert (presence.connected, presence.active) == (True, False)
    tracker.heard(visit, time.monotonic.now)
    tracker.closed(visit)
    await tracker.settle()
    presence = await row(lamp)
    assert (presence.connected, presence.active) == (False, True)


async def test_a_poll_is_activity_and_no_connection(
    tracker: PresenceTracker, lamp: bytes, row: Row, time: Time
) -> None:
    tracker.closed(tracker.opened(lamp, connects=False))
    await tracker.settle()
    assert await row(lamp) == Presence(False, True, 0, 0, time.unix_ms)
    assert tracker.connected == 0


async def test_takeover_is_no_disconnect(tracker: PresenceTracker, lamp: bytes, row: Row, time: Time) -> None:
    old = tracker.opened(lamp, connects=True)
    time.pass_ms(10)
    tracker.opened(lamp, connects=True)
    tracker.closed(old)
    await tracker.settle()
    assert await row(lamp) == Presence(True, True, time.unix_ms, 0, time.unix_ms)
    assert tracker.connected == 1


async def test_who_says_much_is_noted_now_and_then(tracker: PresenceTracker, lamp: bytes, row: Row, time: Time) -> None:
    visit = tracker.opened(lamp, connects=True)
    await tracker.settle()
    came = time.unix_ms
    time.pass_ms(STEP_MS - 1)
    tracker.heard(visit, time.monotonic.now)
    assert tracker.pending == 0
    time.pass_ms(1)
    tracker.heard(visit, time.monotonic.now)
    assert tracker.pending == 1
    await tracker.settle()
    assert (await row(lamp)).last_activity_unix_ms == came + STEP_MS


async def test_listeners_hear_of_changes_once_they_are_written(
    tracker: PresenceTracker, lamp: bytes, row: Row, time: Time
) -> None:
    heard: list[Sequence[bytes]] = []
    tracker.on_changed(heard.append)
    visit = tracker.opened(lamp, connects=True)
    assert heard == []
    await tracker.settle()
    assert heard == [[lamp]]
    time.pass_ms(STEP_MS)
    tracker.heard(visit, time.monotonic.now)
    await tracker.settle()
    assert heard == [[lamp]]  # it was active before
    time.pass_ms(INACTIVITY_MS)
    tracker.heard(visit, time.monotonic.now)
    await tracker.settle()
    assert heard == [[lamp], [lamp]]
    tracker.closed(visit)
    await tracker.settle()
    assert heard == [[lamp]] * 3


async def test_what_the_store_does_not_take_waits(
    tracker: PresenceTracker, store: Store, lamp: bytes, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_: object) -> None:
        raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "down")

    heard: list[Sequence[bytes]] = []
    tracker.on_changed(heard.append)
    visit = tracker.opened(lamp, connects=True)
    with monkeypatch.context() as patched:
        patched.setattr(store.presence, "write", down)
        with pytest.raises(TrunklineError):
            await tracker.settle()
        tracker.closed(visit)
        await tracker.close()  # it is told in the log
        assert (tracker.pending, heard) == (1, [])
    await tracker.settle()
    assert heard == [[lamp]]
    presence = await row(lamp)
    assert not presence.connected and presence.last_connect_unix_ms and presence.last_disconnect_unix_ms


async def test_whoever_settles_waits_for_a_write_that_is_under_way(
    tracker: PresenceTracker, store: Store, lamp: bytes, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    write = store.presence.write

    async def slow(changes: Sequence[PresenceChange]) -> None:
        begun.set()
        await go_on.wait()
        await write(changes)

    monkeypatch.setattr(store.presence, "write", slow)
    tracker.opened(lamp, connects=True)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(tracker.settle())
        await begun.wait()
        second = tasks.create_task(tracker.settle())
        await asyncio.sleep(0)
        assert not second.done()
        go_on.set()
        await second
        assert (await row(lamp)).connected


async def test_a_hung_up_reader_loses_nothing(
    tracker: PresenceTracker, store: Store, lamp: bytes, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def stuck(_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    tracker.opened(lamp, connects=True)
    with monkeypatch.context() as patched:
        patched.setattr(store.presence, "write", stuck)
        reader = asyncio.create_task(tracker.settle())
        await begun.wait()
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
    await tracker.settle()
    assert (await row(lamp)).connected


async def test_many_are_written_in_short_transactions(
    tracker: PresenceTracker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    async def write(changes: Sequence[PresenceChange]) -> None:
        sizes.append(len(changes))

    monkeypatch.setattr(store.presence, "write", write)
    for number in range(WRITE_BATCH * 2 + 1):
        tracker.opened(number.to_bytes(16), connects=True)
    await tracker.settle()
    assert sizes == [WRITE_BATCH, WRITE_BATCH, 1]
    assert tracker.written == sum(sizes)


async def test_changes_are_written_by_themselves_and_again_until_the_store_takes_them(
    tracker: PresenceTracker, store: Store, lamp: bytes, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 3
    write = store.presence.write

    async def failing(changes: Sequence[PresenceChange]) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "down")
        await write(changes)

    monkeypatch.setattr(store.presence, "write", failing)
    running = asyncio.create_task(tracker.run())
    await asyncio.sleep(0)  # it waits
    tracker.opened(lamp, connects=True)
    await until(lambda: tracker.written)
    assert (await row(lamp)).connected
    running.cancel()
    await asyncio.wait([running])


async def test_activity_alone_is_written_by_itself_too(store: Store, lamp: bytes, row: Row, time: Time) -> None:
    tracker = PresenceTracker(
        store.presence,
        inactivity_ms=INACTIVITY_MS,
        write_ms=1,
        activity_write_ms=1,
        clock=time.monotonic,
        now_ms=lambda: time.unix_ms,
    )
    visit = tracker.opened(lamp, connects=True)
    await tracker.settle()
    tracker._due.clear()
    time.pass_ms(STEP_MS)
    tracker.heard(visit, time.monotonic.now)
    running = asyncio.create_task(tracker.run())
    await until(lambda: tracker.written == 2)
    assert (await row(lamp)).last_activity_unix_ms == time.unix_ms
    running.cancel()
    await asyncio.wait([running])


# --- after a restart ---


async def test_who_comes_back_after_a_restart_was_never_away(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, row: Row, time: Time
) -> None:
    tracker.opened(lamp, connects=True)
    await tracker.close()
    before = await row(lamp)
    assert before.connected
    time.pass_ms(1_000)
    again = await new_tracker()
    assert again.connected == 1
    again.opened(lamp, connects=True, resumed=True)
    await again.dismiss(0, lambda: False)
    await again.settle()
    assert await row(lamp) == before
    assert (again.connected, again.written) == (1, 0)


async def test_who_does_not_come_back_went_when_the_core_was_last_there(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, pump: bytes, row: Row, time: Time
) -> None:
    came = time.unix_ms
    tracker.opened(lamp, connects=True)
    time.pass_ms(2_000)
    tracker.opened(pump, connects=True)
    await tracker.close()
    went = time.unix_ms
    time.pass_ms(60_000)
    again = await new_tracker()
    heard: list[Sequence[bytes]] = []
    again.on_changed(heard.append)
    again.opened(pump, connects=True, resumed=True)
    assert (await row(lamp)).connected  # it may come back yet
    await again.dismiss(0, lambda: False)
    await again.settle()
    assert await row(lamp) == Presence(False, True, came, went, came)
    assert heard == [[lamp]]
    assert (again.connected, list(again._records)) == (1, [pump])


async def test_a_poll_of_an_awaited_device_does_not_disconnect_it(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, row: Row
) -> None:
    tracker.opened(lamp, connects=True)
    await tracker.close()
    again = await new_tracker()
    again.closed(again.opened(lamp, connects=False))
    await again.settle()
    assert (await row(lamp)).connected


async def test_who_comes_back_too_late_connects_anew(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, row: Row, time: Time
) -> None:
    tracker.opened(lamp, connects=True)
    await tracker.close()
    again = await new_tracker()
    await again.dismiss(0, lambda: False)
    time.pass_ms(1_000)
    again.opened(lamp, connects=True, resumed=True)
    await again.settle()
    presence = await row(lamp)
    assert (presence.connected, presence.last_connect_unix_ms) == (True, time.unix_ms)


async def test_nobody_is_dismissed_while_workers_name_their_sessions(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.presence.tracker.LOOK_AGAIN_S", 0.001)
    tracker.opened(lamp, connects=True)
    await tracker.close()
    again = await new_tracker()
    looks = 0

    def returning() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            again.opened(lamp, connects=True, resumed=True)
        return True

    async with asyncio.timeout(10):
        await again.dismiss(0, returning)
    assert (again.connected, again.pending, looks) == (1, 0, 3)


async def test_patience_has_an_end(
    tracker: PresenceTracker, new_tracker: NewTracker, lamp: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.presence.tracker.LOOK_AGAIN_S", 0.001)
    monkeypatch.setattr("trunkline.core.presence.tracker.MOST_PATIENCE_S", 0.01)
    tracker.opened(lamp, connects=True)
    await tracker.close()
    again = await new_tracker()
    async with asyncio.timeout(10):
        await again.dismiss(0, lambda: True)
    assert again.connected == 0


# --- any history ---


class Books:
    """Rows in memory that keep what a device's history must come to."""

    def __init__(self) -> None:
        self.rows: dict[bytes, PresenceChange] = {}

    async def write(self, changes: Sequence[PresenceChange]) -> None:
        self.rows.update({change.device_id: change for change in changes})


@given(st.lists(st.tuples(st.sampled_from("open poll resume close settle".split()), st.integers(0, 3)), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_history_leaves_the_row_that_its_sessions_say(history: list[tuple[str, int]]) -> None:
    books: Any = Books()  # in place of rows, whose table knows devices only
    now = 0
    tracker = PresenceTracker(
        books, inactivity_ms=100, write_ms=1, activity_write_ms=1, clock=lambda: now, now_ms=lambda: now
    )
    open_: list[Visit] = []
    for event, which in history:
        now += 1
        if event == "close":
            if open_:
                tracker.closed(open_.pop(which % len(open_)))
        elif event == "settle":
            await tracker.settle()
        else:
            open_.append(tracker.opened(b"d" * 16, connects=event != "poll", resumed=event == "resume"))
    await tracker.settle()
    connected = any(visit.connects for visit in open_)
    assert tracker.connected == connected
    row = books.rows.get(b"d" * 16)
    assert (row.connected if row else False) == connected
    assert tracker.pending == 0
    assert len(tracker._records) == bool(open_)
