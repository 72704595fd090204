"""The page that a list request asks for."""

from collections.abc import Sequence
from typing import Final, TypeVar

from google.protobuf.message import Message

from trunkline.contract.channel import LARGEST_ANSWER_BYTES
from trunkline.core.rpc.convert import required_id
from trunkline.core.store.pages import Page
from trunkline.core.validation import invalid
from trunkline.v1.page_pb2 import PageRequest

DEFAULT_SIZE: Final = 100
LARGEST_SIZE: Final = 10_000

M = TypeVar("M", bound=Message)


def page_of(request: PageRequest) -> Page:
    """The page, with the default size unless the request says one.

    Raises INVALID_ARGUMENT for a page larger than `LARGEST_SIZE`. Whatever page number comes, 32 bits times that size
    is an offset that every database takes.
    """
    if request.size > LARGEST_SIZE:
        invalid(f"A page has at most {LARGEST_SIZE} items, not {request.size}", "size")
    return Page(
        size=request.size or DEFAULT_SIZE,
        number=request.number,
        text_search=request.text_search,
        sort_by=request.sort_by,
        descending=request.descending,
    )


def ids_of(texts: Sequence[str]) -> frozenset[bytes]:
    """The ids that a list is to be about, no more than a page has. Raises INVALID_ARGUMENT."""
    if len(texts) > LARGEST_SIZE:
        invalid(f"A list has at most {LARGEST_SIZE} ids, not {len(texts)}", "ids")
    return frozenset(required_id(text, "ids") for text in texts)


def fitting(answer: M) -> M:
    """The answer with a page. Raises INVALID_ARGUMENT if it is larger than the channel takes."""
    size = answer.ByteSize()
    if size > LARGEST_ANSWER_BYTES:
        invalid(f"The page has {size} bytes, more than {LARGEST_ANSWER_BYTES}: ask for fewer items", "size")
    return answer
