"""MQTT topic filters, where a device profile names one: `+` is one level, `#` the rest and the level above it."""

import re
from functools import lru_cache
from typing import Final

REMEMBERED: Final = 1_024
"""Filters that are kept compiled; there are a few for each profile."""


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter covers the topic; an empty one covers none."""
    if "+" in topic_filter or "#" in topic_filter:
        return _compiled(topic_filter).fullmatch(topic) is not None
    return topic_filter == topic != ""


@lru_cache(maxsize=REMEMBERED)
def _compiled(topic_filter: str) -> re.Pattern[str]:
    levels = topic_filter.split("/")
    below = levels[-1] == "#"
    if below:
        levels.pop()
    pattern = "/".join("[^/]*" if level == "+" else re.escape(level) for level in levels)
    if below:
        pattern = f"{pattern}(?:/.*)?" if levels else ".*"
    return re.compile(pattern, re.DOTALL)
