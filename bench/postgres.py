"""A PostgreSQL server of the bench's own, with its settings as they come: what it answers is on the disk."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from processes import Running, free_port

USER: Final = "trunkline"


@contextmanager
def postgres(log: Path) -> Iterator[str]:
    """Run it in a folder of its own; yields the URL of an empty database. RuntimeError where it is not installed."""
    programs = _programs()
    as_user: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-postgres-") as folder:
        if os.geteuid() == 0:  # it refuses root
            as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(folder, "nobody", "nogroup")
        data, port = f"{folder}/data", free_port()
        options = ("--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8")
        subprocess.run([programs / "initdb", "-D", data, *options], check=True, stdout=subprocess.DEVNULL, **as_user)
        command = [str(programs / "postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", data]
        with Running(command, port=port, log=log, as_user=as_user):
            where = ("-h", "127.0.0.1", "-p", str(port), "-U", USER)
            subprocess.run([programs / "createdb", *where, "trunkline"], check=True)
            yield f"postgresql://{USER}@127.0.0.1:{port}/trunkline"


def _programs() -> Path:
    """Where its programs are: Debian keeps them off the PATH."""
    places = [str(place) for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which("initdb", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *places]))
    if found is None:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    return Path(found).resolve().parent
