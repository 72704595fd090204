"""Names and numbers that more than one process must agree on: gRPC metadata, HTTP headers, files, an exit code."""

from typing import Final

AUTHORIZATION: Final = "authorization"
"""gRPC metadata: `Bearer <JWT>`, from backends and from the facade on behalf of a user."""

PART_SECRET: Final = "trunkline-part-secret"
"""gRPC metadata: the installation's secret, in hex; whoever sends it is a part of the installation."""

REQUEST_ID: Final = "trunkline-request-id"
"""gRPC metadata: names one request in the logs of every process it passes."""

CALL_ID_HEADER: Final = "Trunkline-Call-Id"
CAUSE_HEADER: Final = "Trunkline-Cause"

SECRET_FILE: Final = "part-secret"
SOCKET_FILE: Final = "core.sock"
ADDRESS_FILE: Final = "core.addr"
"""Files in the data directory: the secret, the core's Unix socket, and the socket's address where it is elsewhere."""

LINK_SUPERSEDED_EXIT: Final = 78
"""A worker that lost its name to another ends so; starting it again would only take the name back and forth."""
