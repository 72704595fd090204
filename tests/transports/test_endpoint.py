from doubles.bare_endpoint import BareDevice, BareEndpoint
from doubles.recording_link import RecordingLink

from trunkline.transports.endpoint import DeviceSession, Endpoint, Link
from trunkline.transports.endpoints.mqtt.server import MqttEndpoint
from trunkline.transports.endpoints.mqtt.session import MqttSession
from trunkline.transports.worker import Worker

# The assignments below are for the type checkers: they fail where an interface and its implementations part.
ENDPOINTS: list[type[Endpoint]] = [MqttEndpoint, BareEndpoint]
SESSIONS: list[type[DeviceSession]] = [MqttSession, BareDevice]
LINKS: list[type[Link]] = [Worker, RecordingLink]


def test_whoever_implements_an_interface_has_all_of_it() -> None:
    for interface, implementations in ((Endpoint, ENDPOINTS), (DeviceSession, SESSIONS), (Link, LINKS)):
        methods = [name for name, value in vars(interface).items() if callable(value) and not name.startswith("_")]
        assert methods
        for implementation in implementations:
            assert all(callable(getattr(implementation, name)) for name in methods)
            assert all(getattr(interface, name).__doc__ for name in methods)
