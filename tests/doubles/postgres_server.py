"""A PostgreSQL server of the tests' own: on a socket in a directory of its own, under a user who is not root."""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from trunkline.core.store.store import Store

USER: Final = "trunkline"

TEMPLATE: Final = "migrated"

OPTIONS: Final = ("listen_addresses=", "fsync=off", "shared_buffers=16MB", "max_connections=60", "jit=off")
"""What is lost with the machine's power is lost with the tests."""


class PostgresServer:
    """Starts, stops and kills the server; makes databases on it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="trunkline-pg-"))
        self._as_nobody: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses root
            self._as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self.folder, "nobody", "nogroup")
        self._numbers = itertools.count(1)
        self._has_template = False
        # A collation like that of people: what sorts by code point does not owe it to the server.
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8")
        self._run("initdb", "--no-sync", "--auth=trust", f"--username={USER}", *locale)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = " ".join(f"-c {option}" for option in (*OPTIONS, f"unix_socket_directories={self.folder}"))
        self._run("pg_ctl", "--silent", "--wait", f"--log={self.folder / 'log'}", f"--options={settings}", "start")

    def stop(self) -> None:
        """Let it end: it closes every connection."""
        self._run("pg_ctl", "--silent", "--wait", "--mode=fast", "stop")

    def kill(self) -> None:
        """End all of it at once, as a crash does."""
        server = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass  # it ended as its parent did
        psutil.wait_procs(processes, timeout=10)

    def remove(self) -> None:
        """Leave nothing behind; it does not run."""
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        """As an operator names the database."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    async def execute(self, sql: str, *, database: str = "postgres") -> list[asyncpg.Record]:
        """What the statement returns."""
        connection = await asyncpg.connect(self.url(database))
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    async def make_database(self, *, migrated: bool = True) -> str:
        """The name of a new database, its schema up to date or empty."""
        if migrated and not self._has_template:
            await self.execute(f"CREATE DATABASE {TEMPLATE}")
            await (await Store.open(self.url(TEMPLATE))).close()
            self._has_template = True
        name = f"test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template0'}")
        return name

    async def drop_database(self, name: str) -> None:
        """Remove the database, whoever is connected to it."""
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str) -> None:
        command = [program, f"--pgdata={self.folder / 'data'}", *arguments]
        with (self.folder / "output").open("a+") as output:
            # Not a pipe, which the server would inherit and keep open.
            done = subprocess.run(
                command, cwd=self.folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **self._as_nobody
            )
            output.seek(0)
            assert done.returncode == 0, output.read()
