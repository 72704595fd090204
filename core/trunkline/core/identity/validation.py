"""What may be said of users, customers and tenants. The texts are the ones that ThingsBoard's clients know."""

import re
from dataclasses import asdict
from typing import Final

from trunkline.core.identity.model import Contact
from trunkline.core.validation import check_length, check_text, invalid

SHORTEST_PASSWORD: Final = 6
LONGEST_PASSWORD: Final = 72

_EMAIL: Final = re.compile(r"[a-z0-9_!#$%&'*+/=?`{|}~^.-]+@[a-z0-9.-]+\.[a-z]{2,}", re.ASCII | re.IGNORECASE)


def check_texts(**texts: str) -> None:
    """Raise INVALID_ARGUMENT for a text that is too long, or that no database takes. Their names are told: `a_b` as
    `a b`."""
    for field, text in texts.items():
        name = field.replace("_", " ")
        check_length(field, text, name=name)
        if "\x00" in text:
            invalid(f"{name.capitalize()} should not contain 0x00 symbol!", field)


def check_title(noun: str, title: str) -> None:
    """Raise INVALID_ARGUMENT for a title that says nothing, or too much."""
    if not title.strip():
        invalid(f"{noun} title should be specified!", "title")
    check_text(noun, "title", title)


def check_contact(contact: Contact) -> None:
    """Raise INVALID_ARGUMENT for texts that are too long, and for an e-mail address that is none."""
    check_texts(**asdict(contact))
    if contact.email:
        check_email(contact.email)


def check_email(email: str) -> None:
    """Raise INVALID_ARGUMENT unless it looks like an e-mail address."""
    check_texts(email=email)
    if not _EMAIL.fullmatch(email):
        invalid(f"Invalid email address format '{email}'!", "email")


def check_password(password: str) -> None:
    """Raise INVALID_ARGUMENT for a new password that is too short or too long."""
    if len(password) < SHORTEST_PASSWORD:
        invalid(f"Password must be {SHORTEST_PASSWORD} or more characters in length.", "password")
    if len(password) > LONGEST_PASSWORD:
        invalid(f"Password must be no more than {LONGEST_PASSWORD} characters in length.", "password")
