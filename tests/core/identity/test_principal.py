"""Callers as tokens and streams name them."""

from trunkline.contract.ids import from_text, new_id
from trunkline.contract.streams.frames import BindPrincipal
from trunkline.core.identity.principal import Principal, bound_principal, session_issued_ms
from trunkline.v1.rpc_service_pb2 import Role


def test_a_session_id_of_version_7_tells_when_it_was_made() -> None:
    assert session_issued_ms(from_text("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")) == 1_645_557_742_000  # RFC 9562, A.6
    assert session_issued_ms(new_id()) == 0
    assert session_issued_ms(b"") == 0


def test_nobody_in_particular_has_the_id_of_a_customer() -> None:
    customer_id = new_id()
    assert Principal(Role.ROLE_CUSTOMER_USER, new_id(), customer_id, customer_id).is_anonymous
    assert not Principal(Role.ROLE_CUSTOMER_USER, new_id(), new_id(), customer_id).is_anonymous
    assert not Principal(Role.ROLE_SYS_ADMIN, b"", b"").is_anonymous


def test_a_bound_principal_has_what_its_frame_says() -> None:
    tenant_id, user_id, customer_id = new_id(), new_id(), new_id()
    frame = BindPrincipal(7, tenant_id, user_id, Role.ROLE_CUSTOMER_USER, customer_id, b"session", 42)
    assert bound_principal(frame) == Principal(
        Role.ROLE_CUSTOMER_USER, tenant_id, user_id, customer_id, b"session", issued_unix_ms=42
    )


def test_a_bound_principal_is_as_old_as_its_session() -> None:
    session_id = from_text("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    frame = BindPrincipal(1, new_id(), new_id(), Role.ROLE_TENANT_ADMIN, b"", session_id, 1_645_557_742_000 - 999)
    assert bound_principal(frame).issued_unix_ms == 1_645_557_742_000
