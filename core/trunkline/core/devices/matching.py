"""Which device it is that shows these credentials: the rules, without a store.

They are ThingsBoard's. An MQTT user name is looked at twice: together with the client id as MQTT_BASIC credentials,
then alone, as an access token or as MQTT_BASIC credentials without a client id. An access token opens the session
whatever client id and password come along.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final

from cryptography import x509

from trunkline.contract.streams.frames import Connect, MqttBasic, Refused
from trunkline.core.devices.credentials import (
    ACCESS_TOKEN,
    MQTT_BASIC,
    X509_CERTIFICATE,
    basic_fields,
    basic_id,
    certificate_id,
)
from trunkline.core.devices.model import DeviceEntry, KnownCredentials
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.error_pb2 import ErrorReason

Known = Mapping[str, KnownCredentials]
"""Stored credentials by their id."""

_UNKNOWN: Final = "Unknown device credentials"


class _Match(Enum):
    ALL = auto()
    OTHER_PASSWORD = auto()
    OTHER_CLIENT = auto()


def shown_ids(connect: Connect) -> tuple[str, ...]:
    """The ids that the credentials may be stored under, the one that counts first in front."""
    if connect.access_token is not None:
        return (connect.access_token,)
    if connect.mqtt_basic is not None:
        shown = connect.mqtt_basic
        together = basic_id(shown.client_id, shown.user_name)
        return (together, shown.user_name) if shown.user_name and shown.client_id else (together,)
    if connect.certificate_der is not None:
        return (certificate_id(base64.b64encode(connect.certificate_der).decode()),)
    return ()


def verdict(connect: Connect, known: Known, now_s: float) -> DeviceEntry | Refused:
    """The device behind `connect`, or why there is none; `known` has what is stored under its `shown_ids`.

    `now_s` is the wall clock in seconds, for certificates.
    """
    if connect.child is not None:
        return Refused(connect.session, ErrorReason.ERROR_REASON_NOT_SUPPORTED, "Devices of a gateway are not served")
    if connect.certificate_der is not None:
        return _by_certificate(connect, connect.certificate_der, known, now_s)
    if connect.mqtt_basic is not None:
        entry = _by_basic(connect.mqtt_basic, known)
    else:
        entry = _by_token(connect.access_token or "", known)
    return entry or _refused(connect, _UNKNOWN)


def _by_token(shown: str, known: Known) -> DeviceEntry | None:
    found = _found(shown, known)
    return found.entry if found is not None and found.type == ACCESS_TOKEN else None


def _by_basic(shown: MqttBasic, known: Known) -> DeviceEntry | None:
    found = _found(basic_id(shown.client_id, shown.user_name), known, MQTT_BASIC)
    if found is not None:
        match = _compared(shown, found)
        if match is _Match.ALL:
            return found.entry
        if match is _Match.OTHER_PASSWORD:
            return None
    if not shown.user_name:
        return None
    alone = _found(shown.user_name, known)
    if alone is None:
        return None
    if alone.type == MQTT_BASIC and _compared(shown, alone) is not _Match.ALL:
        return None
    return alone.entry if alone.type in (ACCESS_TOKEN, MQTT_BASIC) else None


def _by_certificate(connect: Connect, der: bytes, known: Known, now_s: float) -> DeviceEntry | Refused:
    (shown,) = shown_ids(connect)
    found = _found(shown, known, X509_CERTIFICATE)
    if found is None:
        return _refused(connect, "No device has this certificate")
    try:
        certificate = x509.load_der_x509_certificate(der)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        return _refused(connect, "This is no X.509 certificate")
    now = datetime.fromtimestamp(now_s, UTC)
    if now > ends:
        return _refused(connect, f"The certificate expired at {ends.isoformat()}")
    if now < begins:
        return _refused(connect, f"The certificate is not valid before {begins.isoformat()}")
    return found.entry


def _found(shown: str, known: Known, only: CredentialsType.ValueType | None = None) -> KnownCredentials | None:
    """What is stored under this id.

    The index found it; the comparison here takes the same time wherever two ids differ.
    """
    found = known.get(shown)
    if found is None or not _same(found.credentials_id, shown):
        return None
    return found if only in (None, found.type) else None


def _compared(shown: MqttBasic, stored: KnownCredentials) -> _Match:
    """Whether each field that is stored is what was shown."""
    fields = basic_fields(stored.credentials_value)
    same_client = not fields.client_id or _same(fields.client_id, shown.client_id)
    same_user = not fields.user_name or _same(fields.user_name, shown.user_name)
    if not same_client or not same_user:
        return _Match.OTHER_CLIENT
    if fields.password and not _same(fields.password, shown.password):
        return _Match.OTHER_PASSWORD
    return _Match.ALL


def _same(stored: str, shown: str) -> bool:
    return hmac.compare_digest(stored.encode(), shown.encode())


def _refused(connect: Connect, message: str) -> Refused:
    return Refused(connect.session, ErrorReason.ERROR_REASON_BAD_CREDENTIALS, message)
