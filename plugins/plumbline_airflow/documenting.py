"""
Draw the pages and pictures that are never written by hand: `python -m plumbline_airflow.documenting`.

    docs/dags.md               from the DAG files
    docs/tables.md             from the comments in the database
    tests/golden/schema.txt    types, constraints, indexes, in the database's own words
    tests/golden/roles.txt     what each role may do

The database is a fresh one on an embedded server of this command's own, so that the pages show what a new installation
gets.  `--check` writes nothing and says which files are stale; the tests do the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAGS = PROJECT_ROOT / "dags"


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` only name it; return the exit code."""
    stale = {name: text for name, text in drawn().items() if not _is(PROJECT_ROOT / name, text)}
    for name, text in stale.items():
        if "--check" not in arguments:
            (PROJECT_ROOT / name).write_text(text, encoding="utf-8")
        print(f"{name} {'is stale: run `make docs`' if '--check' in arguments else 'written'}")
    return int(bool(stale) and "--check" in arguments)


def drawn() -> dict[str, str]:
    """Return every drawn file by its path in the project."""
    with tempfile.TemporaryDirectory(prefix="plumbline-docs-") as folder:
        return {
            "docs/dags.md": dags_page(our_dags(Path(folder) / "airflow")),
            **pictures(Path(folder) / "postgres"),
        }


def pictures(folder: Path) -> dict[str, str]:
    """Return what is drawn from a fresh database, on a server below `folder`."""
    import psycopg
    from psycopg.rows import dict_row

    from plumbline.embedded.scratch import scratch_server
    from plumbline.provenance import catalog

    with (
        scratch_server(folder) as scratch,
        psycopg.connect(scratch.url(scratch.new_database(), "owner"), row_factory=dict_row) as session,
    ):
        found = catalog.read_catalog(session)
    return {
        "docs/tables.md": catalog.tables_page(found),
        "tests/golden/schema.txt": catalog.schema_picture(found),
        "tests/golden/roles.txt": catalog.roles_picture(found),
    }


def our_dags(airflow_home: Path) -> list[DAG]:
    """Return our DAGs, as Airflow reads them, in the order of their names; an empty home keeps others out."""
    os.environ.setdefault("AIRFLOW_HOME", str(airflow_home))
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    if bag.import_errors:
        raise SystemExit("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()))
    return [bag.dags[dag_id] for dag_id in sorted(bag.dags)]


def dags_page(dags: list[DAG]) -> str:
    """Return docs/dags.md.  Pure."""
    return "\n".join(_page_lines(dags)).rstrip() + "\n"


def _page_lines(dags: list[DAG]) -> Iterator[str]:
    yield "# DAGs"
    yield ""
    yield "Drawn from the files in `dags/` by `make docs`; a test fails when it is stale."
    yield ""
    yield "| DAG | runs | does | owner | tags |"
    yield "|---|---|---|---|---|"
    for dag in dags:
        tags = ", ".join(sorted(dag.tags))
        yield f"| [`{dag.dag_id}`](#{dag.dag_id}) | {_schedule(dag)} | {dag.description} | {dag.owner} | {tags} |"
    for dag in dags:
        yield ""
        yield from _dag_lines(dag)


def _dag_lines(dag: DAG) -> Iterator[str]:
    yield f"## {dag.dag_id}"
    yield ""
    # The page in Airflow opens with a heading of its own, and its links lead into Airflow.
    body = (dag.doc_md or "").strip().split("\n", 1)[1].strip()
    yield body.replace(f"(plumbline/runbooks/{dag.dag_id})", f"(runbooks/{dag.dag_id}.md)")
    yield ""
    missed = "made up" if dag.catchup else "not made up"
    yield f"Runs {_schedule(dag)}; at most {_times(dag.max_active_runs)} at once; missed runs are {missed}."
    if dag.params:
        yield ""
        yield "| parameter | default | what it is |"
        yield "|---|---|---|"
        for name in sorted(dag.params):
            param = dag.params.get_param(name)
            yield f"| `{name}` | `{param.value!r}` | {param.description} |"
    yield ""
    yield "| task | after | what it does |"
    yield "|---|---|---|"
    for task in dag.topological_sort():
        after = ", ".join(f"`{upstream}`" for upstream in sorted(task.upstream_task_ids)) or "–"
        does = (task.doc_md or "").strip().split("\n\n")[0].replace("\n", " ")
        mapped = " (mapped)" if task.is_mapped else ""
        publishes = "".join(f" Publishes the Asset `{asset.name}`." for asset in task.outlets)
        yield f"| `{task.task_id}`{mapped} | {after} | {does}{publishes} |"


def _schedule(dag: DAG) -> str:
    return {"@hourly": "every hour", "@daily": "every day"}.get(str(dag.schedule), f"`{dag.schedule}`")


def _times(number: int) -> str:
    return "one run" if number == 1 else f"{number} runs"


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
