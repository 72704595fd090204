"""What is read from the rows of devices."""

import pytest
from doubles.device_rows import device, stored
from doubles.people import People

from trunkline.core.devices.model import DeviceFilter
from trunkline.core.store.device_queries import DEVICES, filtered, sortable
from trunkline.core.store.store import Store


@pytest.mark.parametrize(
    ("info", "gateway"),
    [
        (b'{"gateway":true}', True),
        (b'{"a":"gateway","gateway":true}', True),
        (b'{"g\\u0061teway":true}', True),
        (b'{"gateway":"yes"}', False),
        (b'{"gateway":1}', False),
        (b'{"gateway":false}', False),
        (b'{"a":{"gateway":true}}', False),
        (b'["gateway"]', False),
        (b'{"overGateway":true}', False),
        (b"", False),
    ],
)
async def test_a_gateway_says_so(store: Store, people: People, info: bytes, gateway: bool) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump", info=info))
    (entry,) = await store.devices.entries([pump.id])
    assert entry.gateway is gateway


def test_nothing_is_asked_of_an_empty_filter() -> None:
    assert filtered(DEVICES, DeviceFilter(), 0) is DEVICES


def test_the_documented_fields_sort() -> None:
    assert list(sortable(0)) == ["create_time", "name", "type", "label", "customer_title", "active"]
