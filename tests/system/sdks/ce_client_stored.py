"""tb-ce-client against a server: persistent calls, from the queue to deletion. Arguments: URL, device's token."""

import ast
import json
import sys
import time

from tb_ce_client import ThingsboardClient
from tb_ce_client.exceptions import NotFoundException
from tb_ce_client.models.device import Device

CALL = {"method": "setGpio", "params": {"pin": 7}, "persistent": True, "timeout": 60_000, "additionalInfo": {"a": 1}}
QUIET = CALL | {"method": "blink", "retries": 3}  # the device acknowledges it, and answers nothing

url, access_token = sys.argv[1:]
with ThingsboardClient(url, "tenant@thingsboard.org", "tenant") as client:
    made = client.save_device(Device(name=access_token, type="default"), access_token=access_token)
    device_id = str(made.id.id)
    # answers that are text by their type: the client makes Python's of the JSON
    two_way = ast.literal_eval(client.handle_two_way_device_rpc_request_v2(device_id, json.dumps(CALL)))["rpcId"]
    one_way = ast.literal_eval(client.handle_one_way_device_rpc_request_v1(device_id, json.dumps(QUIET)))["rpcId"]
    queued = client.get_persisted_rpc(two_way)
    assert (queued.status, queued.response, queued.additional_info) == ("QUEUED", None, {"a": 1})
    assert (str(queued.id.id), str(queued.device_id.id)) == (two_way, device_id)

    print("queued", flush=True)
    input()  # the device is there

    for rpc_id, status in ((two_way, "SUCCESSFUL"), (one_way, "DELIVERED")):
        while (rpc := client.get_persisted_rpc(rpc_id)).status in ("QUEUED", "SENT"):
            time.sleep(0.1)
        assert rpc.status == status, rpc
    assert client.get_persisted_rpc(two_way).response == {"did": "setGpio", "with": {"pin": 7}}
    page = client.get_persisted_rpc_by_device(
        device_id, 10, 0, rpc_status="DELIVERED", sort_property="createdTime", sort_order="DESC"
    )
    assert one_way in page
    assert two_way not in page
    client.delete_rpc(two_way)
    try:
        client.get_persisted_rpc(two_way)
    except NotFoundException:
        client.delete_device(device_id)
        sys.exit()
sys.exit("the call is still there")
