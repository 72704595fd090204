"""tb-rest-client against a server: persistent calls, from the queue to deletion. Arguments: URL, device's token."""

import json
import sys
import time

from tb_rest_client.models import Device
from tb_rest_client.rest import ApiException
from tb_rest_client.rest_client import RestClient

CALL = {"method": "setGpio", "params": {"pin": 7}, "persistent": True, "timeout": 60_000, "additionalInfo": {"a": 1}}
QUIET = CALL | {"method": "blink", "retries": 3}  # the device acknowledges it, and answers nothing

url, access_token = sys.argv[1:]
with RestClient(url) as client:
    client.login("tenant@thingsboard.org", "tenant")
    made = client.save_device(Device(name=access_token, type="default"), access_token=access_token)
    two_way = client.handle_two_way_device_rpc_request(made.id, json.dumps(CALL))["rpcId"]
    one_way = client.handle_one_way_device_rpc_request_v1(made.id, json.dumps(QUIET))["rpcId"]
    queued = client.get_persisted_rpc(two_way)
    assert (queued.status, queued.response, queued.additional_info) == ("QUEUED", None, {"a": 1})
    assert (queued.id.id, queued.device_id.id) == (two_way, made.id.id)

    print("queued", flush=True)
    input()  # the device is there

    for rpc_id, status in ((two_way, "SUCCESSFUL"), (one_way, "DELIVERED")):
        while (rpc := client.get_persisted_rpc(rpc_id)).status in ("QUEUED", "SENT"):
            time.sleep(0.1)
        assert rpc.status == status, rpc
    assert client.get_persisted_rpc(two_way).response == {"did": "setGpio", "with": {"pin": 7}}
    page = client.get_persisted_rpc_by_device(
        made.id, page_size=10, page=0, rpc_status="DELIVERED", sort_property="createdTime", sort_order="DESC"
    )
    page = page if isinstance(page, dict) else page.to_dict()
    assert [rpc["id"]["id"] for rpc in page["data"]] == [one_way]
    client.delete_rpc(two_way)
    try:
        client.get_persisted_rpc(two_way)
        sys.exit("the call is still there")
    except ApiException as error:
        assert error.status == 404
    client.delete_device(made.id)
