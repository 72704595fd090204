"""tb-mqtt-client as a device: it learns its limits and answers calls until its input ends. Arguments: port, token."""

import sys
import threading

from tb_device_mqtt import TBDeviceMqttClient

port, access_token = sys.argv[1:]
limits = threading.Event()


class Device(TBDeviceMqttClient):
    """Says when the server answered what it asks first."""

    def on_service_configuration(self, *args: object, **options: object) -> None:
        super().on_service_configuration(*args, **options)
        if self.rate_limits_received:
            limits.set()


device = Device("127.0.0.1", int(port), access_token)
device.set_server_side_rpc_request_handler(
    lambda request_id, call: device.send_rpc_reply(request_id, {"did": call["method"], "with": call["params"]})
)
device.connect()
try:
    assert limits.wait(30), "getSessionLimits was not answered"
    print(f"limits {device.max_payload_size}", flush=True)
    sys.stdin.read()
finally:
    device.stop()
