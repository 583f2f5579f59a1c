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
    assert len({value for _, value in generated}) == len(generated) == 15
    Fernet(dict(generated)["AIRFLOW_FERNET_KEY"])


def test_secrets_fit_into_addresses_as_they_are(composition: Composition) -> None:
    """They stand in database addresses, where @, :, / and # would end them."""
    secrets = {
        name: value for name, value in composition.env.items() if re.search("PASSWORD|SECRET|KEY", name)
    }

    assert {name for name, value in secrets.items() if not re.fullmatch(r"[\w=-]*", value)} == set()


def test_new_env_completes_an_env_that_exists(composition: Composition, tmp_path: Path) -> None:
    """Fresh secrets would lock the owner out of the old databases; so what is there stays, also without an end."""
    there = (
        '# ours\nAIRFLOW_CONN_PLUMBLINE_OPENAI=\'{"password": "sk-kept"}\'\n'
        "export PLUMBLINE_TENANT=acme\nREDIS_PASSWORD=kept"
    )
    target = tmp_path / "env"
    target.write_text(there, encoding="utf-8")
    target.chmod(0o644)

    completed = run_new_env(target)

    text = target.read_text(encoding="utf-8")
    names = re.findall(r"^(?:export )?([A-Z_]+)=", text, re.MULTILINE)
    secrets = re.findall(r"# Generate: head .*\n[A-Z_]+=(.*)", text)
    assert text.startswith(there + "\n")
    assert sorted(names) == sorted(composition.example)
    assert [secret for secret in secrets if len(secret) < 24] == []
    assert len(secrets) == 14
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [value for value in (*secrets, "kept", "acme") if value in completed] == []

    assert "lacks nothing" in run_new_env(target)
    assert target.read_text(encoding="utf-8") == text


def test_new_env_fills_in_a_copy_of_the_example(tmp_path: Path) -> None:
    """Whoever copied the example by hand need not make fourteen secrets by hand."""
    target = tmp_path / "env"
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    target.write_text(example.replace("MAIL_DOMAIN=", "MAIL_DOMAIN=example.com"), encoding="utf-8")

    run_new_env(target)

    text = target.read_text(encoding="utf-8")
    assert len(re.findall(r"# Generate: .*\n[A-Z_]+=.{24}", text)) == 15
    assert "MAIL_DOMAIN=example.com\n" in text
    assert [line for line in text.splitlines() if line.split("=")[0] not in example] == []


@pytest.mark.parametrize("there", ["", "# nothing yet\n"])
def test_new_env_completes_an_empty_env(composition: Composition, tmp_path: Path, there: str) -> None:
    """`touch .env` is no reason to stand without secrets."""
    target = tmp_path / "env"
    target.write_text(there, encoding="utf-8")

    run_new_env(target)

    names = re.findall(r"^([A-Z_]+)=", target.read_text(encoding="utf-8"), re.MULTILINE)
    assert names == list(composition.example)


def test_new_env_says_that_a_frozen_version_has_to_go(tmp_path: Path) -> None:
    """It does not take it out itself: what is there is its owner's."""
    target = tmp_path / "env"
    target.write_text("PLUMBLINE_CODE_VERSION=0123456789ab\n", encoding="utf-8")

    assert "Take PLUMBLINE_CODE_VERSION out" in run_new_env(target)


def run_new_env(target: Path) -> str:
    """Run the script and return all that it says."""
    done = subprocess.run(["sh", NEW_ENV, target], check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "script", sorted((PROJECT / "include" / "deploy").glob("*.sh")), ids=lambda path: path.name
)
def test_scripts_are_valid_shell(script: Path) -> None:
    """They run in images that have nothing but sh."""
    subprocess.run(["sh", "-n", script], check=True)
