"""The three kinds of device credentials: how their ids are computed and what may be stored.

Ids, stored forms and texts are ThingsBoard's, so that credentials move from one to the other and clients see no
difference.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from trunkline.core.validation import check_length, invalid
from trunkline.v1.device_pb2 import CredentialsType

TOKEN_LENGTH: Final = 20
LONGEST_VALUE: Final = 64 * 1024
"""Characters; certificates have some thousand."""

ACCESS_TOKEN: Final = CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN
MQTT_BASIC: Final = CredentialsType.CREDENTIALS_TYPE_MQTT_BASIC
X509_CERTIFICATE: Final = CredentialsType.CREDENTIALS_TYPE_X509_CERTIFICATE

_TOKEN_ALPHABET: Final = string.ascii_letters + string.digits
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NewCredentials:
    """What a device is to show, as somebody says it."""

    type: CredentialsType.ValueType
    credentials_id: str = ""
    """The token; computed for the other types."""
    credentials_value: str = ""
    """MQTT_BASIC: a JSON object; X509_CERTIFICATE: PEM."""


class BasicFields(msgspec.Struct, frozen=True, rename="camel"):
    """The value of MQTT_BASIC credentials. What is empty does not matter when a device connects."""

    client_id: str | None = None
    user_name: str | None = None
    password: str | None = None


def generated_token() -> str:
    """A token that nobody guesses, of letters and digits."""
    return "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(TOKEN_LENGTH))


def checked(new: NewCredentials) -> NewCredentials:
    """The credentials as they are stored, with the id that belongs to the value. Raises INVALID_ARGUMENT."""
    check_length("credentials_value", new.credentials_value, LONGEST_VALUE, name="credentialsValue")
    if new.type == ACCESS_TOKEN:
        stored = replace(new, credentials_value="")
    elif new.type == MQTT_BASIC:
        stored = _basic(new.credentials_value)
    elif new.type == X509_CERTIFICATE:
        stored = _certificate(new.credentials_value)
    else:
        invalid("Device credentials type should be specified", "type")
    _check_id(stored.credentials_id)
    return stored


def basic_fields(credentials_value: str) -> BasicFields:
    """The fields of stored MQTT_BASIC credentials."""
    return msgspec.json.decode(credentials_value, type=BasicFields)


def basic_id(client_id: str, user_name: str) -> str:
    """The id of MQTT_BASIC credentials with these fields, of which one may be empty."""
    if not client_id:
        return user_name
    return _sha3(f"{client_id}|{user_name}" if user_name else client_id)


def certificate_id(body: str) -> str:
    """The id of a certificate whose DER is `body` in Base64, without white space."""
    return _sha3(body)


def _basic(value: str) -> NewCredentials:
    try:
        fields = basic_fields(value)
    except (msgspec.DecodeError, RecursionError):
        invalid("Invalid credentials body for simple mqtt credentials!", "credentials_value")
    if not fields.client_id and not fields.user_name:
        invalid("Both mqtt client id and user name are empty!", "credentials_value")
    if fields.client_id and fields.password and not fields.user_name:
        # MQTT 3 has no password without a user name.
        invalid("Password cannot be specified along with client id", "credentials_value")
    credentials_id = basic_id(fields.client_id or "", fields.user_name or "")
    return NewCredentials(MQTT_BASIC, credentials_id, msgspec.json.encode(fields).decode())


def _certificate(pem: str) -> NewCredentials:
    """The first certificate in `pem`: a chain starts with the device's own."""
    armoured = _PEM.search(pem)
    body = "".join((armoured[1] if armoured else pem).split())
    if not body:
        invalid("Device credentials value should be specified!", "credentials_value")
    if "\x00" in body:
        invalid("credentialsValue must not contain control characters!", "credentials_value")
    return NewCredentials(X509_CERTIFICATE, certificate_id(body), body)


def _check_id(credentials_id: str) -> None:
    if not credentials_id.strip():
        invalid("Device credentials id should be specified!", "credentials_id")
    if _CONTROL.search(credentials_id):
        invalid("credentialsId must not contain control characters!", "credentials_id")
    check_length("credentials_id", credentials_id, name="credentialsId")


def _sha3(text: str) -> str:
    return hashlib.sha3_256(text.encode()).hexdigest()
