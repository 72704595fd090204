from trunkline.contract.demo import DEMO_PASSWORDS


def test_the_demos_passwords_are_what_the_documentation_says() -> None:
    assert DEMO_PASSWORDS == {f"{name}@thingsboard.org": name for name in ("sysadmin", "tenant", "customer", "tenant2")}
