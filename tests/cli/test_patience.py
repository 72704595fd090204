import pytest

from trunkline.cli.answers import RestError
from trunkline.cli.patience import Patience


async def test_a_server_that_never_answered_is_not_waited_for() -> None:
    said: list[str] = []
    with pytest.raises(RestError, match="cannot be reached"):
        await Patience(said.append, pauses_s=(0,)).wait(RestError("cannot be reached"))
    assert said == []


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
async def test_one_that_did_is_and_both_are_said_once(status: int) -> None:
    said: list[str] = []
    patience = Patience(said.append, pauses_s=(0,))
    patience.answered()
    for _ in range(3):
        await patience.wait(RestError("It is away.", status))
    patience.answered()
    patience.answered()
    assert said == ["It is away. Waiting for it.", "The server is back."]
    await patience.wait(RestError("It is away again.", status))
    assert said[2:] == ["It is away again. Waiting for it."]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_a_refusal_does_not_pass(status: int) -> None:
    patience = Patience(print, pauses_s=(0,))
    patience.answered()
    with pytest.raises(RestError):
        await patience.wait(RestError("No.", status))
