"""docs/settings.md lists every setting with its default, straight from the classes, so it cannot go stale.

`REWRITE=1 make test ARGS=tests/test_settings_page.py` writes it anew.
"""

import json
import os
from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings

from trunkline.cli.settings import ServeSettings
from trunkline.core.settings import CoreSettings
from trunkline.facade.settings import FacadeSettings
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.settings import WorkerSettings

PAGE: Final = Path(__file__).parent.parent / "docs" / "settings.md"

INTRODUCTION: Final = """\
# Settings

Every setting is an environment variable; lists are written as JSON. An option on the command line goes before its
variable. `trunkline serve` reads the first table and passes those values on to its parts, which read everything else
from their own tables. `--print-settings` prints what is in force as a commented `.env` file.

Durations and sizes say their unit in the name. Every size, count and time has a bound; these are the defaults.
"""

SECTIONS: Final[tuple[tuple[str, type[BaseSettings]], ...]] = (
    ("trunkline serve", ServeSettings),
    ("Core", CoreSettings),
    ("Facade", FacadeSettings),
    ("Workers", WorkerSettings),
    ("MQTT", MqttSettings),
)


def test_page_is_current() -> None:
    page = "\n".join([INTRODUCTION, *(table(title, settings) for title, settings in SECTIONS)])
    if os.environ.get("REWRITE"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page, "docs/settings.md is not current: see this test's first lines"


def table(title: str, settings: type[BaseSettings]) -> str:
    """One process's settings as a Markdown table."""
    prefix = settings.model_config.get("env_prefix", "").upper()
    rows = [
        f"| `{prefix}{name.upper()}` | {shown(field.get_default(call_default_factory=True))} | {field.description} |\n"
        for name, field in settings.model_fields.items()
    ]
    return f"## {title}\n\n| Variable | Default | Meaning |\n|---|---|---|\n{''.join(rows)}"


def shown(value: object) -> str:
    """A default as one would write it in the environment."""
    if isinstance(value, tuple):
        value = list(value)
    text = value if isinstance(value, str) else str(value) if isinstance(value, Path) else json.dumps(value)
    return f"`{text}`" if text else "empty"


def test_every_setting_says_what_it_does() -> None:
    silent = [
        name for _, settings in SECTIONS for name, field in settings.model_fields.items() if not field.description
    ]
    assert not silent
