import ssl
import stat
from datetime import timedelta
from pathlib import Path

from doubles.certificates import make_certificate

from trunkline.cli.demo_certificate import certificate_files, provide_certificate
from trunkline.transports.tls import ServerCertificate


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    provide_certificate(tmp_path)
    certificate, key = certificate_files(tmp_path)
    first = certificate.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    ServerCertificate(certificate, key)
    ssl.create_default_context(cafile=certificate)
    provide_certificate(tmp_path)
    assert certificate.read_bytes() == first


def test_one_that_ends_soon_or_cannot_be_used_is_made_anew(tmp_path: Path) -> None:
    certificate, key = certificate_files(tmp_path)
    ending = make_certificate(tmp_path, "ending", ends_in=timedelta(days=2))
    for spoilt in (ending.pem, "no certificate"):
        certificate.write_text(spoilt)
        key.write_text("a key")
        provide_certificate(tmp_path)
        ServerCertificate(certificate, key)


def test_without_its_key_it_is_made_anew(tmp_path: Path) -> None:
    provide_certificate(tmp_path)
    certificate, key = certificate_files(tmp_path)
    key.unlink()
    provide_certificate(tmp_path)
    ServerCertificate(certificate, key)
