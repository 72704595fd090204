import pytest
from cli.conftest import Typed


@pytest.mark.usefixtures("at_demo")
def test_a_list_ends_at_its_limit(typed: Typed) -> None:
    assert len(typed("device", "list", "--limit=2", "--json").json) == 2


@pytest.mark.parametrize("subject", ["device", "customer", "tenant"])
def test_no_list_is_asked_for_nothing(typed: Typed, subject: str) -> None:
    refused = typed(subject, "list", "--limit=0")
    assert (refused.code, refused.out) == (2, "")
    assert "--limit" in refused.err


@pytest.mark.usefixtures("at_demo")
@pytest.mark.parametrize("subject", ["device", "user"])
def test_only_what_a_customer_has(typed: Typed, subject: str) -> None:
    title = typed("customer", "list", "--search=customer a", "--json").json[0]["title"]
    listed = typed(subject, "list", f"--customer={title}", "--json").json
    everything = typed(subject, "list", "--json").json
    assert 0 < len(listed) < len(everything)
    assert len({each["customerId"]["id"] for each in listed}) == 1
