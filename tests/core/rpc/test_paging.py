"""The page that a request asks for, and the one it gets."""

import pytest

from trunkline.contract.channel import LARGEST_ANSWER_BYTES
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import from_text
from trunkline.core.rpc.paging import LARGEST_SIZE, fitting, ids_of, page_of
from trunkline.core.store.pages import Page
from trunkline.v1.device_pb2 import Device
from trunkline.v1.device_service_pb2 import ListDevicesResponse
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.page_pb2 import PageRequest

LARGEST_OFFSET = 2**63 - 1


def test_nothing_said_is_the_first_page() -> None:
    assert page_of(PageRequest()) == Page(size=100, number=0)


def test_everything_said_is_taken() -> None:
    request = PageRequest(size=5, number=2, text_search="a", sort_by="name", descending=True)
    assert page_of(request) == Page(size=5, number=2, text_search="a", sort_by="name", descending=True)


def test_no_page_is_beyond_what_databases_count() -> None:
    page = page_of(PageRequest(size=LARGEST_SIZE, number=2**32 - 1))
    assert page.size * page.number <= LARGEST_OFFSET


def test_a_page_may_be_too_large() -> None:
    with pytest.raises(TrunklineError, match="A page has at most 10000 items, not 10001") as caught:
        page_of(PageRequest(size=LARGEST_SIZE + 1))
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.metadata == {"field": "size"}


def test_a_list_is_about_no_more_than_a_page_has() -> None:
    id_text = "784f394c-42b6-435a-983c-b7beff2784f9"
    assert ids_of([]) == frozenset()
    assert ids_of([id_text] * LARGEST_SIZE) == {from_text(id_text)}
    with pytest.raises(TrunklineError, match="A list has at most 10000 ids, not 10001") as caught:
        ids_of([id_text] * (LARGEST_SIZE + 1))
    assert caught.value.metadata == {"field": "ids"}


def test_an_answer_may_be_too_large() -> None:
    small = ListDevicesResponse(total=1)
    assert fitting(small) is small
    large = ListDevicesResponse(devices=[Device(additional_info=bytes(LARGEST_ANSWER_BYTES))])
    with pytest.raises(TrunklineError, match="ask for fewer items") as caught:
        fitting(large)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
