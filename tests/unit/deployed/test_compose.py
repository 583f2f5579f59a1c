"""docker-compose.yaml keeps what it promises about safety, and is a compose file at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from tests.unit.deployed.conftest import Composition

ONE_SHOT = {"migrate"}
ROOT_FOR_A_REASON = {"mail": "Postfix begins as root and gives its parts to users with fewer rights"}
WRITES_ITS_OWN_CONFIGURATION = {"mail"}

# Who may hold which secret.  A service that is not named here must not be able to read it.
HOLDERS = {
    "POSTGRES_PASSWORD": {"postgres", "migrate"},
    "PLUMBLINE_PASSWORD_OWNER": {"migrate"},
    "PLUMBLINE_PASSWORD_APP": {"migrate", "worker", "triggerer"},
    "PLUMBLINE_PASSWORD_KEEPER": {"migrate", "worker"},
    "PLUMBLINE_PASSWORD_REPORTER": {"migrate"},
    "PLUMBLINE_PASSWORD_AUDITOR": {"migrate"},
    "PLUMBLINE_PASSWORD_RESTORER": {"migrate"},
    "AIRFLOW_PASSWORD": {"postgres", "migrate", "api-server", "scheduler", "dag-processor", "triggerer"},
    "AIRFLOW_FERNET_KEY": {"migrate", "api-server", "scheduler", "dag-processor", "triggerer"},
    "AIRFLOW_JWT_SECRET": {"api-server", "scheduler"},
    "AIRFLOW_SECRET_KEY": {"api-server"},
    "AIRFLOW_ADMIN_PASSWORD": {"migrate"},
    "RESULTS_PASSWORD": {"postgres", "scheduler", "worker"},
    "REDIS_PASSWORD": {"redis", "scheduler", "worker"},
    "MAIL_RELAY_PASSWORD": {"mail"},
    "AIRFLOW_CONN_PLUMBLINE_OPENAI": {"worker", "triggerer"},
    "PLUMBLINE_PSEUDONYM_KEYS": {"worker"},
}
# In .env it would label the code of tomorrow with the commit of today.
GIVEN_TO_EACH_BUILD = {"PLUMBLINE_CODE_VERSION"}


@pytest.fixture(scope="module")
def lasting(composition: Composition) -> dict[str, Any]:
    """The services that run until they are told to stop."""
    return {name: service for name, service in composition.services.items() if name not in ONE_SHOT}


@pytest.mark.parametrize("form", ["as written", "with variables replaced"])
def test_the_file_obeys_the_compose_specification(composition: Composition, form: str) -> None:
    """Docker Compose would read it; its own schema says so."""
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    document = composition.raw if form == "as written" else composition.composed()

    faults = [
        f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)
    ]

    assert faults == []


def test_env_example_names_exactly_the_variables_in_use(composition: Composition) -> None:
    """No setting that does nothing, and none that a person has to guess."""
    used = {reference["name"] for reference in composition.references}

    assert used == set(composition.example) | GIVEN_TO_EACH_BUILD
    assert set(composition.example) & GIVEN_TO_EACH_BUILD == set()


def test_no_secret_has_a_default(composition: Composition) -> None:
    """A password that everybody knows is worse than a start that fails."""
    with_default = {ref["name"] for ref in composition.references if (ref["operator"] or "").endswith("-")}

    assert with_default & HOLDERS.keys() == set()
    assert {name: composition.example[name] for name in HOLDERS} == dict.fromkeys(HOLDERS, "")


def test_every_secret_has_a_list_of_holders(composition: Composition) -> None:
    """A new secret must say who may hold it."""
    secrets = {name for name in composition.example if re.search("PASSWORD|SECRET|KEY|OPENAI", name)}

    assert secrets == set(HOLDERS)


@pytest.mark.parametrize("secret", HOLDERS)
def test_a_secret_reaches_its_holders_only(composition: Composition, secret: str) -> None:
    """A stolen worker opens neither Airflow's database nor our schema."""
    mark = "the-mark-of-this-test"
    services = composition.composed({**composition.env, secret: mark})["services"]

    assert {name for name, service in services.items() if mark in json.dumps(service)} == HOLDERS[secret]


def test_a_missing_value_stops_the_start_and_says_what_to_do(composition: Composition) -> None:
    """Everything that has no default is required, with a sentence."""
    defaulted = {ref["name"] for ref in composition.references if (ref["operator"] or "").endswith("-")}
    required = set(composition.example) - defaulted

    for name in required:
        without = {key: value for key, value in composition.env.items() if key != name}
        with pytest.raises(Exception, match=rf"{name} is not (set|in \.env)\. .{{20,}}"):
            composition.composed(without)


def test_every_lasting_service_says_whether_it_is_well(lasting: dict[str, Any]) -> None:
    """Compose waits for health, and so does whoever watches."""
    probed = {name for name, service in lasting.items() if service.get("healthcheck", {}).get("test")}

    assert probed == set(lasting)


def test_nothing_runs_as_root_without_a_reason(composition: Composition) -> None:
    """A break-in stays small."""
    as_root = {
        name
        for name, service in composition.services.items()
        if str(service.get("user", "root")).split(":")[0] in {"root", "0"}
    }

    assert as_root == set(ROOT_FOR_A_REASON)


def test_every_service_is_hardened(composition: Composition) -> None:
    """No capabilities, no new privileges, nothing to write to, bounded logs and memory."""
    for name, service in composition.services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is (name not in WRITES_ITS_OWN_CONFIGURATION), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_lasting_services_come_back_and_the_migration_does_not(composition: Composition) -> None:
    """A crash is followed by a start; a migration that failed is looked at."""
    policies = {name: service["restart"] for name, service in composition.services.items()}

    assert policies == {name: "no" if name in ONE_SHOT else "unless-stopped" for name in policies}


def test_images_are_pinned_to_a_version(composition: Composition) -> None:
    """Today's start and next year's run the same programs."""
    images = {service["image"] for service in composition.services.values()}

    assert [image for image in images if not re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+[\w.-]*", image)] == [
        "plumbline:deployed"
    ]


def test_new_code_is_not_labelled_with_an_old_commit(composition: Composition) -> None:
    """The version is an argument of the build, and a build that is given none says so."""

    def versions(env: dict[str, str]) -> set[str]:
        services = composition.composed(env)["services"].values()
        return {
            service["build"]["args"]["PLUMBLINE_CODE_VERSION"] for service in services if "build" in service
        }

    given = {**composition.env, "PLUMBLINE_CODE_VERSION": "0123456789ab"}

    assert versions(given) == {"0123456789ab"}
    assert versions(dict(composition.env)) == {"unknown"}
    environments = [service.get("environment", {}) for service in composition.services.values()]
    assert [found for found in environments if "PLUMBLINE_CODE_VERSION" in found] == []


def test_only_this_machine_can_reach_a_published_port(composition: Composition) -> None:
    """TLS and the list of allowed addresses are the proxy's; nothing is open by accident."""
    published = {
        name: service["ports"] for name, service in composition.services.items() if "ports" in service
    }

    assert published == {"api-server": ["127.0.0.1:8080:8080"], "mailbox": ["127.0.0.1:8025:8025"]}


def test_the_stores_have_no_way_out(composition: Composition) -> None:
    """PostgreSQL, Redis and the rehearsal's model server, which checks no key, live in the closed network alone."""
    document = composition.composed()

    assert document["networks"]["store"] == {"internal": True}
    closed = {name for name, service in document["services"].items() if service["networks"] == ["store"]}
    assert {"postgres", "redis", "model", "migrate"} <= closed


def test_the_death_of_a_worker_is_mailed(composition: Composition) -> None:
    """Airflow runs that callback in the dag-processor: it reaches the mail server, and nothing else of a worker."""
    document = composition.composed()
    services, mail = document["services"], set(document["services"]["mail"]["networks"])
    tellers = {
        name
        for name, service in services.items()
        if "AIRFLOW_CONN_PLUMBLINE_SMTP" in service.get("environment", {})
    }
    processor = services["dag-processor"]

    assert tellers == {"worker", "dag-processor"}
    assert [name for name in sorted(tellers) if not mail & set(services[name]["networks"])] == []
    assert [
        name for name in processor["networks"] if not (document["networks"][name] or {}).get("internal")
    ] == []
    assert {name for name in processor["environment"] if name.startswith("AIRFLOW_CONN_")} == {
        "AIRFLOW_CONN_PLUMBLINE_SMTP"
    }


def test_the_triggerer_has_what_a_look_at_a_batch_needs_and_nothing_else(composition: Composition) -> None:
    """The book and the provider; no key of pseudonyms, no queue, no role that changes tables."""
    triggerer, worker = composition.services["triggerer"], composition.services["worker"]
    ours = {
        name: value
        for name, value in triggerer["environment"].items()
        if name.startswith(("AIRFLOW_CONN_", "PLUMBLINE_LOCAL_"))
    }

    assert set(ours) == {
        "AIRFLOW_CONN_PLUMBLINE_DB",
        "AIRFLOW_CONN_PLUMBLINE_OPENAI",
        "PLUMBLINE_LOCAL_MODEL_URL",
    }
    assert ours == {name: worker["environment"][name] for name in ours}
    assert set(triggerer["networks"]) == {"store", "outside"}
    assert triggerer.keys() & {"ports"} == set()


def test_nothing_starts_before_the_schema_is_there(composition: Composition) -> None:
    """Every Airflow part waits for the migration to have ended well."""
    services = composition.services
    airflow = {name for name, service in services.items() if service.get("command", [""])[0] == "airflow"}
    waiting = {
        name
        for name, service in services.items()
        if service.get("depends_on", {}).get("migrate") == {"condition": "service_completed_successfully"}
    }
    assert waiting == airflow == {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}


def test_workers_can_be_multiplied(composition: Composition) -> None:
    """`--scale worker=4` needs a name, a host name and a port of their own for each: so none is fixed."""
    worker = composition.services["worker"]

    assert worker.keys() & {"container_name", "hostname", "ports"} == set()
    assert worker["environment"]["AIRFLOW__CORE__HOSTNAME_CALLABLE"] == "socket.gethostname"


def test_the_rehearsal_is_optional(composition: Composition) -> None:
    """A deployment with a key runs no stand-in."""
    profiles = {
        name: service["profiles"] for name, service in composition.services.items() if "profiles" in service
    }

    assert profiles == {"model": ["rehearsal"], "mailbox": ["rehearsal"]}


def test_a_mount_that_is_not_there_stops_the_start(composition: Composition) -> None:
    """Of a path with a slip in it Docker would make an empty folder, owned by root, and say nothing."""
    root = Path(__file__).parents[3]
    volumes = [volume for service in composition.services.values() for volume in service.get("volumes", [])]
    mounted = {volume["source"]: volume for volume in volumes if isinstance(volume, dict)}
    short = {volume.split(":")[0] for volume in volumes if isinstance(volume, str)}

    assert short <= composition.raw["volumes"].keys()
    assert set(mounted) == {"./include/deploy/databases.sql", "./samples/documents"}
    assert [path for path in mounted if not (root / path).exists()] == []
    for volume in mounted.values():
        assert (volume["type"], volume["read_only"]) == ("bind", True)
        assert volume["bind"] == {"create_host_path": False}


def test_the_mail_connection_is_one_that_airflow_can_read(composition: Composition) -> None:
    """JSON in which variables were replaced: a quote or a comma too many would show at the first failure only."""
    connection = json.loads(composition.services["worker"]["environment"]["AIRFLOW_CONN_PLUMBLINE_SMTP"])

    assert connection == {
        "conn_type": "smtp",
        "host": "mail",
        "port": 587,
        "extra": {
            "from_email": "reports@example.com",
            "alerts_to": "data@example.com",
            "disable_ssl": True,
            "disable_tls": True,
        },
    }
