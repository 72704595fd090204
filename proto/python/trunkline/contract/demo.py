"""The accounts of a demo, refused wherever somebody else could use them: everybody knows their passwords."""

from collections.abc import Mapping
from typing import Final

DEMO_PASSWORDS: Final[Mapping[str, str]] = {
    "sysadmin@thingsboard.org": "sysadmin",
    "tenant@thingsboard.org": "tenant",
    "customer@thingsboard.org": "customer",
    "tenant2@thingsboard.org": "tenant2",
}
"""By e-mail address."""
