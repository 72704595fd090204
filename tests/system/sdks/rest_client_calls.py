"""tb-rest-client against a server: the life of a device, from login to deletion. Arguments: URL, device's token."""

import json
import sys

from tb_rest_client.models import Device
from tb_rest_client.rest_client import RestClient

CALL = {"method": "setGpio", "params": {"pin": 7, "value": 1}, "timeout": 10_000}

url, access_token = sys.argv[1:]
with RestClient(url) as client:
    client.login("tenant@thingsboard.org", "tenant")
    first = client.get_token()
    client.refresh()
    assert client.get_token() != first

    made = client.save_device(Device(name=access_token, type="default"), access_token=access_token)
    assert client.get_device_by_id(made.id).name == access_token
    assert client.get_device_credentials_by_device_id(made.id).credentials_id == access_token

    print("created", flush=True)
    input()  # the device is there

    for two_way, one_way in (
        (client.handle_two_way_device_rpc_request, client.handle_one_way_device_rpc_request),
        (client.handle_two_way_device_rpc_request_v1, client.handle_one_way_device_rpc_request_v1),
    ):
        assert two_way(made.id, json.dumps(CALL)) == {"did": "setGpio", "with": CALL["params"]}
        one_way(made.id, json.dumps(CALL))

    client.delete_device(made.id)
