"""What one worker was told of device profiles: each once, and again when it changed or its stream broke."""

from collections.abc import Callable
from typing import Final

from trunkline.contract.streams.frames import ProfileChanged, TransportProfile
from trunkline.core.profiles.transports import TransportProfiles

LINK: Final = 0
"""The session of frames that concern no session."""


class ToldProfiles:
    """The profiles that a worker knows, as many as its devices have, and the versions it was told."""

    def __init__(self, profiles: TransportProfiles, send: Callable[[ProfileChanged], object]) -> None:
        self._profiles = profiles
        self._send = send
        self._versions: dict[bytes, int] = {}

    def untold(self, profile_id: bytes) -> TransportProfile | None:
        """The profile, for the caller to tell, unless the worker was told its present version."""
        profile = self._profiles.cached(profile_id)
        if profile is None or self._versions.get(profile_id) == profile.version:
            return None
        self._versions[profile_id] = profile.version
        return profile

    def tell(self, profile_id: bytes) -> None:
        """Tell the worker the profile, unless it knows."""
        profile = self.untold(profile_id)
        if profile is not None:
            self._send(ProfileChanged(LINK, profile))

    def changed(self, profile_id: bytes) -> None:
        """Tell the worker a profile that changed, if it knows an older version."""
        if profile_id in self._versions:
            self.tell(profile_id)

    def tell_again(self) -> None:
        """Tell the worker all that it was told: what changed meanwhile, and what was lost with a session's frames."""
        told, self._versions = self._versions, {}
        for profile_id in told:
            self.tell(profile_id)
