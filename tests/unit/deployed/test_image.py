"""The Dockerfile and what goes into it."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from plumbline.embedded import fetching

if TYPE_CHECKING:
    from tests.unit.deployed.conftest import Composition

PROJECT = Path(__file__).parents[3]
NEW_ENV = PROJECT / "include" / "deploy" / "new_env.sh"
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_built_from_the_same_lock_with_hashes() -> None:
    """What the tests passed on is what is deployed."""
    assert "COPY requirements.txt ." in DOCKERFILE
    assert "--require-hashes --no-build --compile-bytecode" in DOCKERFILE
    assert re.findall(r"pip install (?!--no-cache-dir --no-deps --require-hashes|--python)", DOCKERFILE) == []


def test_the_image_uses_the_installer_of_the_embedded_form() -> None:
    """One uv, by version and by hash."""
    assert f'"uv=={fetching.UV} --hash=sha256:{fetching.WHEEL_SHA256}"' in DOCKERFILE


def test_base_images_are_pinned_and_alike() -> None:
    """Two stages, one Python: the environment is copied from one to the other."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.(11|12|13)\.\d+-slim-\w+", bases[0])


def test_the_image_runs_as_somebody_without_rights() -> None:
    """The last word about the user is not root."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"


def test_the_image_declares_a_health_check() -> None:
    """Also where it is started without the compose file."""
    assert "\nHEALTHCHECK " in DOCKERFILE
    assert (PROJECT / "include" / "deploy" / "health.py").is_file()


def test_the_build_sees_nothing_but_what_it_needs() -> None:
    """No secret, no state and no history can slip into an image."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)

    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(copied)


def test_new_env_makes_every_secret_anew(composition: Composition, tmp_path: Path) -> None:
    """Two installations share no secret, and the file is its owner's alone."""
    target = tmp_path / "env"
    subprocess.run(["sh", NEW_ENV, target], check=True, capture_output=True)
    text = target.read_text(encoding="utf-8")
    generated = re.findall(r"# Generate: head .*\n([A-Z_]+)=(.*)", text)

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [name for name, value in generated if len(value) < 24 or value == composition.env[name]] == []
    assert len({value for _, value in generated}) == len(generated) == 14
    Fernet(dict(generated)["AIRFLOW_FERNET_KEY"])


def test_secrets_fit_into_addresses_as_they_are(composition: Composition) -> None:
    """They stand in database addresses, where @, :, / and # would end them."""
    secrets = {
        name: value for name, value in composition.env.items() if re.search("PASSWORD|SECRET|KEY", name)
    }

    assert {name for name, value in secrets.items() if not re.fullmatch(r"[\w=-]*", value)} == set()


def test_new_env_never_touches_an_env_that_exists(tmp_path: Path) -> None:
    """Fresh secrets would lock the owner out of the old databases."""
    target = tmp_path / "env"
    target.write_text("REDIS_PASSWORD=kept\n", encoding="utf-8")

    done = subprocess.run(["sh", NEW_ENV, target], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert target.read_text(encoding="utf-8") == "REDIS_PASSWORD=kept\n"


@pytest.mark.parametrize(
    "script", sorted((PROJECT / "include" / "deploy").glob("*.sh")), ids=lambda path: path.name
)
def test_scripts_are_valid_shell(script: Path) -> None:
    """They run in images that have nothing but sh."""
    subprocess.run(["sh", "-n", script], check=True)
