"""What may be stored as a device's credentials, and under which id."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.core.devices.credentials import (
    ACCESS_TOKEN,
    LONGEST_VALUE,
    MQTT_BASIC,
    X509_CERTIFICATE,
    NewCredentials,
    basic_fields,
    basic_id,
    certificate_id,
    checked,
    generated_token,
)
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.error_pb2 import ErrorReason

PEM = """Bag Attributes
-----BEGIN CERTIFICATE-----
TUlJQ\r
 jAx
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
aXNzdWVy
-----END CERTIFICATE-----
"""


def sha3(text: str) -> str:
    return hashlib.sha3_256(text.encode()).hexdigest()


def test_a_token_is_its_own_id() -> None:
    stored = checked(NewCredentials(ACCESS_TOKEN, "A1_TEST_TOKEN", "what clients send along"))
    assert stored == NewCredentials(ACCESS_TOKEN, "A1_TEST_TOKEN")


def test_generated_tokens_differ() -> None:
    tokens = {generated_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 20 and token.isascii() and token.isalnum() for token in tokens)


@pytest.mark.parametrize(
    ("value", "credentials_id", "stored"),
    [
        (
            '{"clientId":"pump","userName":"user","password":"secret"}',
            sha3("pump|user"),
            '{"clientId":"pump","userName":"user","password":"secret"}',
        ),
        ('{"userName": "user"}', "user", '{"clientId":null,"userName":"user","password":null}'),
        ('{"clientId":"pump"}', sha3("pump"), '{"clientId":"pump","userName":null,"password":null}'),
        (
            '{"clientId":"","userName":"user","password":"p","more":1}',
            "user",
            '{"clientId":"","userName":"user","password":"p"}',
        ),
    ],
)
def test_mqtt_basic_has_the_id_of_its_fields(value: str, credentials_id: str, stored: str) -> None:
    ignored = "an id somebody sends"
    assert checked(NewCredentials(MQTT_BASIC, ignored, value)) == NewCredentials(MQTT_BASIC, credentials_id, stored)


def test_a_certificate_has_the_id_of_its_first_body() -> None:
    stored = checked(NewCredentials(X509_CERTIFICATE, credentials_value=PEM))
    assert stored == NewCredentials(X509_CERTIFICATE, sha3("TUlJQjAx"), "TUlJQjAx")
    assert checked(stored) == stored  # a client sends back what it read


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewCredentials(CredentialsType.CREDENTIALS_TYPE_UNSPECIFIED), "Device credentials type should be specified"),
        (NewCredentials(CredentialsType.ValueType(9), "a"), "Device credentials type should be specified"),
        (NewCredentials(ACCESS_TOKEN), "Device credentials id should be specified!"),
        (NewCredentials(ACCESS_TOKEN, " "), "Device credentials id should be specified!"),
        (NewCredentials(ACCESS_TOKEN, "a\nb"), "credentialsId must not contain control characters!"),
        (NewCredentials(ACCESS_TOKEN, "a\0b"), "credentialsId must not contain control characters!"),
        (
            NewCredentials(ACCESS_TOKEN, "t" * 256),
            "Validation error: credentialsId length must be equal or less than 255",
        ),
        (
            NewCredentials(X509_CERTIFICATE, credentials_value="x" * (LONGEST_VALUE + 1)),
            "Validation error: credentialsValue length must be equal or less than 65536",
        ),
        (NewCredentials(X509_CERTIFICATE, credentials_value=" \n"), "Device credentials value should be specified!"),
        (
            NewCredentials(X509_CERTIFICATE, credentials_value="a\0b"),
            "credentialsValue must not contain control characters!",
        ),
    ],
)
def test_bad_credentials_are_refused(new: NewCredentials, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        checked(new)
    assert (caught.value.reason, caught.value.message) == (ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Invalid credentials body for simple mqtt credentials!"),
        ("null", "Invalid credentials body for simple mqtt credentials!"),
        ("{", "Invalid credentials body for simple mqtt credentials!"),
        ('["user"]', "Invalid credentials body for simple mqtt credentials!"),
        ('{"userName":"\\ud800"}', "Invalid credentials body for simple mqtt credentials!"),
        ('{"userName":{}}', "Invalid credentials body for simple mqtt credentials!"),
        ('{"a":' * 5_000, "Invalid credentials body for simple mqtt credentials!"),
        ("{}", "Both mqtt client id and user name are empty!"),
        ('{"password":"secret"}', "Both mqtt client id and user name are empty!"),
        ('{"clientId":"","userName":""}', "Both mqtt client id and user name are empty!"),
        ('{"clientId":"pump","password":"secret"}', "Password cannot be specified along with client id"),
        ('{"userName":"a\\u0000b"}', "credentialsId must not contain control characters!"),
        (
            json.dumps({"userName": "u" * 256}),
            "Validation error: credentialsId length must be equal or less than 255",
        ),
    ],
)
def test_bad_values_of_mqtt_basic_are_refused(value: str, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        checked(NewCredentials(MQTT_BASIC, credentials_value=value))
    assert (caught.value.reason, caught.value.message) == (ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)


@given(st.text(), st.text(), st.text())
def test_whatever_is_stored_can_be_read_and_stored_again(client_id: str, user_name: str, password: str) -> None:
    value = json.dumps({"clientId": client_id, "userName": user_name, "password": password})
    try:
        stored = checked(NewCredentials(MQTT_BASIC, credentials_value=value))
    except TrunklineError as error:
        assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
        return
    fields = basic_fields(stored.credentials_value)
    assert (fields.client_id, fields.user_name, fields.password) == (client_id, user_name, password)
    assert stored.credentials_id == basic_id(client_id, user_name)
    assert checked(stored) == stored


@given(st.binary(min_size=1, max_size=300))
def test_a_certificate_is_found_by_what_a_device_shows(der: bytes) -> None:
    pem = base64.encodebytes(der).decode()
    stored = checked(NewCredentials(X509_CERTIFICATE, credentials_value=pem))
    assert stored.credentials_id == certificate_id(base64.b64encode(der).decode())


@given(st.text(), st.sampled_from(CredentialsType.values()))
def test_any_text_is_stored_or_refused(value: str, kind: CredentialsType.ValueType) -> None:
    try:
        checked(NewCredentials(kind, value, value))
    except TrunklineError as error:
        assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
