"""Parts are found again and ended whole, whoever started them; strangers are left in peace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.embedded import processes
from plumbline.embedded.errors import NotPossibleHere, PartFailed
from plumbline.embedded.home import Busy, Home
from plumbline.embedded.parts import Part, end_parts

# A part with a worker; both wait for ever, the worker deaf to polite requests.
LEADER = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.setpgid(0, 0)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A state folder of this test's own."""
    made = Home(tmp_path / "home")
    made.make()
    return made


@pytest.fixture
def part(home: Home) -> Iterator[Part]:
    """A running part with one worker."""
    made = Part(home, "sleeper")
    start(made, LEADER)
    assert processes.wait_until(lambda: made.said().count("ready") == 2, 20.0)
    yield made
    end_parts([made], 0)


def start(part: Part, program: str) -> None:
    """Start a small program as this part."""
    part.start([sys.executable, "-c", program], os.environ, part.home.folder)


def test_a_part_is_found_by_whoever_comes_later(part: Part):
    """All that is needed lies in the state folder."""
    found = Part(part.home, "sleeper")

    assert found.running()
    assert 2 == len(found.members())


def test_ending_a_part_ends_its_workers(part: Part):
    """Those, too, that do not listen."""
    members = part.members()

    end_parts([part], 5.0)

    assert [False, False] == [processes.alive(member) for member in members]
    assert not part.record.exists()


def test_workers_of_a_killed_part_are_ended(part: Part):
    """Its leader died without a chance to end them."""
    members = part.members()
    leader = part.process()
    assert leader
    processes.send(leader, signal.SIGKILL)
    assert processes.all_ended([leader], 10.0)
    assert not part.running()

    end_parts([part], 5.0)

    assert [False, False] == [processes.alive(member) for member in members]


def test_a_stranger_with_a_recorded_id_is_left_in_peace(home: Home):
    """The system gives ids anew; ours was born at another moment."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as stranger:
        stat = Path(f"/proc/{stranger.pid}/stat").read_text()
        fields = stat.split()
        fields[21] = str(int(fields[21]) - 100)
        part = Part(home, "gone")
        part.record.write_text(f"{' '.join(fields)}\n{processes.this_boot()}\n")

        assert not part.running()
        assert [] == part.members()
        end_parts([part], 1.0)

        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_record_from_before_a_reboot_names_nobody(part: Part):
    """Ids and ticks begin anew with every boot."""
    record = part.record.read_text()
    part.record.write_text(record.replace(processes.this_boot(), "00000000-0000-0000-0000-000000000000"))

    assert (False, []) == (part.running(), part.members())

    part.record.write_text(record)


def test_a_program_that_is_missing_is_said_in_one_sentence(home: Home):
    """With the log and its last line."""
    part = Part(home, "nothing")
    part.start([str(home.folder / "no-such-program")], os.environ, home.folder)
    assert processes.wait_until(lambda: not part.running(), 10.0)

    said = str(part.failed())

    assert "nothing is not running" in said
    assert "no-such-program" in said
    assert isinstance(part.failed(), PartFailed)


def test_two_runs_at_once_do_not_meet(home: Home):
    """The second one is told, and knows who the first one is."""
    with home.alone():
        assert processes.identify(os.getpid()) == home.holder()
        with pytest.raises(Busy), home.alone():
            pass


def test_a_folder_with_other_things_in_it_does_not_become_our_state_folder(tmp_path: Path):
    """`make clean` would take them away with ours."""
    (tmp_path / "treasure.txt").touch()

    with pytest.raises(NotPossibleHere, match="is left alone; name a new folder"):
        Home(tmp_path).make()

    assert ["treasure.txt"] == [entry.name for entry in tmp_path.iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else's")
def test_a_state_folder_of_another_user_is_refused_by_name(home: Home):
    """One could not write what the other made."""
    os.chown(home.folder, 1, 1)

    with pytest.raises(NotPossibleHere, match="was made by daemon: run this as daemon"):
        home.make()
