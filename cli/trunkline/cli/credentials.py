"""What a device shows when it connects, as people give it and as the REST API has it."""

import json
import secrets
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from trunkline.cli.errors import CommandError

CredentialsType = Literal["ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE"]

TOKEN_LENGTH: Final = 20
TOKEN_LETTERS: Final = string.ascii_letters + string.digits
HIDDEN: Final = "(hidden; --show shows it)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A kind, and its two fields; the server computes the id of all but access tokens."""

    type: CredentialsType
    id: str | None = None
    value: str | None = None

    @classmethod
    def access_token(cls, token: str) -> Self:
        """A token, which the device sends as MQTT user name."""
        return cls("ACCESS_TOKEN", id=token)

    @classmethod
    def mqtt(cls, *, client_id: str | None, user_name: str | None, password: str | None) -> Self:
        """MQTT client id, user name and password, of which one may leave some out. Raises CommandError."""
        if not client_id and not user_name:
            raise CommandError("MQTT credentials need a client id, a user name or both.")
        value = {"clientId": client_id or None, "userName": user_name or None, "password": password or None}
        return cls("MQTT_BASIC", value=json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    @classmethod
    def certificate(cls, text: str) -> Self:
        """A certificate in PEM."""
        return cls("X509_CERTIFICATE", value=text)

    def body(self) -> dict[str, Any]:
        """The fields of the REST API."""
        return {"credentialsType": self.type, "credentialsId": self.id, "credentialsValue": self.value}


def generated_token() -> str:
    """An access token as the server makes them."""
    return "".join(secrets.choice(TOKEN_LETTERS) for _ in range(TOKEN_LENGTH))


def from_stdin(text: str | None) -> str | None:
    """A secret from the command line, or the first line of standard input where the command line says `-`."""
    return sys.stdin.readline().rstrip("\r\n") if text == "-" else text


def read_certificate(path: Path) -> str:
    """The first certificate of a file, PEM or DER, as PEM; a private key beside it stays here. Raises CommandError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
        return read(content).public_bytes(Encoding.PEM).decode()
    except ValueError:
        raise CommandError(f"{path} holds no certificate, neither PEM nor DER.") from None


def shown(credentials: dict[str, Any], *, secrets_too: bool) -> dict[str, Any]:
    """Credentials as the REST API has them, for people: without secrets unless they ask."""
    kind = credentials["credentialsType"]
    fields: dict[str, Any] = {"Type": kind}
    match kind:
        case "ACCESS_TOKEN":
            fields["Access token"] = credentials["credentialsId"]
            secret = "Access token"
        case "MQTT_BASIC":
            value = json.loads(credentials["credentialsValue"])
            fields |= {"Client id": value["clientId"], "User name": value["userName"], "Password": value["password"]}
            secret = "Password"
        case _:
            fields |= {"Fingerprint": credentials["credentialsId"], "Certificate": credentials["credentialsValue"]}
            secret = ""
    if fields.get(secret) and not secrets_too:
        fields[secret] = HIDDEN
    return fields
