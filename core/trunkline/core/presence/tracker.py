"""Keeps track of which devices are there, and writes it behind."""


class PresenceTracker:
    """What is known of the devices' presence."""

    async def settle(self) -> None:
        """Write what is pending, so that the store's rows say how things stand. Raises STORE_UNAVAILABLE."""
