"""Contacts: fields that are empty inside are null outside."""

from trunkline.facade.schemas.contacts import SORTABLE, Contact, contact_fields
from trunkline.v1 import identity_pb2 as identity_pb

FULL = identity_pb.Contact(
    country="US", state="NY", city="New York", address="1st", address2="2nd", zip="10004", phone="+1", email="a@b.c"
)


def test_every_field_of_the_contract_is_there() -> None:
    assert Contact.model_fields.keys() == {field.name for field in identity_pb.Contact.DESCRIPTOR.fields}


def test_there_and_back() -> None:
    assert Contact(**contact_fields(FULL)).contact() == FULL
    assert set(contact_fields(identity_pb.Contact()).values()) == {None}
    assert Contact.read(b'{"city":"Oslo","zip":150,"phone":null}').contact() == identity_pb.Contact(
        city="Oslo", zip="150"
    )


def test_lists_are_sorted_by_what_they_show() -> None:
    assert {"createdTime", "title", "email", "country", "city"} <= SORTABLE.keys()
