"""
Suites of Great Expectations, declared as data and run inside Postgres.

A suite is a file below `include/expectations`: tables or views, what is expected of their columns, each expectation a
sentence with a severity, and SQL gates that run first.  A suite of gates alone does without Great Expectations.
Promises:

- Postgres counts and Great Expectations judges: no row leaves the database, no value of one is stored or logged.
- The suite sees what the pipelines see: the same role, one tenant, and it cannot write.
- All expectations are tried and all results kept before a failure of severity `block` is raised.
- An expectation that could not be tried has failed; "could not look" is never "found nothing".

Importing Great Expectations takes seconds, so this module imports it where a suite is run, and a suite runs once a run.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import yaml
from psycopg.rows import tuple_row

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.sql import SQL_ROOT
from plumbline.core.tools import Tools
from plumbline.provenance.checks import SEVERITIES, Result, Severity, conclude, keep, perform

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)

EXPECTATIONS = SQL_ROOT.parent / "expectations"
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts without examples: the other formats of Great Expectations put the values of offending rows into results."""


class UnreadableSuite(Fatal):
    """A suite file does not say what a suite has to say."""


class SubjectMissing(Fatal):
    """A suite was to be run that is about one thing, and nobody said which."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule about one table: the sentence, its severity, and Great Expectations' name and arguments for it."""

    says: str
    severity: Severity
    table: str
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """
    A declared suite.

    `subject` names what has to be said of the one thing that is checked; None, where the tables are, as they are.
    `only_for` names a statement; where it finds no row, there is nothing to check.
    """

    name: str
    says: str
    subject: str | None
    only_for: str | None
    gates: tuple[str, ...]
    expectations: tuple[Expectation, ...]


def run_suite(tools: Tools, run: Run, *, suite: str, **subject: str) -> Receipt:
    """
    Hold the tables to a suite; return {"suite", "checks", "passed", "failed": [sentences]}.

    Args:
        tools: Its app role is the one that looks.
        run: The step that checks.
        suite: Path below `include/expectations`: `corpus/candidate`.
        subject: What is checked, such as `ingestion_id`: parameters of the gates, and settings
            (`plumbline.ingestion_id`) that views may read.

    Raises:
        GateClosed: An expectation of severity `block` does not hold.  All results have been kept.
        SubjectMissing: The suite is about one thing, and none was named.
    """
    declared = load_suite(suite)
    if declared.subject and declared.subject not in subject:
        raise SubjectMissing(
            f"The suite {suite} is about one {declared.subject.removesuffix('_id')}: the pipeline runs it for its own. "
            "What is published is held to corpus/published, what was paid to ledger."
        )
    with tools.db.transaction(run.tenant) as session:
        if declared.only_for and not db.rows(session, declared.only_for, **subject):
            log.info("%s: there is nothing to check", suite)
            return {"suite": suite, "checks": 0, "passed": 0, "failed": []}
        results = [result for gate in declared.gates for result in perform(session, gate, subject)]
    if declared.expectations:
        with _read_only(tools, run, declared, subject) as connection:
            results += _validate(connection, declared)
    with tools.db.transaction(run.tenant) as session:
        keep(session, run, results)
    conclude(tuple(results), kept=True)
    failed = [result.check for result in results if not result.passed]
    return {"suite": suite, "checks": len(results), "passed": len(results) - len(failed), "failed": failed}


@cache
def load_suite(name: str) -> Suite:
    """
    Return the suite that `include/expectations/<name>.yaml` declares.

    Raises:
        UnreadableSuite: The file lacks something, or says something that a suite does not have.
    """
    path = EXPECTATIONS / f"{name}.yaml"
    try:
        return parse_suite(name, yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UnreadableSuite(f"There is no suite {name}: {path} does not exist.") from None
    except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise UnreadableSuite(f"The suite {path} cannot be read: {type(error).__name__}: {error}") from error


def parse_suite(name: str, declared: Mapping[str, Any]) -> Suite:
    """Return the suite that these fields declare.  Pure; raises ValueError, KeyError or TypeError where they do not."""
    if strangers := declared.keys() - {"says", "subject", "only_for", "gates", "tables"}:
        raise ValueError(f"a suite has no {', '.join(sorted(strangers))}")
    tables, gates = declared.get("tables", {}), tuple(declared.get("gates", ()))
    if not tables and not gates:
        raise ValueError("a suite has gates, tables or both")
    if len({table.partition(".")[0] for table in tables}) > 1 or not all("." in table for table in tables):
        raise ValueError("a suite names its tables as schema.table, all in one schema")
    return Suite(
        name=name,
        says=declared["says"],
        subject=declared.get("subject"),
        only_for=declared.get("only_for"),
        gates=gates,
        expectations=tuple(
            _expectation(table, fields) for table, rules in tables.items() for fields in rules
        ),
    )


def _expectation(table: str, fields: Mapping[str, Any]) -> Expectation:
    arguments = {key: value for key, value in fields.items() if key not in {"says", "severity", "expect"}}
    severity = fields.get("severity", "block")
    if severity not in SEVERITIES or table.count(".") != 1:
        raise ValueError(
            f"{table}: {fields['says']} needs a table as schema.table, and severity block or warn"
        )
    return Expectation(
        fields["says"], cast("Severity", severity), table, f"expect_{fields['expect']}", arguments
    )


@contextlib.contextmanager
def _read_only(tools: Tools, run: Run, suite: Suite, subject: Mapping[str, str]) -> Iterator[Connection[Any]]:
    """Open a connection of the app role that sees one tenant and cannot write."""
    settings = {
        **{f"plumbline.{name}": value for name, value in subject.items()},
        "plumbline.tenant": run.tenant,
        "search_path": suite.expectations[0].table.split(".")[0],
        "default_transaction_read_only": "on",
    }
    with contextlib.closing(tools.db.connect()) as opened:
        for name, value in settings.items():
            opened.execute("select set_config(%s, %s, false)", [name, value])
        connection = cast("Connection[Any]", opened)
        connection.row_factory = tuple_row
        connection.autocommit = False
        yield connection


def _validate(connection: Connection[Any], suite: Suite) -> list[Result]:
    results: list[Result] = []
    with _quiet_great_expectations() as gx:
        from sqlalchemy.pool import StaticPool

        context = gx.get_context(mode="ephemeral", project_config=_without_docs())
        # Great Expectations is handed an open connection, so that it never holds a password.
        source = context.data_sources.add_postgres(
            "plumbline",
            connection_string="postgresql+psycopg://app@plumbline/plumbline",
            kwargs={"creator": lambda: connection, "poolclass": StaticPool},
        )
        for table in dict.fromkeys(rule.table for rule in suite.expectations):
            rules = [rule for rule in suite.expectations if rule.table == table]
            results += _validate_table(gx, source, suite, table, rules)
    return results


def _validate_table(gx: Any, source: Any, suite: Suite, table: str, rules: list[Expectation]) -> list[Result]:
    from great_expectations.expectations.registry import get_expectation_impl

    schema, name = table.split(".")
    batch = (
        source.add_table_asset(table, table_name=name, schema_name=schema)
        .add_batch_definition_whole_table("all")
        .get_batch()
    )
    asked = [
        get_expectation_impl(rule.kind)(**rule.arguments, meta={"number": number})
        for number, rule in enumerate(rules)
    ]
    outcome = batch.validate(gx.ExpectationSuite(name=table, expectations=asked), result_format=COUNTS_ONLY)
    answered = {found.expectation_config.meta["number"]: found for found in outcome.results}
    return [_result(suite, rule, answered.get(number)) for number, rule in enumerate(rules)]


def _result(suite: Suite, rule: Expectation, found: Any) -> Result:
    raised = found is None or bool(found.exception_info and _raised(found.exception_info))
    counts = {} if raised else dict(found.result)
    observed: dict[str, object] = {"table": rule.table}
    if raised:
        observed["could_not_be_tried"] = True
    if "unexpected_count" in counts:
        observed |= {"rows": counts["element_count"], "offending": counts["unexpected_count"]}
    elif isinstance(counts.get("observed_value"), int):
        observed["rows"] = counts["observed_value"]
    passed = not raised and bool(found.success)
    return Result(suite.name, rule.says, rule.severity, passed, observed)


def _raised(info: Mapping[str, Any]) -> bool:
    """Whether an exception is reported: flat for most expectations, by metric for some."""
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(bool(entry.get("raised_exception")) for entry in info.values())


def _without_docs() -> Any:
    """Return a configuration that keeps results in memory only, writes no pages and shows no progress."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


@contextlib.contextmanager
def _quiet_great_expectations() -> Iterator[Any]:
    """Import Great Expectations without its reports to its makers, and without its log, which may hold statements."""
    logger = logging.getLogger("great_expectations")
    quiet = logging.NullHandler()
    logger.addHandler(quiet)
    logger.propagate = False
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    try:
        import great_expectations as gx

        yield gx
    finally:
        logger.removeHandler(quiet)
        logger.propagate = True
