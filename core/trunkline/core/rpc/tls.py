"""TLS of the core's TCP port. A renewed certificate is served to new connections; no restart is needed."""

import ssl
from pathlib import Path
from typing import Any

import grpc

from trunkline.contract.logs import get_logger

log = get_logger(__name__)


class CertificateFiles:
    """A certificate with its chain and its key, both PEM, read again at each handshake."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key

    def server_credentials(self) -> grpc.ServerCredentials:
        """What the port is served with. Raises OSError that says which file is missing or does not fit the other."""
        first = self._read()
        credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(first, self._read_again)
        return credentials

    def _read(self) -> Any:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self._certificate,
                self._key,
                password="",  # nobody is there to be asked
            )
        except FileNotFoundError:
            missing = self._key if self._certificate.exists() else self._certificate
            raise FileNotFoundError(f"there is no file {missing} to serve TLS with") from None
        except ssl.SSLError as error:
            raise OSError(
                f"{self._certificate} and {self._key} are not a PEM certificate and its unencrypted key: {error}"
            ) from None
        pair = (self._key.read_bytes(), self._certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair])

    def _read_again(self) -> Any:
        try:
            return self._read()
        except OSError as error:
            log.warning("tls_certificate_not_renewed", problem=str(error))
            return None  # the one that was served so far
