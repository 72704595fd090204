import json
from contextlib import aclosing
from typing import Any

import pytest
from doubles.scripted_http import ScriptedHttp, answer, stream

from trunkline.cli.answers import RestError
from trunkline.cli.login import Login
from trunkline.cli.output import Output, instant
from trunkline.cli.patience import Patience
from trunkline.cli.rest import Rest
from trunkline.cli.server_sent_events import Event
from trunkline.cli.watch import MAX_NAMES, Names, as_json, follow, in_one_line, watch

DEVICE_ID = "784f394c-42b6-435a-983c-b7beff2784f9"
CALL_ID = "bea26301-1aec-41ec-9441-73a37bbb7cd2"
NOW = 1_764_000_000_123


def change(status: str, **other: Any) -> dict[str, Any]:
    """What the server tells of a call."""
    told = {"rpcId": CALL_ID, "deviceId": DEVICE_ID, "method": "dim", "oneway": False, "persistent": True}
    return {**told, "status": status, "outcome": None, "cause": None, "ts": NOW, "lateReply": False, **other}


def event(name: str, data: Any, cursor: str = "") -> str:
    head = f"id: {cursor}\n" if cursor else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"


async def followed(server: ScriptedHttp, count: int, cursor: str = "", **query: Any) -> list[Event]:
    """The first events of a stream that nobody waits for between its connections."""
    found: list[Event] = []
    async with Rest(server.url, Login(token="t")) as rest:
        async with aclosing(follow(rest, Patience(lambda _: None, pauses_s=(0,)), cursor, **query)) as events:
            while len(found) < count:
                found.append(await anext(events))
    return found


def shown_cursors(server: ScriptedHttp) -> list[str]:
    """Where each request asked to go on."""
    heads = [dict(line.split(": ", 1) for line in asked.splitlines()[1:] if line) for asked in server.asked]
    return [head.get("Last-Event-ID", "") for head in heads]


async def test_a_stream_that_breaks_is_gone_on_from_where_it_was() -> None:
    first = stream(event("call", change("QUEUED"), "1") + "id: 2\n\n" + "id: 3\nevent: call\ndata: half")
    gone = (b"", answer({"message": "not now"}, "503 Service Unavailable"))
    async with ScriptedHttp(first, *gone, stream(event("call", change("SENT"), "3"))) as server:
        events = await followed(server, 2, deviceId=DEVICE_ID, rpcStatus=["QUEUED", "SENT"])
    assert [json.loads(event.data)["status"] for event in events] == ["QUEUED", "SENT"]
    assert shown_cursors(server) == ["", "2", "2", "2"]
    assert {asked.split()[1] for asked in server.asked} == {
        f"/api/rpc/events?deviceId={DEVICE_ID}&rpcStatus=QUEUED&rpcStatus=SENT"
    }


async def test_several_events_that_come_together_are_told_again_together() -> None:
    together = event("call", change("QUEUED")) + event("call", change("SENT"))
    whole = together + event("call", change("DELIVERED"), "3")
    async with ScriptedHttp(stream(event("call", change("QUEUED"), "0") + together), stream(whole)) as server:
        events = await followed(server, 6)
    assert [event.cursor for event in events] == ["0", "0", "0", "0", "0", "3"]
    assert shown_cursors(server) == ["", "0"]


async def test_an_end_that_the_server_announces_is_no_end() -> None:
    end = event("end", {"message": "The service is about to stop", "status": 503})
    async with ScriptedHttp(stream(": hello\n\n" + end), stream(event("call", change("SENT"), "8"))) as server:
        (found,) = await followed(server, 1, "7")
    assert found.cursor == "8"
    assert shown_cursors(server) == ["7", "7"]


@pytest.mark.parametrize(
    "refused", [answer({"message": "no such device"}, "404 Not Found"), b"", answer({}, "503 Service Unavailable")]
)
async def test_a_stream_that_never_began_is_not_waited_for(refused: bytes) -> None:
    async with ScriptedHttp(refused) as server:
        with pytest.raises(RestError):
            await followed(server, 1)


async def test_people_get_a_line_for_each_change(capfd: pytest.CaptureFixture[str]) -> None:
    told = (
        event("cursorExpired", {})
        + event("call", change("QUEUED"), "1")
        + event("snapshotEnd", {}, "2")
        + event("call", change("FAILED", method="di\x1bm", cause="CANCELLED"), "3")
        + event("call", change("EXPIRED", cause="NO_REPLY", lateReply=True), "4")
        + event("call", change("SENT"), "5")
    )
    async with ScriptedHttp(stream(told), answer({"name": "Lamp 1"})) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            await watch(follow(rest, Patience(print)), Names(rest), Output(), 3)
    out, err = capfd.readouterr()
    assert out.splitlines() == [
        f"{instant(NOW)}  QUEUED      {CALL_ID}  Lamp 1: dim",
        f"{instant(NOW)}  FAILED      {CALL_ID}  Lamp 1: di\\u001bm  CANCELLED",
        f"{instant(NOW)}  EXPIRED     {CALL_ID}  Lamp 1: dim  late answer",
    ]
    assert err == "What happened meanwhile is not known any more. These calls have not ended:\n"


async def test_programs_get_an_object_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    told = event("snapshotEnd", {}, "2") + event("call", change("SENT"), "3")
    async with ScriptedHttp(stream(told)) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            await watch(follow(rest, Patience(print)), Names(rest), Output(as_json=True), 1)
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"event": "snapshotEnd", "cursor": "2"},
        {"event": "call", "cursor": "3", **change("SENT")},
    ]


def test_json_stays_on_one_line() -> None:
    assert as_json(Event("call", '{"method":"é\\n"}', "1")) == '{"event": "call", "cursor": "1", "method": "é\\n"}'


async def test_names_are_asked_for_once_and_ids_stand_for_those_that_are_gone() -> None:
    async with ScriptedHttp(answer({"name": "Lamp 1"}), answer({"message": "gone"}, "404 Not Found")) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            names = Names(rest)
            for _ in range(2):
                assert await names.of(DEVICE_ID) == "Lamp 1"
                assert await names.of("another") == "another"
            assert (await in_one_line(change("SENT"), names)).endswith("Lamp 1: dim")
    assert len(server.asked) == 2


async def test_a_name_that_cannot_be_had_now_is_asked_for_again() -> None:
    async with ScriptedHttp(answer({}, "503 Service Unavailable"), answer({"name": "Lamp 1"})) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            names = Names(rest)
            assert await names.of(DEVICE_ID) == DEVICE_ID
            assert await names.of(DEVICE_ID) == "Lamp 1"


async def test_only_so_many_names_are_remembered() -> None:
    async with Rest("http://127.0.0.1:1", Login(token="t")) as nowhere:
        names = Names(nowhere)
        for number in range(MAX_NAMES + 1):
            names.remember(str(number), "name")
        assert len(names) == 1
