"""What may be said of people, with ThingsBoard's texts."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.model import Contact
from trunkline.core.identity.validation import (
    check_contact,
    check_email,
    check_password,
    check_texts,
    check_title,
)
from trunkline.v1.error_pb2 import ErrorReason


def refusal(check: Callable[[], object]) -> str:
    with pytest.raises(TrunklineError) as caught:
        check()
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.metadata["field"]
    return caught.value.message


@pytest.mark.parametrize("email", ["a@b.cd", "A.b_c+d%e-f@Sub-1.example.COM", "o'brien@example.org", "#!{}|~@x.yz"])
def test_what_looks_like_an_address_is_one(email: str) -> None:
    check_email(email)


@pytest.mark.parametrize(
    "email",
    ["bad", "a@b", "a@b.c", "@b.cd", "a b@c.de", "a@b.cd ", "a@b.c1", "ä@b.cd", "a@b.ſk", "a@b.cd\n", "a@@b.cd"],
)
def test_anything_else_is_not(email: str) -> None:
    assert refusal(lambda: check_email(email)) == f"Invalid email address format '{email}'!"


@given(st.text())
def test_a_check_ends_well_or_in_a_refusal(text: str) -> None:
    try:
        check_email(text)
    except TrunklineError as error:
        assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    else:
        assert text.isascii()


def test_texts_have_at_most_255_characters_and_no_zero() -> None:
    check_texts(first_name="x" * 255, phone="")
    assert (
        refusal(lambda: check_texts(first_name="x" * 256))
        == "Validation error: first name length must be equal or less than 255"
    )
    assert refusal(lambda: check_texts(phone="1\x00")) == "Phone should not contain 0x00 symbol!"


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "Customer title should be specified!"),
        (" \t", "Customer title should be specified!"),
        ("a\x00", "Customer title should not contain 0x00 symbol!"),
        ("x" * 256, "Validation error: title length must be equal or less than 255"),
    ],
)
def test_a_title_says_something_and_not_too_much(title: str, message: str) -> None:
    check_title("Customer", "x" * 255)
    assert refusal(lambda: check_title("Customer", title)) == message


def test_a_contact_may_be_empty_and_its_address_must_be_one() -> None:
    check_contact(Contact())
    check_contact(Contact(email="a@b.cd"))
    assert refusal(lambda: check_contact(Contact(email="x"))) == "Invalid email address format 'x'!"
    for field in ("country", "state", "city", "address", "address2", "zip", "phone", "email"):
        assert field in refusal(lambda field=field: check_contact(Contact(**{field: "x" * 256})))  # type: ignore[misc] # a lambda's default has no type


def test_a_password_has_6_to_72_characters() -> None:
    check_password("123456")
    check_password("x" * 72)
    assert refusal(lambda: check_password("12345")) == "Password must be 6 or more characters in length."
    assert refusal(lambda: check_password("x" * 73)) == "Password must be no more than 72 characters in length."
