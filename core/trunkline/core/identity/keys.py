"""The key that tokens are signed with, and its public half as everybody may have it."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from trunkline.core.identity.private_files import read_or_create

ALGORITHM: Final = "ES256"

KEY_FILE: Final = "signing-key.pem"


class SigningKey:
    """An ECDSA key on P-256; its `kid` is its thumbprint after RFC 7638."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        numbers = self.public.public_numbers()
        required = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
        canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
        self.kid = _base64url(hashlib.sha256(canonical).digest())
        self.jwks = json.dumps({"keys": [{**required, "alg": ALGORITHM, "kid": self.kid, "use": "sig"}]}).encode()
        """The JSON Web Key Set with the public key."""

    @classmethod
    def load(cls, data_dir: Path) -> "SigningKey":
        """The installation's key, made at the first start."""
        private = load_pem_private_key(read_or_create(data_dir / KEY_FILE, _new_pem), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise ValueError(f"{data_dir / KEY_FILE} holds no elliptic-curve key on P-256")
        return cls(private)

    def sign(self, claims: dict[str, Any]) -> str:
        """The claims as a JWT."""
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers={"kid": self.kid, "typ": None})


def _new_pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _coordinate(value: int) -> str:
    return _base64url(value.to_bytes(32))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
