"""What an address says about who can reach it."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine only; of names only `localhost` counts."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
