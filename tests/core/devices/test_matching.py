"""Which credentials open which device's session."""

import hashlib
import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from doubles.certificates import make_certificate

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import Connect, GatewayChild, MqttBasic, Refused
from trunkline.core.devices.credentials import ACCESS_TOKEN, MQTT_BASIC, X509_CERTIFICATE, NewCredentials, checked
from trunkline.core.devices.matching import shown_ids, verdict
from trunkline.core.devices.model import DeviceEntry, KnownCredentials
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind

KIND = SessionKind.SESSION_KIND_ASYNCHRONOUS
NOW_S = 1_720_000_000.0


class Registry:
    """Stored credentials, each of a device of its own that has their name."""

    def __init__(self) -> None:
        self._known: dict[str, KnownCredentials] = {}

    def token(self, name: str, token: str) -> None:
        self._add(name, NewCredentials(ACCESS_TOKEN, token))

    def basic(self, name: str, **fields: str) -> None:
        self._add(name, NewCredentials(MQTT_BASIC, credentials_value=json.dumps(fields)))

    def certificate(self, name: str, pem: str) -> None:
        self._add(name, NewCredentials(X509_CERTIFICATE, credentials_value=pem))

    def opens(self, connect: Connect, now_s: float = NOW_S) -> str:
        """The name of the device that is let in, else the message of the refusal."""
        known = {shown: self._known[shown] for shown in shown_ids(connect) if shown in self._known}
        outcome = verdict(connect, known, now_s)
        if isinstance(outcome, DeviceEntry):
            return outcome.name
        assert isinstance(outcome, Refused)
        assert outcome.session == connect.session
        assert outcome.reason == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        return outcome.detail

    def basic_opens(self, client_id: str = "", user_name: str = "", password: str = "") -> str:
        return self.opens(Connect(1, KIND, 1, mqtt_basic=MqttBasic(client_id, user_name, password)))

    def _add(self, name: str, new: NewCredentials) -> None:
        stored = checked(new)
        entry = DeviceEntry(new_id(), new_id(), b"", name, "default", new_id(), 1, gateway=False)
        self._known[stored.credentials_id] = KnownCredentials(
            stored.type, stored.credentials_id, stored.credentials_value, entry
        )


UNKNOWN = "Unknown device credentials"


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_token_opens_its_device(registry: Registry) -> None:
    registry.token("pump", "TOKEN")
    assert registry.opens(Connect(1, KIND, 1, access_token="TOKEN")) == "pump"
    for other in ("token", "TOKEN ", "", "é"):
        assert registry.opens(Connect(1, KIND, 1, access_token=other)) == UNKNOWN


def test_a_token_as_user_name_needs_nothing_else_right(registry: Registry) -> None:
    registry.token("pump", "TOKEN")
    assert registry.basic_opens(user_name="TOKEN") == "pump"
    assert registry.basic_opens("any client", "TOKEN", "any password") == "pump"
    assert registry.basic_opens("TOKEN") == UNKNOWN  # a client id is none


def test_a_client_id_alone(registry: Registry) -> None:
    registry.basic("pump", clientId="pump-1")
    assert registry.basic_opens("pump-1") == "pump"
    assert registry.basic_opens("pump-1", "", "a password nobody asked for") == "pump"
    assert registry.basic_opens("pump-2") == UNKNOWN
    assert registry.basic_opens("pump-1", "user") == UNKNOWN  # then it is the pair that counts, and the name
    assert registry.basic_opens() == UNKNOWN


def test_a_user_name_alone(registry: Registry) -> None:
    registry.basic("pump", userName="user")
    for client_id in ("", "any"):
        for password in ("", "any"):
            assert registry.basic_opens(client_id, "user", password) == "pump"
    assert registry.basic_opens("user") == UNKNOWN
    assert registry.basic_opens("", "User") == UNKNOWN


def test_a_user_name_and_a_password(registry: Registry) -> None:
    registry.basic("pump", userName="user", password="secret")
    assert registry.basic_opens("any", "user", "secret") == "pump"
    assert registry.basic_opens("", "user", "secret") == "pump"
    for password in ("", "Secret", "secre", "secret ", "é"):
        assert registry.basic_opens("any", "user", password) == UNKNOWN


def test_a_client_id_and_a_user_name(registry: Registry) -> None:
    registry.basic("pump", clientId="pump-1", userName="user")
    assert registry.basic_opens("pump-1", "user", "any") == "pump"
    for client_id, user_name in (("pump-2", "user"), ("pump-1", "other"), ("pump-1", ""), ("", "user")):
        assert registry.basic_opens(client_id, user_name) == UNKNOWN


def test_all_three(registry: Registry) -> None:
    registry.basic("pump", clientId="pump-1", userName="user", password="secret")
    assert registry.basic_opens("pump-1", "user", "secret") == "pump"
    assert registry.basic_opens("pump-1", "user", "other") == UNKNOWN
    assert registry.basic_opens("pump-1", "user") == UNKNOWN


def test_the_pair_counts_before_the_user_name(registry: Registry) -> None:
    registry.basic("pair", clientId="pump-1", userName="user")
    registry.basic("name", userName="user")
    assert registry.basic_opens("pump-1", "user") == "pair"
    assert registry.basic_opens("pump-2", "user") == "name"


def test_a_wrong_password_of_the_pair_is_the_end(registry: Registry) -> None:
    registry.basic("pair", clientId="pump-1", userName="TOKEN", password="secret")
    registry.token("token", "TOKEN")
    assert registry.basic_opens("pump-1", "TOKEN", "secret") == "pair"
    assert registry.basic_opens("pump-1", "TOKEN", "wrong") == UNKNOWN
    assert registry.basic_opens("pump-2", "TOKEN", "wrong") == "token"


def test_another_pair_with_the_same_joint_id_does_not_match(registry: Registry) -> None:
    registry.basic("pump", clientId="a|b")
    assert registry.basic_opens("a|b") == "pump"
    assert registry.basic_opens("a", "b") == UNKNOWN


def test_ids_of_one_kind_open_nothing_of_another(registry: Registry) -> None:
    registry.token("token", hashlib.sha3_256(b"pump-1").hexdigest())
    assert registry.basic_opens("pump-1") == UNKNOWN
    registry.basic("basic", userName="user")
    assert registry.opens(Connect(1, KIND, 1, access_token="user")) == UNKNOWN
    der = b"no certificate"
    registry.token("like a certificate", hashlib.sha3_256(b64encode(der)).hexdigest())
    assert registry.opens(Connect(1, KIND, 1, certificate_der=der)) == "No device has this certificate"


def test_the_id_of_a_certificate_as_user_name_opens_nothing(registry: Registry, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    registry.certificate("pump", certificate.pem)
    (shown,) = shown_ids(Connect(1, KIND, 1, certificate_der=certificate.der))
    assert registry.basic_opens("any", shown) == UNKNOWN
    assert registry.opens(Connect(1, KIND, 1, access_token=shown)) == UNKNOWN


def test_a_certificate_opens_its_device_while_it_is_valid(registry: Registry, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    registry.certificate("pump", certificate.pem)
    shown = Connect(1, KIND, 1, certificate_der=certificate.der)
    now = certificate.certificate.stat().st_mtime
    day = timedelta(days=1).total_seconds()
    assert registry.opens(shown, now) == "pump"
    assert registry.opens(shown, now + 2 * day).startswith("The certificate expired at ")
    assert registry.opens(shown, now - 3 * day).startswith("The certificate is not valid before ")
    other = make_certificate(tmp_path, "other")
    assert registry.opens(Connect(1, KIND, 1, certificate_der=other.der), now) == "No device has this certificate"


def test_a_text_that_is_no_certificate_opens_nothing(registry: Registry) -> None:
    registry.certificate("pump", b64encode(b"no certificate").decode())
    outcome = registry.opens(Connect(1, KIND, 1, certificate_der=b"no certificate"))
    assert outcome == "This is no X.509 certificate"


def test_devices_of_a_gateway_are_refused(registry: Registry) -> None:
    outcome = verdict(Connect(1, KIND, 1, child=GatewayChild(1, "Child")), {}, NOW_S)
    assert isinstance(outcome, Refused)
    assert outcome.reason == ErrorReason.ERROR_REASON_NOT_SUPPORTED
    assert shown_ids(Connect(1, KIND, 1, child=GatewayChild(1, "Child"))) == ()
