"""The certificate of the TCP port: what is wrong with it is said at the start, and a renewed one is served."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from doubles.certificates import make_certificate
from structlog.testing import capture_logs

from trunkline.contract.channel import open_channel
from trunkline.core.rpc.server import bind_port
from trunkline.core.rpc.tls import CertificateFiles


@asynccontextmanager
async def served(files: CertificateFiles) -> AsyncIterator[int]:
    server = grpc.aio.server()
    port = bind_port(server, "127.0.0.1", 0, files.server_credentials())
    await server.start()
    yield port
    await server.stop(None)


def trusting(authority: Path) -> grpc.ChannelCredentials:
    """Credentials of a client that trusts nobody else."""
    return grpc.ssl_channel_credentials(authority.read_bytes())


async def trusted(port: int, authority: Path) -> bool:
    """Whether a new connection finds a certificate of this authority."""
    credentials = trusting(authority)
    channel = open_channel(f"localhost:{port}", max_params_bytes=1024, credentials=credentials)
    try:
        async with asyncio.timeout(10):
            state = channel.get_state(try_to_connect=True)
            while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                await channel.wait_for_state_change(state)
                state = channel.get_state()
        return state == grpc.ChannelConnectivity.READY
    finally:
        await channel.close(None)


async def test_it_is_served_and_so_is_its_successor(tmp_path: Path) -> None:
    core = make_certificate(tmp_path)
    first = Path(shutil.copy(core.certificate, tmp_path / "first.pem"))
    async with served(CertificateFiles(core.certificate, core.key)) as port:
        assert await trusted(port, first)
        make_certificate(tmp_path)
        assert await trusted(port, core.certificate)
        assert not await trusted(port, first)


async def test_a_broken_renewal_leaves_the_one_that_was_served(tmp_path: Path) -> None:
    core = make_certificate(tmp_path)
    authority = Path(shutil.copy(core.certificate, tmp_path / "authority.pem"))
    async with served(CertificateFiles(core.certificate, core.key)) as port:
        core.certificate.write_text("half a certif")
        with capture_logs() as logs:
            assert await trusted(port, authority)
        assert "tls_certificate_not_renewed" in {line["event"] for line in logs}


def test_what_is_missing_or_does_not_fit_is_said(tmp_path: Path) -> None:
    core, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    for certificate, key, problem in (
        (tmp_path / "none.pem", core.key, r"no file .*none\.pem"),
        (core.certificate, tmp_path / "none-key.pem", r"no file .*none-key\.pem"),
        (core.certificate, other.key, r"core\.pem and .*other-key\.pem are not a PEM certificate and its .*key"),
        (core.key, core.key, "are not a PEM certificate"),
    ):
        with pytest.raises(OSError, match=problem):
            CertificateFiles(certificate, key).server_credentials()
