import subprocess
import sys
from pathlib import Path

from plumbline.localmodel.folders import HELD, PREFIX, OwnFolder, sweep


def test_a_folder_is_gone_when_it_is_closed() -> None:
    """With what is in it."""
    folder = OwnFolder()
    (folder.path / "file").write_bytes(b"x")
    folder.close()

    assert not folder.path.exists()


def test_the_folder_of_a_killed_process_is_removed_by_the_next() -> None:
    """And those of living ones stay."""
    code = (
        "import os, signal\n"
        "from plumbline.localmodel.folders import OwnFolder\n"
        "print(OwnFolder().path, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.exists()
    living = OwnFolder()
    sweep(living.path.parent)

    assert not left.exists()
    assert living.path.exists()
    living.close()


def test_what_nobody_locked_is_not_ours_to_remove(tmp_path: Path) -> None:
    """A folder of that name without the lock file."""
    other = tmp_path / f"{PREFIX}other"
    other.mkdir()
    (other / "file").write_bytes(b"x")
    sweep(tmp_path)

    assert (other / "file").exists()
    (other / HELD).touch()
    sweep(tmp_path)
    assert not other.exists()
