"""Contacts lie flat in rows."""

from trunkline.core.identity.model import Contact, CustomerDetails
from trunkline.core.store.contacts import sortable, values_of
from trunkline.core.store.tables import tenants


def test_a_contacts_fields_are_beside_the_others() -> None:
    values = values_of(CustomerDetails("A", Contact(city="Berlin", zip="10115"), b"{}"))
    assert values == {
        "title": "A",
        "additional_info": b"{}",
        "country": "",
        "state": "",
        "city": "Berlin",
        "address": "",
        "address2": "",
        "zip": "10115",
        "phone": "",
        "email": "",
    }


def test_lists_are_sorted_by_what_people_look_for() -> None:
    order = sortable(tenants)
    assert list(order) == ["create_time", "title", "email", "country", "city"]
    assert order["city"] is tenants.c.city
