import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from doubles.certificates import Certificate, make_certificate

from trunkline.contract.core_location import CoreLocation


def test_everything_is_in_the_data_directory_unless_it_is_said_where(tmp_path: Path) -> None:
    (tmp_path / "part-secret").write_text("5ec7e7\n")
    (tmp_path / "copy").write_text("c0b1e5\n")
    (tmp_path / "ca.pem").write_text("authorities")
    here = CoreLocation(tmp_path)
    assert here.address() == (f"unix:{tmp_path / 'core.sock'}", None)
    assert here.secret() == "5ec7e7"
    elsewhere = CoreLocation(tmp_path, "core.example:9090", str(tmp_path / "ca.pem"), str(tmp_path / "copy"))
    assert elsewhere.address() == ("core.example:9090", b"authorities")
    assert elsewhere.secret() == "c0b1e5"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    location = CoreLocation(tmp_path, "core.example:9090", str(tmp_path / "ca.pem"))
    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        location.address()
    with pytest.raises(FileNotFoundError, match="part-secret"):
        location.secret()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.fixture
async def ports(tmp_path: Path, certificate: Certificate) -> AsyncIterator[tuple[int, int]]:
    """A server's encrypted and its open port; it stands at the data directory's socket, too."""

    async def peer(request: bytes, context: Any) -> bytes:
        kind: bytes = context.auth_context()["transport_security_type"][0]
        return kind

    server = grpc.aio.server()
    methods = {"Security": grpc.unary_unary_rpc_method_handler(peer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", methods),))
    pair = (certificate.key.read_bytes(), certificate.certificate.read_bytes())
    encrypted = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.add_insecure_port(f"unix:{tmp_path / 'core.sock'}")
    in_the_clear = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield encrypted, in_the_clear
    await server.stop(None)


async def security(location: CoreLocation) -> bytes:
    channel = location.address().open_channel(max_params_bytes=1024)
    method: Any = channel.unary_unary("/test/Security", None, None)
    try:
        async with asyncio.timeout(10):
            return bytes(await method(b""))
    finally:
        await channel.close(None)


async def test_the_socket_is_local_and_every_port_is_tls(
    tmp_path: Path, certificate: Certificate, ports: tuple[int, int]
) -> None:
    encrypted, in_the_clear = ports
    ca_file = str(certificate.certificate)
    assert await security(CoreLocation(tmp_path)) == b"insecure"
    assert await security(CoreLocation(tmp_path, f"localhost:{encrypted}", ca_file)) == b"ssl"
    with pytest.raises(grpc.aio.AioRpcError):
        await security(CoreLocation(tmp_path, f"localhost:{in_the_clear}", ca_file))


async def test_a_core_that_its_authority_does_not_know_is_not_spoken_to(tmp_path: Path, ports: tuple[int, int]) -> None:
    other = make_certificate(tmp_path, "other")
    for ca_file in (str(other.certificate), ""):
        with pytest.raises(grpc.aio.AioRpcError):
            await security(CoreLocation(tmp_path, f"localhost:{ports[0]}", ca_file))
