"""tb-ce-client against a server: a customer and its user, from creation to deletion. Arguments: URL, a word."""

import sys
from urllib.parse import parse_qs, urlsplit

from tb_ce_client import ThingsboardClient
from tb_ce_client.exceptions import NotFoundException
from tb_ce_client.models.activate_user_request import ActivateUserRequest
from tb_ce_client.models.change_password_request import ChangePasswordRequest
from tb_ce_client.models.customer import Customer
from tb_ce_client.models.tenant import Tenant
from tb_ce_client.models.user import User

url, word = sys.argv[1:]
email = f"{word}@example.org"
with ThingsboardClient(url, "tenant@thingsboard.org", "tenant") as client:
    customer = client.save_customer(Customer(title=word))
    customer_id = str(customer.id.id)
    customer.city = "Oslo"
    assert client.save_customer(customer).version == 2
    assert client.get_tenant_customer(word).city == "Oslo"
    assert client.get_customers(page_size=10, page=0, text_search=word).total_elements == 1

    new = User(email=email, authority="CUSTOMER_USER", customer_id=customer.id)
    user = client.save_user(new, send_activation_mail="false")
    user_id = str(user.id.id)
    link = client.get_activation_link_info(user_id)  # the link as text it asks for in a way ThingsBoard refuses
    assert 0 < link.ttl_ms <= 86_400_000
    token = parse_qs(urlsplit(link.value).query)["activateToken"][0]
    pair = client.activate_user(ActivateUserRequest(activate_token=token, password="secret1"))
    assert client.get_customer_users(customer_id, page_size=10, page=0).data[0].email == email
    assert client.get_user_by_id(user_id).additional_info["userActivated"]

    with ThingsboardClient(url, token=pair.token, refresh_token=pair.refresh_token) as own:
        assert own.get_user().email == email
        own.change_password(ChangePasswordRequest(current_password="secret1", new_password="secret2"))
    with ThingsboardClient(url, email, "secret2") as own:
        own.logout()

    client.set_user_credentials_enabled(user_id, user_credentials_enabled="false")
    client.delete_user(user_id)
    client.delete_customer(customer_id)
    try:
        client.get_customer_by_id(customer_id)
    except NotFoundException:
        pass
    else:
        sys.exit("the customer is still there")

with ThingsboardClient(url, "sysadmin@thingsboard.org", "sysadmin") as client:
    tenant = client.save_tenant(Tenant(title=word))
    tenant_id = str(tenant.id.id)
    client.save_user(User(email=email, authority="TENANT_ADMIN", tenant_id=tenant.id), send_activation_mail="false")
    assert client.get_tenant_admins(tenant_id, page_size=10, page=0).data[0].email == email
    assert client.get_tenants(page_size=10, page=0, text_search=word).data[0].region == "Global"
    client.delete_tenant(tenant_id)
