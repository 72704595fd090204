"""tb-ce-client against a server: the life of a device, from login to deletion. Arguments: URL, device's token."""

import json
import sys

from tb_ce_client import ThingsboardClient
from tb_ce_client.exceptions import NotFoundException
from tb_ce_client.models.device import Device

CALL = {"method": "setGpio", "params": {"pin": 7, "value": 1}, "timeout": 10_000}

url, access_token = sys.argv[1:]
with ThingsboardClient(url, "tenant@thingsboard.org", "tenant") as client:
    tokens = client._auth_manager
    first = tokens.get_token()
    tokens._do_refresh_token(tokens._token_info)  # it refreshes only when the token is about to expire
    assert tokens.get_token() != first

    made = client.save_device(Device(name=access_token, type="default"), access_token=access_token)
    device_id = str(made.id.id)
    assert client.get_device_by_id(device_id).name == access_token
    assert client.get_device_credentials_by_device_id(device_id).credentials_id == access_token

    print("created", flush=True)
    input()  # the device is there

    for two_way, one_way in (
        (client.handle_two_way_device_rpc_request_v1, client.handle_one_way_device_rpc_request_v1),
        (client.handle_two_way_device_rpc_request_v2, client.handle_one_way_device_rpc_request_v2),
    ):
        reply = two_way(device_id, json.dumps(CALL))  # text by its type: the client makes Python's of the JSON
        assert reply == str({"did": "setGpio", "with": CALL["params"]})
        one_way(device_id, json.dumps(CALL))

    client.delete_device(device_id)
    try:
        client.get_device_by_id(device_id)
    except NotFoundException:
        sys.exit()
sys.exit("the device is still there")
