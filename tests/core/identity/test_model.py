"""Users."""

from trunkline.contract.ids import new_id
from trunkline.core.identity.model import User
from trunkline.v1.rpc_service_pb2 import Role


def test_a_new_user_may_log_in_and_has_version_1() -> None:
    user = User(new_id(), b"", b"", "root@example.com", Role.ROLE_SYS_ADMIN, 0)
    assert user.enabled
    assert user.version == 1
