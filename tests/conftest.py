"""What every test run shares."""

pytest_plugins = ["real_parts"]
