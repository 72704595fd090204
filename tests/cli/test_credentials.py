import io
import json
import re
from pathlib import Path

import pytest
from cryptography import x509
from doubles.certificates import make_certificate

from trunkline.cli.credentials import HIDDEN, Credentials, from_stdin, generated_token, read_certificate, shown
from trunkline.cli.errors import CommandError


def test_an_access_token() -> None:
    body = {"credentialsType": "ACCESS_TOKEN", "credentialsId": "T", "credentialsValue": None}
    assert Credentials.access_token("T").body() == body


def test_generated_tokens_look_like_the_servers() -> None:
    first, second = generated_token(), generated_token()
    assert first != second
    assert re.fullmatch("[A-Za-z0-9]{20}", first)


def test_mqtt_credentials() -> None:
    body = Credentials.mqtt(client_id="c", user_name=None, password="").body()
    assert body["credentialsType"] == "MQTT_BASIC"
    assert json.loads(body["credentialsValue"]) == {"clientId": "c", "userName": None, "password": None}
    with pytest.raises(CommandError, match="need a client id"):
        Credentials.mqtt(client_id="", user_name=None, password="p")


def test_the_certificate_is_read_and_the_key_beside_it_is_not(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(made.key.read_text() + made.pem)
    der = tmp_path / "certificate.der"
    der.write_bytes(made.der)
    for path in (made.certificate, both, der):
        pem = read_certificate(path)
        assert "PRIVATE" not in pem
        assert x509.load_pem_x509_certificate(pem.encode()) == x509.load_der_x509_certificate(made.der)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x30\x82"])
def test_no_certificate(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_bytes(content)
    with pytest.raises(CommandError, match="holds no certificate"):
        read_certificate(file)
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        read_certificate(tmp_path / "absent.pem")


def test_a_key_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no certificate"):
        read_certificate(make_certificate(tmp_path).key)


def test_a_dash_means_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\nmore\n"))
    assert (from_stdin(None), from_stdin("given"), from_stdin("-")) == (None, "given", "secret")


def test_secrets_are_shown_only_on_request() -> None:
    token = {"credentialsType": "ACCESS_TOKEN", "credentialsId": "T", "credentialsValue": None}
    assert shown(token, secrets_too=False) == {"Type": "ACCESS_TOKEN", "Access token": HIDDEN}
    assert shown(token, secrets_too=True)["Access token"] == "T"

    value = json.dumps({"clientId": None, "userName": "u", "password": "p"})
    mqtt = {"credentialsType": "MQTT_BASIC", "credentialsId": "u", "credentialsValue": value}
    hidden = {"Type": "MQTT_BASIC", "Client id": None, "User name": "u", "Password": HIDDEN}
    assert shown(mqtt, secrets_too=False) == hidden
    assert shown(mqtt, secrets_too=True)["Password"] == "p"

    certificate = {"credentialsType": "X509_CERTIFICATE", "credentialsId": "abc", "credentialsValue": "PEM"}
    assert shown(certificate, secrets_too=False)["Certificate"] == "PEM"


def test_no_password_is_nothing_to_hide() -> None:
    value = json.dumps({"clientId": "c", "userName": None, "password": None})
    mqtt = {"credentialsType": "MQTT_BASIC", "credentialsId": "x", "credentialsValue": value}
    assert shown(mqtt, secrets_too=False)["Password"] is None
