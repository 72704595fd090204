"""Where the core listens, who can open it, and what it says of itself."""

import socket
import stat
from pathlib import Path

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from trunkline.contract.channel import core_address, open_channel
from trunkline.core.rpc.server import SERVICES, CoreServer, bind_port, bind_socket, remove_socket
from trunkline.v1.identity_service_pb2 import GetSigningKeysRequest
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceStub

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


async def answers(target: str) -> bool:
    async with open_channel(target, max_params_bytes=1024) as channel:
        return bool((await IdentityServiceStub(channel).GetSigningKeys(GetSigningKeysRequest(), timeout=10)).jwks)


async def test_it_answers_on_the_socket_and_on_the_port(server: CoreServer) -> None:
    assert await answers(core_address(server.data_dir))
    assert await answers(f"127.0.0.1:{server.port}")


async def test_only_its_owner_can_open_the_socket(server: CoreServer) -> None:
    assert mode(server.data_dir / "core.sock") == 0o600


async def test_health_follows_its_life(server: CoreServer, channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", *SERVICES):
        assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
    await server.drain()
    assert (await health.Check(health_pb2.HealthCheckRequest(service=""))).status == NOT_SERVING
    assert await answers(core_address(server.data_dir))


async def test_reflection_lists_the_services(channel: grpc.aio.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    stream = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    answer = await stream.read()
    names = {service.name for service in answer.list_services_response.service}
    assert names >= {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert "trunkline.v1.RpcService" in SERVICES


async def test_a_path_too_long_for_grpc_is_elsewhere(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    data_dir.mkdir()
    first = grpc.aio.server()
    bind_socket(first, data_dir)
    place = Path(core_address(data_dir).removeprefix("unix:"))
    assert mode(place) == 0o600
    assert mode(place.parent) == 0o700
    await first.start()
    await first.stop(None)

    second = grpc.aio.server()  # after a crash, say: nobody removed anything
    bind_socket(second, data_dir)
    assert not exists(place.parent)
    other_place = Path(core_address(data_dir).removeprefix("unix:"))
    assert exists(other_place)
    await second.start()
    await second.stop(None)
    remove_socket(data_dir)
    assert not exists(other_place.parent)
    assert not list(data_dir.iterdir())


async def test_a_socket_left_by_a_killed_core_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "core.sock"))
    server = grpc.aio.server()
    bind_socket(server, tmp_path)
    await server.start()
    async with grpc.aio.insecure_channel(core_address(tmp_path)) as channel:
        await channel.channel_ready()
    await server.stop(None)


async def test_stopping_removes_the_socket(server: CoreServer) -> None:
    await server.stop(0)
    assert not exists(server.data_dir / "core.sock")


async def test_a_taken_port_is_named(server: CoreServer) -> None:
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        bind_port(grpc.aio.server(), "127.0.0.1", server.port)
