"""Keys are fetched when they are needed, not once per token that names an unknown one."""

import json

import pytest
from doubles.recording_core import Signer

from trunkline.contract.errors import TrunklineError
from trunkline.facade.signing_keys import SigningKeys
from trunkline.v1.error_pb2 import ErrorReason


class Source:
    """Gives the keys of its signers, or fails."""

    def __init__(self) -> None:
        self.signers = [Signer("a")]
        self.fetches = 0
        self.away = False

    async def __call__(self) -> bytes:
        self.fetches += 1
        if self.away:
            raise TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "away")
        return json.dumps({"keys": [signer.public() for signer in self.signers]}).encode()


async def test_a_known_key_is_fetched_once() -> None:
    source = Source()
    keys = SigningKeys(source)
    assert await keys.find("a") is not None
    assert await keys.find("a") is not None
    assert source.fetches == 1


async def test_unknown_keys_do_not_flood_the_core() -> None:
    source = Source()
    keys = SigningKeys(source)
    for _ in range(10):
        assert await keys.find("b") is None
    assert source.fetches == 1


async def test_a_new_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.facade.signing_keys.REFETCH_AFTER_S", 0.0)
    source = Source()
    keys = SigningKeys(source)
    assert await keys.find("b") is None
    source.signers.append(Signer("b"))
    assert await keys.find("b") is not None


async def test_a_core_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.facade.signing_keys.REFETCH_AFTER_S", 0.0)
    source = Source()
    keys = SigningKeys(source)
    source.away = True
    with pytest.raises(TrunklineError, match="away"):
        await keys.find("a")
    with pytest.raises(TrunklineError, match="away"):
        await keys.key_set()
    source.away = False
    text = await keys.key_set()
    source.away = True
    assert await keys.find("a") is not None
    assert await keys.key_set() == text
    assert json.loads(text)["keys"][0]["kid"] == "a"
