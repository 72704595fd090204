"""tb-rest-client against a server: a customer and its user, from creation to deletion. Arguments: URL, a word."""

import sys
from urllib.parse import parse_qs, urlsplit

from tb_rest_client.models import ActivateUserRequest, ChangePasswordRequest, Customer, User
from tb_rest_client.rest import ApiException
from tb_rest_client.rest_client import RestClient

url, word = sys.argv[1:]
email = f"{word}@example.org"
with RestClient(url) as client:
    client.login("tenant@thingsboard.org", "tenant")
    customer = client.save_customer(Customer(title=word))
    assert client.get_tenant_customer(word).id.id == customer.id.id
    assert client.get_customers(page_size=10, page=0, text_search=word).total_elements == 1

    new = User(email=email, authority="CUSTOMER_USER", customer_id=customer.id)
    user = client.save_user(new, send_activation_mail=False)
    token = parse_qs(urlsplit(client.get_activation_link(user.id)).query)["activateToken"]
    pair = client.activate_user(ActivateUserRequest(activate_token=token[0], password="secret1"))
    assert client.get_customer_users(customer.id, page_size=10, page=0).data[0].email == email
    assert client.get_user_by_id(user.id).additional_info["userActivated"]

    with RestClient(url) as own:
        own.token_login(pair.token, pair.refresh_token)
        own.refresh()
        assert own.get_user().email == email
        own.change_password(ChangePasswordRequest(current_password="secret1", new_password="secret2"))
    with RestClient(url) as own:
        own.login(email, "secret2")
        own.logout()

    client.set_user_credentials_enabled(user.id, user_credentials_enabled=False)
    client.delete_user(user.id)
    client.delete_customer(customer.id)
    try:
        client.get_customer_by_id(customer.id)
    except ApiException as error:
        assert error.status == 404
        sys.exit()
sys.exit("the customer is still there")
