import asyncio

import pytest
from doubles.pairs import call_wires

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import AnswerFrame, Batch, CallerDrain, CallerFrame, HangUp
from trunkline.contract.streams.memory_wire import MemoryConnector
from trunkline.contract.streams.wire import Wire, WireBroken
from trunkline.v1.error_pb2 import ErrorReason

ERROR = TrunklineError(ErrorReason.ERROR_REASON_LINK_SUPERSEDED, "superseded")


async def test_batches_pass_as_they_are_in_order() -> None:
    ours, theirs = call_wires()
    batches = [Batch([HangUp((n,))]) for n in range(3)]
    for batch in batches:
        await ours.write(batch)
    assert [await theirs.read() for _ in batches] == batches
    answer = Batch([CallerDrain(1)])
    await theirs.write(answer)
    assert await ours.read() is answer


async def test_a_reader_waits_for_what_is_written_later() -> None:
    ours, theirs = call_wires()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(theirs.read())
        await asyncio.sleep(0)
        await ours.write(Batch([HangUp((1,))]))
    assert reading.result() == Batch([HangUp((1,))])


async def test_what_was_written_before_the_end_is_still_read() -> None:
    ours, theirs = call_wires()
    await ours.write(Batch([HangUp((1,))]))
    await ours.close()
    await ours.close()
    assert await theirs.read() == Batch([HangUp((1,))])
    assert await theirs.read() is None
    with pytest.raises(WireBroken):
        await theirs.write(Batch([CallerDrain(1)]))
    with pytest.raises(WireBroken):
        await ours.read()


async def test_an_error_is_told_to_the_peer() -> None:
    ours, theirs = call_wires()
    await theirs.close(ERROR)
    with pytest.raises(WireBroken) as raised:
        await ours.read()
    assert raised.value.error is ERROR


async def test_interrupting_breaks_the_pending_read_and_every_later_one() -> None:
    ours, _theirs = call_wires()
    async with asyncio.timeout(5):
        asyncio.get_running_loop().call_soon(ours.interrupt, ERROR)
        for _ in range(2):
            with pytest.raises(TrunklineError) as raised:
                await ours.read()
            assert raised.value is ERROR


async def test_a_connector_hands_the_other_side_over() -> None:
    accepted: list[Wire[AnswerFrame, CallerFrame]] = []
    connector: MemoryConnector[CallerFrame, AnswerFrame] = MemoryConnector(accepted.append)
    ours = await connector.connect()
    await ours.write(Batch([HangUp((1,))]))
    assert await accepted[0].read() == Batch([HangUp((1,))])
    await connector.connect()
    assert len(accepted) == 2
