import os
import socket

import pytest

from trunkline.cli.ports import PortError, claim_ports, owner_of


def test_zero_becomes_free_ports_that_differ() -> None:
    ports = claim_ports("127.0.0.1", {"--http-port": 0, "--mqtt-port": 0})
    assert set(ports) == {"--http-port", "--mqtt-port"}
    assert len(set(ports.values())) == 2
    for port in ports.values():
        with socket.create_server(("127.0.0.1", port)):
            pass  # it was let go again


def test_a_taken_port_names_port_option_and_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError) as error:
            claim_ports("127.0.0.1", {"--grpc-port": 0, "--mqtt-port": port})
    assert f"Port {port} is already used" in str(error.value)
    assert "--mqtt-port" in str(error.value)
    if os.path.exists("/proc/net/tcp"):
        assert f"(process {os.getpid()})" in str(error.value)


def test_two_options_never_share_a_port() -> None:
    port = claim_ports("127.0.0.1", {"--http-port": 0})["--http-port"]
    with pytest.raises(PortError, match=f"Port {port} .*--mqtt-port"):
        claim_ports("127.0.0.1", {"--http-port": port, "--mqtt-port": port})


def test_what_closed_connections_left_behind_takes_no_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as accepted:
            accepted.close()  # the server's side closes first, so its end lingers in TIME_WAIT
            assert client.recv(1) == b""
    assert claim_ports("127.0.0.1", {"--http-port": port}) == {"--http-port": port}


def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(PortError, match=r"--http-port.*192\.0\.2\.1"):
        claim_ports("192.0.2.1", {"--http-port": 0})
    with pytest.raises(PortError, match="--host"):
        claim_ports("not a host", {"--http-port": 0})


def test_a_free_port_has_no_owner() -> None:
    port = claim_ports("127.0.0.1", {"--http-port": 0})["--http-port"]
    assert owner_of(port) is None
