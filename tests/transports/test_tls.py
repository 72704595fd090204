import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from doubles.certificates import Certificate, make_certificate, make_forged_chain
from OpenSSL import SSL

from trunkline.transports.tls import ServerCertificate, TlsConnection

GUARD_S = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Inside(asyncio.Protocol):
    """What is served inside: it keeps what happens to it."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate = certificate
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.writing = asyncio.Event()
        self.full = asyncio.Event()
        self.transport: TlsConnection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(TlsConnection, transport)

    def data_received(self, data: bytes) -> None:
        self.received.put_nowait(data)

    def pause_writing(self) -> None:
        self.full.set()

    def resume_writing(self) -> None:
        self.writing.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


class Server:
    def __init__(self, certificate: Certificate, handshake_timeout_ms: int) -> None:
        self.served = ServerCertificate(*certificate)
        self.inside: asyncio.Queue[Inside] = asyncio.Queue()
        self.over: asyncio.Queue[TlsConnection] = asyncio.Queue()
        self.port = 0
        self._certificate = certificate
        self._handshake_timeout_ms = handshake_timeout_ms

    def connection(self) -> TlsConnection:
        return TlsConnection(
            self.served.context(),
            self._made,
            self.over.put_nowait,
            handshake_timeout_ms=self._handshake_timeout_ms,
        )

    def _made(self, certificate: bytes) -> Inside:
        self.inside.put_nowait(made := Inside(certificate))
        return made

    async def connect(self, shown: Certificate | None = None, authority: Certificate | None = None) -> Streams:
        """A client that trusts this server, and shows that certificate."""
        context = ssl.create_default_context(cafile=(authority or self._certificate).certificate)
        if shown:
            context.load_cert_chain(*shown)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context)


@asynccontextmanager
async def serving(certificate: Certificate, handshake_timeout_ms: int = 60_000) -> AsyncIterator[Server]:
    async with asyncio.timeout(GUARD_S):
        server = Server(certificate, handshake_timeout_ms)
        listening = await asyncio.get_running_loop().create_server(server.connection, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listening.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, "server")


async def leave(streams: Streams) -> None:
    streams[1].close()
    await streams[1].wait_closed()


async def test_bytes_go_both_ways(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        reader, writer = await server.connect()
        inside = await server.inside.get()
        assert inside.certificate == b""
        writer.write(b"up")
        assert await inside.received.get() == b"up"
        inside.transport.write(b"down")
        assert await reader.readexactly(4) == b"down"
        assert inside.transport.get_extra_info("peername")[0] == "127.0.0.1"
        await leave((reader, writer))
        assert await inside.lost is None
        assert await server.over.get() is inside.transport


@pytest.mark.parametrize("ends_in", [timedelta(days=1), timedelta(days=-1)], ids=["valid", "expired"])
async def test_a_certificate_that_nobody_vouches_for_is_passed_on(
    tmp_path: Path, certificate: Certificate, ends_in: timedelta
) -> None:
    shown = make_certificate(tmp_path, "device", ends_in=ends_in)
    async with serving(certificate) as server:
        streams = await server.connect(shown)
        assert (await server.inside.get()).certificate == shown.der
        await leave(streams)


async def test_a_forged_chain_ends_the_handshake(tmp_path: Path, certificate: Certificate) -> None:
    async with serving(certificate) as server:
        reader, writer = await server.connect(make_forged_chain(tmp_path))  # TLS 1.3: the client learns it afterwards
        with pytest.raises(ssl.SSLError):
            await reader.read()
        writer.close()
        await server.over.get()
        assert server.inside.empty()


async def test_large_data_arrives_whole(certificate: Certificate) -> None:
    data = os.urandom(1_000_000)
    async with serving(certificate) as server:
        reader, writer = await server.connect()
        inside = await server.inside.get()
        writer.write(data)
        received = b""
        while len(received) < len(data):
            received += await inside.received.get()
        assert received == data
        inside.transport.write(data)
        inside.transport.close()
        assert await reader.read() == data
        await leave((reader, writer))


async def test_nothing_is_given_while_reading_is_paused_and_all_of_it_afterwards(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        streams = await server.connect()
        inside = await server.inside.get()
        streams[1].write(b"one")
        assert await inside.received.get() == b"one"
        inside.transport.pause_reading()
        streams[1].write(b"two")
        await streams[1].drain()
        probe = await server.connect()
        probing = await server.inside.get()
        probe[1].write(b"later")
        assert await probing.received.get() == b"later"
        assert inside.received.empty()
        inside.transport.resume_reading()
        assert await inside.received.get() == b"two"
        await leave(streams)
        await leave(probe)


async def test_a_slow_reader_makes_the_protocol_pause(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        reader, writer = await server.connect()
        inside = await server.inside.get()
        inside.transport.set_write_buffer_limits(high=1_000)
        sent = 0
        while not inside.full.is_set():
            inside.transport.write(b"x" * 100_000)
            sent += 100_000
        assert len(await reader.readexactly(sent)) == sent
        await inside.writing.wait()
        await leave((reader, writer))


async def test_a_handshake_that_takes_too_long_is_cut(certificate: Certificate) -> None:
    async with serving(certificate, handshake_timeout_ms=50) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        await server.over.get()
        await leave((reader, writer))


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", bytes(300), b"\x16\x03\x01\x00\x04abcd"])
async def test_what_is_no_tls_is_closed(certificate: Certificate, junk: bytes) -> None:
    async with serving(certificate) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(junk)
        await reader.read()
        await server.over.get()
        assert server.inside.empty()
        await leave((reader, writer))


async def test_junk_after_the_handshake_ends_the_connection(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        _, writer = await server.connect()
        inside = await server.inside.get()
        raw = writer.get_extra_info("socket")
        with socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM) as duplicate:
            duplicate.send(bytes(100))
        await inside.lost
        writer.close()


async def test_abort_cuts_and_writes_afterwards_are_nothing(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        reader, writer = await server.connect()
        inside = await server.inside.get()
        inside.transport.abort()
        assert inside.transport.is_closing()
        inside.transport.write(b"late")
        await inside.lost
        with pytest.raises((ConnectionError, ssl.SSLError)):
            if await reader.read() == b"":
                raise ConnectionResetError
        writer.close()


async def test_old_versions_are_refused(certificate: Certificate) -> None:
    async with serving(certificate) as server:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_1_VERSION)
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        old = SSL.Connection(context, None)
        old.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            old.do_handshake()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(old.bio_read(65_536))
        old.bio_write(await reader.read())
        with pytest.raises(SSL.Error, match="protocol version"):
            old.do_handshake()
        await leave((reader, writer))


async def test_a_renewed_certificate_is_served_to_new_connections(
    tmp_path: Path, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(certificate) as server:
        first = await server.connect()
        renewed = make_certificate(tmp_path, "server")
        second = await server.connect(authority=renewed)
        assert "tls_certificate_renewed" in caplog.text
        certificate.key.write_text("not a key")
        third = await server.connect(authority=renewed)
        assert "tls_certificate_not_renewed" in caplog.text
        certificate.key.unlink()
        fourth = await server.connect(authority=renewed)
        for streams in (first, second, third, fourth):
            await leave(streams)


def test_a_missing_or_unfit_file_is_an_error_at_once(tmp_path: Path, certificate: Certificate) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none.pem"):
        ServerCertificate(tmp_path / "none.pem", certificate.key)
    other = make_certificate(tmp_path, "other")
    with pytest.raises(OSError, match="are not a PEM certificate and its unencrypted key"):
        ServerCertificate(certificate.certificate, other.key)
    with pytest.raises(OSError, match="are not a PEM certificate"):
        ServerCertificate(certificate.key, certificate.key)
