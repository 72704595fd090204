"""What the page on gRPC shows of devices: the Python runs as written, and grpcurl's requests are ones."""

import re
import subprocess
import sys
import textwrap
import threading
from typing import Final

import pytest
from google.protobuf import json_format, message_factory
from system.paho_device import paho_device
from system.rest_caller import rest_caller
from system.runners import ROOT, Served

from trunkline.v1 import device_service_pb2, identity_service_pb2, rpc_service_pb2

PAGE: Final = (ROOT / "docs" / "grpc.md").read_text()
GRPCURL: Final = re.compile(
    r"grpcurl -plaintext[^'`]*(?:-d '([^']*)')?[\s\\]*localhost:9090 (trunkline\.v1\.\w+)/(\w+)"
)
"""What is sent, the service and the method."""

SERVICES: Final = {
    service.full_name: service
    for file in (device_service_pb2, identity_service_pb2, rpc_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}


def python(heading: str) -> str:
    """The Python of one section."""
    found = re.search(rf"^## {heading}$.*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def program(served: Served, snippet: str) -> list[str]:
    """A command that runs a snippet, which may await and uses `Client` and `jwt`."""
    with rest_caller(served.rest) as tenant:
        jwt = tenant.http.headers["X-Authorization"].removeprefix("Bearer ")
    source = "import asyncio\nfrom trunkline.client.client import Client\n"
    source += f"jwt = {jwt!r}\nasync def main():\n{textwrap.indent(snippet, '    ')}\nasyncio.run(main())\n"
    return [sys.executable, "-u", "-c", served.at_these_ports(source)]


def test_lists_devices(served: Served) -> None:
    listing = python("Devices and lists").replace('type="pump"', 'type="default"')
    with paho_device(served.mqtt_port, "A1_TEST_TOKEN"):
        printed = subprocess.check_output(program(served, listing), text=True, timeout=60)
    assert "Test Device A1 True\n" in printed


def test_watches_presence(served: Served) -> None:
    with rest_caller(served.rest) as tenant:
        device_id = tenant.device_id("Test Device A2")
    snippet = textwrap.indent(python("Which devices are there"), "    ")
    watching = f'async with Client.connect("localhost:9090", token=jwt) as client:\n{snippet}'
    with subprocess.Popen(program(served, watching), stdout=subprocess.PIPE, text=True) as watch:
        guard = threading.Timer(60, watch.kill)  # then the lines end
        guard.start()
        try:
            assert watch.stdout is not None
            lines = iter(watch.stdout)
            assert f"{device_id} False\n" in lines
            with paho_device(served.mqtt_port, "A2_TEST_TOKEN"):
                assert f"{device_id} True\n" in lines
            assert f"{device_id} False\n" in lines
        finally:
            guard.cancel()
            watch.kill()


@pytest.mark.parametrize(("data", "service", "method"), GRPCURL.findall(PAGE))
def test_grpcurl_asks_for_what_there_is(data: str, service: str, method: str) -> None:
    request = SERVICES[service].methods_by_name[method].input_type
    json_format.Parse(data or "{}", message_factory.GetMessageClass(request)())
