"""Opening channels to the core and the options of both sides: sizes, keepalive and reconnection in one place."""

from pathlib import Path
from typing import Final

import grpc.aio

from trunkline.contract.metadata import ADDRESS_FILE, PART_SECRET, SECRET_FILE, SOCKET_FILE

FRAME_HEADROOM_BYTES: Final = 1024 * 1024
"""Channels and servers allow this much beyond max_params_bytes: a frame is params plus its envelope and neighbours."""

LARGEST_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""The core may answer so much, and its clients take it: a page of 10,000 devices with long names has some 20 MB. It
takes no larger messages for that itself."""

LONGEST_SOCKET_PATH: Final = 100
"""gRPC refuses Unix socket paths over 107 characters."""

Options = list[tuple[str, int | str]]

_SHORT_PIPE: Final = ("grpc.http2.bdp_probe", 0)
"""Keeps HTTP/2's window at 64 KiB. Grown to megabytes, as by default, it takes in whatever is written, and small frames
wait in it behind all large ones (34 ms beside 64 callers of 64 KB, 5 ms with this)."""


def channel_options(max_params_bytes: int) -> Options:
    """Options of every channel to the core.

    The reconnect backoff is short because parts must find each other within a second (gRPC's default left a client out
    for 17 s); the keepalive finds a peer that is stopped, which without a ping timeout was never noticed.
    """
    return [
        ("grpc.max_send_message_length", max_params_bytes + FRAME_HEADROOM_BYTES),
        ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
        _SHORT_PIPE,
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.ping_timeout_ms", 5_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.use_local_subchannel_pool", 1),
    ]


def server_options(max_params_bytes: int) -> Options:
    """Options of the core's server; without the shorter ping interval it would answer GOAWAY too_many_pings."""
    return [
        ("grpc.max_send_message_length", LARGEST_ANSWER_BYTES),
        ("grpc.max_receive_message_length", max_params_bytes + FRAME_HEADROOM_BYTES),
        _SHORT_PIPE,
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.ping_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    ]


def core_address(data_dir: Path) -> str:
    """The gRPC target of the core that runs on this data directory: its Unix socket."""
    pointer = data_dir / ADDRESS_FILE
    if pointer.exists():
        return f"unix:{pointer.read_text().strip()}"
    return f"unix:{(data_dir / SOCKET_FILE).absolute()}"


def part_secret(data_dir: Path) -> str:
    """The installation's secret, in hex; FileNotFoundError before the core's first start."""
    return (data_dir / SECRET_FILE).read_text().strip()


def part_metadata(secret: str) -> tuple[tuple[str, str], ...]:
    """The metadata by which a part proves itself."""
    return ((PART_SECRET, secret),)


def open_channel(
    target: str, *, max_params_bytes: int, credentials: grpc.ChannelCredentials | None = None
) -> grpc.aio.Channel:
    """A channel encrypted by `credentials`; without them in the clear, for the Unix socket and loopback, where no
    network lies between."""
    options = channel_options(max_params_bytes)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)
