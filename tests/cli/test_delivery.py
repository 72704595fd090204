from trunkline.cli.delivery import STRATEGY_IN_REST, Redelivery, Status, Strategy
from trunkline.v1 import call_pb2


def names(enum: object, prefix: str) -> set[str]:
    """The contract's names of an enumeration, without its prefix and its zero."""
    keys: list[str] = enum.keys()  # type: ignore[attr-defined]  # generated enumerations have it
    return {key.removeprefix(prefix) for key in keys} - {"UNSPECIFIED"}


def test_every_word_of_the_contract_has_one_here() -> None:
    assert set(STRATEGY_IN_REST) == set(Strategy)
    assert set(STRATEGY_IN_REST.values()) == names(call_pb2.SubmitStrategy, "SUBMIT_STRATEGY_")
    assert {word.upper() for word in Redelivery} == names(call_pb2.Redelivery, "REDELIVERY_")
    assert set(Status) == names(call_pb2.CallState, "CALL_STATE_")
