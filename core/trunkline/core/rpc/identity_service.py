"""IdentityService over gRPC, made of its methods by subject."""

from trunkline.core.identity.activation import Activations
from trunkline.core.identity.customers import Customers
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.tenants import Tenants
from trunkline.core.identity.users import Users
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.customer_methods import CustomerMethods
from trunkline.core.rpc.login_methods import LoginMethods
from trunkline.core.rpc.tenant_methods import TenantMethods
from trunkline.core.rpc.user_methods import UserMethods


class IdentityService(LoginMethods, UserMethods, CustomerMethods, TenantMethods):
    """Logins and activation for everybody, the rest for whoever shows a token."""

    def __init__(
        self,
        *,
        authentication: Authentication,
        logins: Logins,
        activations: Activations,
        users: Users,
        customers: Customers,
        tenants: Tenants,
        key: SigningKey,
    ) -> None:
        self._authentication = authentication
        self._logins = logins
        self._activations = activations
        self._users = users
        self._customers = customers
        self._tenants = tenants
        self._key = key
