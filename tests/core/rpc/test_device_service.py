"""DeviceService is whole."""

import pytest

from trunkline.core.rpc.device_service import DeviceService
from trunkline.v1 import device_service_pb2
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer

METHODS = device_service_pb2.DESCRIPTOR.services_by_name["DeviceService"].methods_by_name


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_somebodys(method: str) -> None:
    assert getattr(DeviceService, method) is not getattr(DeviceServiceServicer, method)
