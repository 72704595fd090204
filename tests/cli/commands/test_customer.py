import re

import pytest
from cli.conftest import Typed

pytestmark = pytest.mark.usefixtures("at_demo")


def test_the_life_of_a_customer(typed: Typed) -> None:
    made = typed("customer", "create", "Bakery", "--email=b@example.com", "--phone=123")
    assert re.fullmatch(r"Customer Bakery is there, id \S{36}\.\n", made.err)
    shown = typed("customer", "show", "Bakery").out
    for line in ("Title +Bakery", "E-mail +b@example.com", "Phone +123"):
        assert re.search(f"^{line}$", shown, re.MULTILINE)
    customer = typed("customer", "show", "Bakery", "--json").json
    assert typed("customer", "show", customer["id"]["id"], "--json").json == customer
    assert re.search(r"^Bakery +b@example\.com +\S{36}$", typed("customer", "list").out, re.MULTILINE)
    assert [one["title"] for one in typed("customer", "list", "--search=bak", "--json").json] == ["Bakery"]

    assert "already exists" in typed("customer", "create", "Bakery").err
    assert "--yes" in typed("customer", "delete", "Bakery").err
    assert typed("customer", "delete", "Bakery", "-y").err == "Customer Bakery is deleted.\n"
    assert typed("customer", "show", "Bakery").err == 'trunkline: There is no customer "Bakery".\n'


def test_its_devices_stay(typed: Typed) -> None:
    typed("customer", "create", "Closing")
    typed("device", "create", "Oven", "--customer=Closing")
    typed("customer", "delete", "Closing", "--yes")
    assert typed("device", "show", "Oven", "--json").json["customerTitle"] is None


def test_an_address_that_is_none(typed: Typed) -> None:
    refused = typed("customer", "create", "Bad address", "--email=bad")
    assert (refused.code, refused.out) == (1, "")
    assert "Invalid email address format" in refused.err
