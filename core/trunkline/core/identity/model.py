"""Users, as the core knows them."""

from dataclasses import dataclass

from trunkline.v1.rpc_service_pb2 import Role


@dataclass(frozen=True, slots=True)
class User:
    """An account. Ids are 16 bytes, empty where there is none; absent texts are empty."""

    id: bytes
    tenant_id: bytes
    customer_id: bytes
    email: str
    role: Role.ValueType
    create_unix_ms: int
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    enabled: bool = True
    version: int = 1
    additional_info: bytes = b""
    """JSON; empty: none."""
