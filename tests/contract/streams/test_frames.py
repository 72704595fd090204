from typing import Any

import pytest
from doubles.frame_strategies import frame_classes

from trunkline.contract.streams.frames import AnswerFrame, Batch, CallerFrame, CoreFrame, Frame, HangUp, WorkerFrame
from trunkline.v1 import rpc_service_pb2, transport_service_pb2

DIRECTIONS: dict[type[Frame], Any] = {
    WorkerFrame: transport_service_pb2.WorkerFrame,
    CoreFrame: transport_service_pb2.CoreFrame,
    CallerFrame: rpc_service_pb2.CallerFrame,
    AnswerFrame: rpc_service_pb2.AnswerFrame,
}

TIMES = {"timeout_ms", "remaining_ms"}
"""On the wire; frames say `deadline_ms`."""

OURS_ALONE = {"session", "wait_until_ms"}
"""Stands in the envelope; does not travel."""


@pytest.mark.parametrize("base", DIRECTIONS, ids=lambda base: base.__name__)
def test_there_is_a_frame_for_every_message_of_the_envelope_and_no_other(base: type[Frame]) -> None:
    members = DIRECTIONS[base].DESCRIPTOR.oneofs_by_name["frame"].fields
    assert {cls.__name__ for cls in frame_classes(base)} == {member.message_type.name for member in members}


@pytest.mark.parametrize("base", DIRECTIONS, ids=lambda base: base.__name__)
def test_a_frame_has_the_fields_of_its_message(base: type[Frame]) -> None:
    members = DIRECTIONS[base].DESCRIPTOR.oneofs_by_name["frame"].fields
    messages = {member.message_type.name: member.message_type for member in members}
    for cls in frame_classes(base):
        fields = {field.name for field in messages[cls.__name__].fields}
        expected = {"deadline_ms" if name in TIMES else name for name in fields}
        assert set(cls.__struct_fields__) - OURS_ALONE == expected, cls.__name__


def test_a_batch_says_when_it_was_written_and_what_was_handled() -> None:
    batch = Batch([HangUp((1,))])
    assert (batch.clock_ms, batch.ack) == (0, 0)
