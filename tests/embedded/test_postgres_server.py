"""The embedded PostgreSQL repairs itself, and touches nothing that is not its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plumbline.embedded import ports, processes
from plumbline.embedded.accounts import accounts
from plumbline.embedded.errors import NotPossibleHere, PartFailed
from plumbline.embedded.postgres import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server of this test's own."""
    with Server(tmp_path / "postgres", durable=False) as made:
        yield made


def answer(server: Server, question: str = "select 1", database: str = "postgres") -> object:
    """Ask the server something."""
    with psycopg.connect(server.admin_url(database)) as session:
        row = session.execute(question).fetchone()  # type: ignore[arg-type]
    return row[0] if row else None


def kill(server: Server) -> None:
    """Kill the server the hard way and wait until it is dead; its workers may live a moment longer."""
    process = processes.identify(server.pid or 0)
    assert process
    processes.send(process, signal.SIGKILL)
    assert processes.all_ended([process], 10.0)


def test_a_database_with_vectors_can_be_made_twice(server: Server):
    """Every step of a start may be repeated."""
    for _ in range(2):
        server.ensure_role("somebody", "a word with 'quotes'")
        server.ensure_database("shelf", "somebody", vector=True)

    url = server.url("shelf", "somebody", "a word with 'quotes'")
    with psycopg.connect(url) as session:
        row = session.execute("select '[1,2]'::vector <-> '[1,4]'::vector").fetchone()

    assert (2.0,) == row


def test_it_listens_on_the_loopback_address_alone(server: Server):
    """TCP on 127.0.0.1, and no socket file."""
    listening = answer(
        server, "select current_setting('listen_addresses') || current_setting('unix_socket_directories')"
    )

    assert "127.0.0.1" == listening


def test_nobody_gets_in_without_the_password(server: Server):
    """Not even from this machine."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url("postgres", "postgres", "guess"))


def test_passwords_and_data_can_be_read_by_the_owner_alone(server: Server):
    """Files 0600 in folders 0700."""
    modes = [
        path.stat().st_mode & 0o077 for path in (server.root, server.data, server.secrets.path("postgres"))
    ]

    assert [0, 0, 0] == modes


def test_starting_a_running_server_changes_nothing(server: Server):
    """Two commands at once find the same server."""
    pid = server.pid

    Server(server.root, durable=False).start()

    assert pid == server.pid


def test_rows_outlive_a_killed_server(server: Server):
    """It left its lock file behind, and maybe workers."""
    with psycopg.connect(server.admin_url(), autocommit=True) as session:
        session.execute("create table kept as select 42 as number")
    kill(server)

    server.start()

    assert 42 == answer(server, "select number from kept")


def test_a_lock_file_that_names_a_stranger_is_no_obstacle(server: Server):
    """After a reboot the old process id may belong to anybody, who is left in peace."""
    server.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        lines = [
            str(stranger.pid),
            str(server.data),
            "1700000000",
            str(server.port),
            "",
            "127.0.0.1",
            "1 1",
            "ready",
        ]
        (server.data / "postmaster.pid").write_text("\n".join(lines) + "\n")

        assert not server.running()
        server.start()

        assert 1 == answer(server)
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_data_folder_that_was_never_finished_is_made_anew(tmp_path: Path):
    """It appears whole or not at all."""
    server = Server(tmp_path / "postgres", durable=False)
    (server.root / "data.new" / "base").mkdir(parents=True)
    (server.root / "data.new" / "PG_VERSION").write_text("18\n")

    with server:
        assert 1 == answer(server)


def test_a_taken_port_moves_to_the_next_free_one_and_is_remembered(tmp_path: Path):
    """Whoever has it keeps it; the next start asks for the new one first."""
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        with Server(tmp_path / "postgres", taken, durable=False) as server:
            moved = server.port
            assert moved > taken
    with Server(tmp_path / "postgres", taken, durable=False) as again:
        assert moved == again.port


def test_stopping_leaves_no_process(server: Server):
    """Neither the server nor its workers."""
    server.stop()

    assert [] == processes.working_in(server.data)
    assert not server.running()


def test_workers_that_a_killed_server_left_behind_are_ended(server: Server):
    """A session that is busy notices the death of the server late."""
    session = psycopg.connect(server.admin_url())
    busy = processes.working_in(server.data)
    kill(server)

    server.start()

    assert [] == [process for process in busy if processes.alive(process)]
    assert 1 == answer(server)
    session.close()


def test_data_of_another_version_are_refused_in_one_sentence(tmp_path: Path):
    """They are not touched."""
    server = Server(tmp_path / "postgres", durable=False)
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("16\n")

    with pytest.raises(NotPossibleHere, match="made by PostgreSQL 16, and this is 18"):
        server.start()


def test_a_server_that_cannot_start_says_why_in_its_own_words(server: Server):
    """The last line of its log, which is named."""
    server.stop()
    (server.data / "global" / "pg_control").unlink()

    with pytest.raises(PartFailed, match=r"server\.log: .*pg_control"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_gets_by_without_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Containers often refuse them; then another account runs it, in a closed home, too."""

    def without_namespaces(*owners: tuple[int, int]) -> list[object]:
        return [way for way in accounts(*owners) if way.owner]

    monkeypatch.setattr("plumbline.embedded.postgres.accounts", without_namespaces)
    tmp_path.chmod(0o700)

    with Server(tmp_path / "home" / "state" / "postgres", durable=False) as server:
        assert 1 == answer(server)
        kill(server)
        server.start()
        assert 1 == answer(server)
