"""The signing key and its public half."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trunkline.core.identity.keys import KEY_FILE, SigningKey


def test_whoever_has_the_key_set_can_verify(tmp_path: Path) -> None:
    key = SigningKey.load(tmp_path)
    token = key.sign({"sub": "ann"})
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "ES256", "kid": key.kid}
    public = jwt.PyJWKSet.from_json(key.jwks.decode())[key.kid]
    assert jwt.decode(token, public, algorithms=["ES256"]) == {"sub": "ann"}


def test_the_key_set_holds_nothing_private(tmp_path: Path) -> None:
    (published,) = json.loads(SigningKey.load(tmp_path).jwks)["keys"]
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_the_key_stays_over_restarts(tmp_path: Path) -> None:
    first, second = SigningKey.load(tmp_path), SigningKey.load(tmp_path)
    assert first.kid == second.kid
    assert first.jwks == second.jwks


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / KEY_FILE).write_bytes(pem)
    with pytest.raises(ValueError, match="holds no elliptic-curve key on P-256"):
        SigningKey.load(tmp_path)
