import re

import pytest
from cli.conftest import Typed

SYSADMIN = ("--user=sysadmin@thingsboard.org", "--password=sysadmin")

pytestmark = pytest.mark.usefixtures("at_demo")


def test_the_life_of_a_tenant(typed: Typed) -> None:
    tenant = typed("tenant", "create", "Branch", "--email=branch@example.com", "--json", *SYSADMIN).json
    assert re.search("^Title +Branch$", typed("tenant", "show", "Branch", *SYSADMIN).out, re.MULTILINE)
    assert typed("tenant", "show", tenant["id"]["id"], "--json", *SYSADMIN).json == tenant
    assert re.search(r"^Branch +branch@example\.com +\S{36}$", typed("tenant", "list", *SYSADMIN).out, re.MULTILINE)

    typed("tenant", "create", "Branch", *SYSADMIN)
    several = typed("tenant", "show", "Branch", *SYSADMIN)
    assert several.code == 1
    assert re.search(f"There are 2 of tenant .Branch.: give the id, .*{tenant['id']['id']}", several.err)

    for branch in typed("tenant", "list", "--search=Branch", "--json", *SYSADMIN).json:
        deleted = typed("tenant", "delete", branch["id"]["id"], "--yes", *SYSADMIN)
        assert deleted.err == "Tenant Branch is deleted.\n"
    assert typed("tenant", "show", "Branch", *SYSADMIN).err == 'trunkline: There is no tenant "Branch".\n'


def test_only_the_system_administrator_may(typed: Typed) -> None:
    refused = typed("tenant", "create", "Mine")
    assert (refused.code, refused.out) == (1, "")
    assert "HTTP 403" in refused.err
