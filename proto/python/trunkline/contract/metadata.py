"""Names of gRPC metadata keys and of the HTTP headers and files that more than one process must agree on."""

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
