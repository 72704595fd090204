"""New credentials belong to their device."""

from doubles.device_rows import device

from trunkline.contract.ids import new_id
from trunkline.core.devices.model import access_token_credentials
from trunkline.v1.device_pb2 import CredentialsType


def test_access_token_credentials_are_the_devices() -> None:
    pump = device(new_id(), "Pump")
    credentials = access_token_credentials(pump, "token")
    assert credentials.device_id == pump.id != credentials.id
    assert credentials.type == CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN
    assert (credentials.credentials_id, credentials.credentials_value, credentials.version) == ("token", "", 1)
