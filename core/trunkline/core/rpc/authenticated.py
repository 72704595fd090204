"""What services have in common whose callers show a token."""

from typing import Any

import grpc.aio

from trunkline.core.identity.principal import Principal
from trunkline.core.rpc.authentication import Authentication

Context = grpc.aio.ServicerContext[Any, Any]


class Authenticated:
    """Methods that know their caller; the service built of them sets `_authentication`."""

    _authentication: Authentication

    def _caller(self, context: Context) -> Principal:
        """Who calls. Raises UNAUTHENTICATED and TOKEN_EXPIRED."""
        return self._authentication.principal(context.invocation_metadata())
