"""Where a part finds its core and what it shows there: by the data directory, or by TLS where that is elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import grpc.aio

from trunkline.contract.channel import core_address, open_channel, part_secret

_UNIX: Final = "unix:"


class CoreAddress(NamedTuple):
    """A core's address as it is now."""

    target: str
    authorities: bytes | None
    """PEM certificates by which the core's is judged; None: the public authorities that gRPC knows."""

    def open_channel(self, *, max_params_bytes: int) -> grpc.aio.Channel:
        """A channel to there. It is encrypted unless it ends at a Unix socket: a part's secret and the tokens of users
        cross no network in the clear."""
        credentials = None if self.target.startswith(_UNIX) else grpc.ssl_channel_credentials(self.authorities)
        return open_channel(self.target, max_params_bytes=max_params_bytes, credentials=credentials)


@dataclass(frozen=True, slots=True)
class CoreLocation:
    """What an operator says about the core of a part; what is empty is found in the data directory."""

    data_dir: Path
    target: str = ""
    ca_file: str = ""
    secret_file: str = ""

    def address(self) -> CoreAddress:
        """The core's address. Raises OSError for a certificate file that cannot be read."""
        authorities = Path(self.ca_file).read_bytes() if self.ca_file else None
        return CoreAddress(self.target or core_address(self.data_dir), authorities)

    def secret(self) -> str:
        """The installation's secret, in hex. Raises OSError; FileNotFoundError before the core's first start."""
        return Path(self.secret_file).read_text().strip() if self.secret_file else part_secret(self.data_dir)
