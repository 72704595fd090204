from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.wire import Unreadable, WireBroken
from trunkline.v1.error_pb2 import ErrorReason


def test_a_broken_wire_says_what_is_known_of_the_cause() -> None:
    error = TrunklineError(ErrorReason.ERROR_REASON_LINK_SUPERSEDED, "another worker has this name")
    broken = WireBroken(error)
    assert broken.error is error
    assert str(broken) == "another worker has this name"


def test_an_unreadable_frame_says_what_the_problem_was() -> None:
    assert Unreadable("data: unknown value 9").problem == "data: unknown value 9"
