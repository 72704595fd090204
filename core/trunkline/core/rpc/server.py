"""The core's gRPC server: services, health and reflection, on the Unix socket for parts and a TCP port for backends."""

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_health.v1.health import aio as health  # type: ignore[attr-defined]  # its public name, re-exported plainly
from grpc_reflection.v1alpha import reflection

from trunkline.contract.channel import LONGEST_SOCKET_PATH, server_options
from trunkline.contract.metadata import ADDRESS_FILE, SOCKET_FILE
from trunkline.core.rpc.guard import guard
from trunkline.v1 import device_service_pb2, identity_service_pb2, rpc_service_pb2, transport_service_pb2
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer, add_DeviceServiceServicer_to_server
from trunkline.v1.identity_service_pb2_grpc import IdentityServiceServicer, add_IdentityServiceServicer_to_server
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceServicer, add_RpcServiceServicer_to_server
from trunkline.v1.transport_service_pb2_grpc import TransportServiceServicer, add_TransportServiceServicer_to_server

SERVICES = tuple(
    file.services_by_name[name].full_name
    for file, name in (
        (rpc_service_pb2.DESCRIPTOR, "RpcService"),
        (transport_service_pb2.DESCRIPTOR, "TransportService"),
        (device_service_pb2.DESCRIPTOR, "DeviceService"),
        (identity_service_pb2.DESCRIPTOR, "IdentityService"),
    )
)


@dataclass(frozen=True, slots=True)
class CoreServer:
    """A server that is bound but does not answer before `start`."""

    server: grpc.aio.Server
    health: health.HealthServicer
    data_dir: Path
    port: int
    """The TCP port as bound."""

    async def start(self) -> None:
        """Answer calls; the standard health service says SERVING."""
        await self.server.start()
        for service in ("", *SERVICES):
            await self.health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self) -> None:
        """Say NOT_SERVING from now on and go on answering."""
        await self.health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, give the running ones `grace_s` seconds, then cut them off and remove the socket."""
        await self.server.stop(grace_s)
        remove_socket(self.data_dir)


def build_server(
    *,
    rpc_service: RpcServiceServicer,
    transport_service: TransportServiceServicer,
    device_service: DeviceServiceServicer,
    identity_service: IdentityServiceServicer,
    data_dir: Path,
    host: str,
    port: int,
    max_params_bytes: int,
    credentials: grpc.ServerCredentials | None = None,
) -> CoreServer:
    """Bind the Unix socket of `data_dir` and the TCP port (0: any free one), which is TLS with `credentials`.

    Raises OSError, naming the address, if one of them is taken.
    """
    server = grpc.aio.server(options=server_options(max_params_bytes))
    add_RpcServiceServicer_to_server(guard(rpc_service), server)
    add_TransportServiceServicer_to_server(guard(transport_service), server)
    add_DeviceServiceServicer_to_server(guard(device_service), server)
    add_IdentityServiceServicer_to_server(guard(identity_service), server)
    health_servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection((*SERVICES, HEALTH, reflection.SERVICE_NAME), server)
    bind_socket(server, data_dir)
    return CoreServer(server, health_servicer, data_dir, bind_port(server, host, port, credentials))


def bind_socket(server: grpc.aio.Server, data_dir: Path) -> None:
    """Listen on the data directory's Unix socket, which only the installation's own user can open.

    Where the path is longer than gRPC takes, the socket stands in a fresh directory of its own and `core.addr` in the
    data directory names it.
    """
    remove_socket(data_dir)  # a core that was killed left its own
    path = (data_dir / SOCKET_FILE).absolute()
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix="trunkline-")) / SOCKET_FILE
        (data_dir / ADDRESS_FILE).write_text(str(path))
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError:
        raise OSError(f"cannot listen on the Unix socket {path}") from None
    finally:
        os.umask(before)


def remove_socket(data_dir: Path) -> None:
    """Remove the socket that a core on this data directory listened on, wherever it stands."""
    pointer = data_dir / ADDRESS_FILE
    (data_dir / SOCKET_FILE).unlink(missing_ok=True)
    if pointer.exists():
        elsewhere = Path(pointer.read_text())
        elsewhere.unlink(missing_ok=True)
        with suppress(OSError):  # somebody has put something else there
            elsewhere.parent.rmdir()
        pointer.unlink()


def bind_port(server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None = None) -> int:
    """Listen on `host:port`, with TLS if there are credentials; the port as bound."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError:
        raise OSError(f"cannot listen on {address}: the port is taken, or the address is not this machine's") from None
