"""Certificates for 127.0.0.1 and localhost, each its own authority, and forged ones."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """Files of a PEM certificate and its key."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        """The certificate's text."""
        return self.certificate.read_text()

    @property
    def der(self) -> bytes:
        """The certificate's bytes; of a chain, the first one's."""
        first = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        return first.public_bytes(serialization.Encoding.DER)


def make_certificate(directory: Path, name: str = "core", *, ends_in: timedelta = timedelta(days=1)) -> Certificate:
    """A fresh one that began two days ago, as NAME.pem and NAME-key.pem; one of that name is replaced."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _written(directory, name, [_signed(key, key, ends_in)], key)


def make_forged_chain(directory: Path, name: str = "forged") -> Certificate:
    """A certificate that says an authority signed it, which it comes with, and that authority did not."""
    authority, stranger, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    return _written(
        directory, name, [_signed(key, stranger, issuer="CA"), _signed(authority, authority, name="CA")], key
    )


def _signed(
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    ends_in: timedelta = timedelta(days=1),
    name: str = "Trunkline test",
    issuer: str = "",
) -> x509.Certificate:
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + ends_in)
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _written(directory: Path, name: str, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> Certificate:
    made = Certificate(directory / f"{name}.pem", directory / f"{name}-key.pem")
    made.certificate.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made
