"""The link's batches as protobuf messages and back, in the manner of call_codec."""

from typing import Final

from trunkline.contract.streams.codec import Codec, decode_frames, encode_frames
from trunkline.contract.streams.core_frame_codec import DECODE_CORE, ENCODE_CORE
from trunkline.contract.streams.frames import Batch, CoreFrame, WorkerFrame
from trunkline.contract.streams.wire import Unreadable
from trunkline.contract.streams.worker_frame_codec import DECODE_WORKER, ENCODE_WORKER
from trunkline.v1.transport_service_pb2 import LinkRequest, LinkResponse


def encode_link_request(batch: Batch[WorkerFrame], now: int) -> LinkRequest:
    """A worker's batch as it is written at `now`."""
    message = LinkRequest()
    message.clock_ms = now
    message.ack = batch.ack
    encode_frames(ENCODE_WORKER, batch.frames, message.frames.add, now)
    return message


def decode_link_request(message: LinkRequest, now: int, excess_ms: int) -> Batch[WorkerFrame | Unreadable]:
    """A worker's batch as it was read at `now`, `excess_ms` later than it could have come."""
    return Batch(decode_frames(DECODE_WORKER, message.frames, now - excess_ms), message.clock_ms, message.ack)


def encode_link_response(batch: Batch[CoreFrame], now: int) -> LinkResponse:
    """The core's batch as it is written at `now`."""
    message = LinkResponse()
    message.clock_ms = now
    message.ack = batch.ack
    encode_frames(ENCODE_CORE, batch.frames, message.frames.add, now)
    return message


def decode_link_response(message: LinkResponse, now: int, excess_ms: int) -> Batch[CoreFrame | Unreadable]:
    """The core's batch as it was read at `now`, `excess_ms` later than it could have come."""
    return Batch(decode_frames(DECODE_CORE, message.frames, now - excess_ms), message.clock_ms, message.ack)


WORKER_CODEC: Final = Codec(encode_link_request, decode_link_response)
CORE_CODEC: Final = Codec(encode_link_response, decode_link_request)
