from trunkline.transports.endpoints.mqtt.device_requests import DeviceRequest, DeviceRequests
from trunkline.transports.endpoints.mqtt.topics import DEVICE_CALL_V1


def request(request_id: int, due_ms: int) -> DeviceRequest:
    return DeviceRequest(DEVICE_CALL_V1, request_id, due_ms, b"")


def test_a_request_is_answered_once() -> None:
    requests = DeviceRequests()
    requests.add(1, request(5, 100))
    assert len(requests) == 1
    answered = requests.answered(1)
    assert answered is not None
    assert answered.request_id == 5
    assert requests.answered(1) is None


def test_the_oldest_are_overdue_first() -> None:
    requests = DeviceRequests()
    for number in (1, 2, 3):
        requests.add(number, request(number, number * 100))
    assert requests.overdue(99) == []
    assert [late.request_id for late in requests.overdue(200)] == [1, 2]
    assert requests.answered(1) is None
    assert len(requests) == 1
