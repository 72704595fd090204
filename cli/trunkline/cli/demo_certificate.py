"""The certificate of a demo's MQTT port: made once, kept in the data directory, good for this machine only."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE: Final = timedelta(days=365)
RENEWED_BEFORE: Final = timedelta(days=30)


def certificate_files(data_dir: Path) -> tuple[Path, Path]:
    """Where the certificate and its key are, or will be. Clients take the first as the authority's (`--cafile`)."""
    return data_dir / "demo-certificate.pem", data_dir / "demo-certificate-key.pem"


def provide_certificate(data_dir: Path) -> None:
    """Make certificate and key, unless there are some that last a while."""
    certificate, key = certificate_files(data_dir)
    if not (key.exists() and _lasts(certificate)):
        private, public = _made()
        key.unlink(missing_ok=True)  # so that the new one is its owner's alone, whatever the old one was
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(private)
        certificate.write_bytes(public)


def _lasts(certificate: Path) -> bool:
    try:
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return False
    return ends - datetime.now(UTC) > RENEWED_BEFORE


def _made() -> tuple[bytes, bytes]:
    """A key and a certificate signed with it, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline demo")])
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
