"""TLS for endpoints that serve TCP: any device's certificate is taken, and what it is worth is the core's to say.

The standard library's ssl refuses a client certificate whose authority it does not know, so that devices with
certificates of their own making could not even connect; hence pyOpenSSL, over buffers in memory.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from trunkline.contract.logs import get_logger

log = get_logger(__name__)

READ_BYTES: Final = 65_536

_REFUSED: Final = frozenset(
    {
        4,  # X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE
        6,  # X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
        7,  # X509_V_ERR_CERT_SIGNATURE_FAILURE
        66,  # X509_V_ERR_EE_KEY_TOO_SMALL
        67,  # X509_V_ERR_CA_KEY_TOO_SMALL
        68,  # X509_V_ERR_CA_MD_TOO_WEAK
    }
)
"""What ends the handshake: a chain that is forged or too weak. Unknown authorities and dates do not."""


class ServerCertificate:
    """A certificate with its chain and its key, both PEM; a renewed one is served to new connections."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises OSError that says which file is missing or does not fit the other."""
        self._files = (certificate, key)
        self._read_at = self._changed_at()
        self._context = self._read()

    def context(self) -> SSL.Context:
        """What a new connection is served with."""
        try:
            changed_at = self._changed_at()
            if changed_at != self._read_at:
                self._read_at = changed_at
                self._context = self._read()
                log.info("tls_certificate_renewed", certificate=str(self._files[0]))
        except OSError as error:
            log.warning("tls_certificate_not_renewed", problem=str(error))
        return self._context

    def _changed_at(self) -> tuple[int, ...]:
        for file in self._files:
            if not file.exists():
                raise FileNotFoundError(f"there is no file {file} to serve TLS with")
        return tuple(file.stat().st_mtime_ns for file in self._files)

    def _read(self) -> SSL.Context:
        certificate, key = self._files
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # idle connections give theirs back
        context.set_verify(SSL.VERIFY_PEER, _verdict)
        try:
            context.use_certificate_chain_file(str(certificate))
            context.use_privatekey(_private(load_pem_private_key(key.read_bytes(), None)))
            context.check_privatekey()
        except (SSL.Error, ValueError, TypeError) as error:
            raise OSError(f"{certificate} and {key} are not a PEM certificate and its unencrypted key") from error
        return context


def _private(key: PrivateKeyTypes) -> RSAPrivateKey | EllipticCurvePrivateKey:
    """The key, if it is of a kind that servers have."""
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError("neither an RSA nor an elliptic-curve key")
    return key


def _verdict(connection: SSL.Connection, certificate: object, problem: int, depth: int, fine: int) -> bool:
    return problem not in _REFUSED


class TlsConnection(asyncio.Protocol, asyncio.Transport):
    """One connection: TLS towards the socket, and a transport without it towards the protocol inside.

    `make` is called once the handshake is done, with the device's certificate (DER; empty: it showed none); `over` is
    called when the connection is gone, whether or not it came so far.
    """

    def __init__(
        self,
        context: SSL.Context,
        make: Callable[[bytes], asyncio.Protocol],
        over: Callable[["TlsConnection"], None],
        *,
        handshake_timeout_ms: int,
    ) -> None:
        super().__init__()
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._make = make
        self._over = over
        self._handshake_timeout_ms = handshake_timeout_ms
        self._timer: asyncio.TimerHandle | None = None
        self._inner: asyncio.Protocol | None = None
        self.outer: asyncio.Transport
        self._reading = True
        self._closing = False

    # --- what the loop calls ---

    def connection_made(self, transport: Any) -> None:
        self.outer = transport
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._handshake_timeout_ms / 1000, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._tls.bio_write(data)
        self._go_on()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._closing = True
        if self._inner is not None:
            self._inner.connection_lost(exc)
        self._over(self)

    # --- the transport that the protocol inside sees ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what does not fit waits in the socket's buffer, whose limits hold."""
        if data and not self._closing:
            self._tls.sendall(data)
            self._flush()

    def close(self) -> None:
        """Close once what was written is sent."""
        if not self._closing:
            self._closing = True
            self._say_goodbye()
            self.outer.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self.outer.abort()

    def is_closing(self) -> bool:
        """Nothing more can be sent."""
        return self._closing

    def pause_reading(self) -> None:
        """Give the protocol inside nothing more for now."""
        self._reading = False
        self.outer.pause_reading()

    def resume_reading(self) -> None:
        """Go on; what came already and was not read yet comes first."""
        self._reading = True
        if not self._closing:
            self.outer.resume_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the protocol inside is told to pause."""
        self.outer.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self.outer.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the socket knows."""
        return self.outer.get_extra_info(name, default)

    # --- TLS ---

    def _go_on(self) -> None:
        try:
            if self._inner is not None or self._shake_hands():
                self._read()
        except SSL.Error:
            self._closing = True
            self._flush()  # the alert that says what is wrong
            self.outer.close()

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        self._flush()
        assert self._timer is not None
        self._timer.cancel()
        self._timer = None
        certificate = self._tls.get_peer_certificate()
        self._inner = self._make(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) if certificate else b"")
        self._inner.connection_made(self)
        return True

    def _read(self) -> None:
        while self._reading and not self._closing:
            try:
                data = self._tls.recv(READ_BYTES)
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self.close()
                break
            assert self._inner is not None
            self._inner.data_received(data)
        self._flush()

    def _say_goodbye(self) -> None:
        try:
            self._tls.shutdown()
        except SSL.Error:
            return
        self._flush()

    def _flush(self) -> None:
        while True:
            try:
                data = self._tls.bio_read(READ_BYTES)
            except SSL.WantReadError:
                return
            self.outer.write(data)
