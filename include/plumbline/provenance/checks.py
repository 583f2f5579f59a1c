"""
Data checks that close a gate.

A check is one SQL file that selects the rows which break a rule: ids only, so that nothing of their contents reaches a
log, a message or the table of results.  Three promises follow, and the tests hold us to them.

- What breaks a rule of severity `block` stops its transaction: the rows that a reader sees have passed.
- Every result is kept in `lineage.check_result`, as counts; a failed one too, although its transaction is undone.
- The message names the rule in a sentence, how many rows break it, and up to five of their ids.

A file begins with two comment lines: the rule as a sentence, then `-- severity: block` or `-- severity: warn`.
A folder of such files is a gate of several checks and goes by its own name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from psycopg.types.json import Jsonb

from plumbline.core.errors import ChecksFailed, Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.sql import SQL_ROOT, check_statement, statement

if TYPE_CHECKING:
    from plumbline.core.db import Session

log = logging.getLogger(__name__)

Severity = Literal["block", "warn"]
SEVERITIES: tuple[Severity, ...] = ("block", "warn")
SHOWN = 5
"""How many of the offending rows a message names."""


class UnreadableCheck(Fatal):
    """A check file does not begin with its sentence and its severity."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: the sentence it stands for, what happens when it is broken, and the query that finds who breaks it."""

    says: str
    severity: Severity
    query: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found.  `observed` holds counts; `offenders` up to five ids, for the message alone."""

    suite: str
    check: str
    severity: Severity
    passed: bool
    observed: Mapping[str, object] = field(default_factory=dict)
    offenders: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the rule, how many rows break it, and who."""
        count = self.observed.get("offending")
        found = f" Broken by {count}" if count else " It does not hold"
        named = f": {'; '.join(self.offenders)}" if self.offenders else ""
        return f"{self.check}{found}{named}."


class GateClosed(ChecksFailed):
    """A check of severity `block` failed.  `results` are those that are not yet kept: their transaction is undone."""

    def __init__(self, message: str, results: tuple[Result, ...] = ()) -> None:
        super().__init__(message)
        self.results = results


def gate(session: Session, run: Run, name: str, /, **parameters: object) -> Receipt:
    """
    Hold the rows of this transaction to a check or a folder of them; return {"checks": n, "warned": [sentences]}.

    Args:
        session: The transaction whose rows are to be published; the results are kept in it too.
        run: The step that checks.
        name: Path below `include/sql/checks`: `corpus/after_publication`.
        parameters: Values for `%(name)s`; a check takes those it names.

    Raises:
        GateClosed: At least one check of severity `block` found offending rows.  All checks have been tried.
    """
    results = tuple(perform(session, name, parameters))
    conclude(results)
    keep(session, run, results)
    return {"checks": len(results), "warned": [result.check for result in results if not result.passed]}


def conclude(results: tuple[Result, ...], *, kept: bool = False) -> None:
    """
    Log what failed, and raise `GateClosed` when anything of severity `block` did.

    `kept` says that the results are in the database for good; otherwise the error carries them, to be kept by whoever
    ends the step after its transaction was undone.
    """
    failed = [result for result in results if not result.passed]
    for result in failed:
        log.warning("check failed (%s): %s", result.severity, result)
    if closed := [result for result in failed if result.severity == "block"]:
        count = "A data check" if len(closed) == 1 else f"{len(closed)} data checks"
        raise GateClosed(f"{count} failed. {' '.join(map(str, closed))}", () if kept else results)


def keep(session: Session, run: Run, results: Iterable[Result]) -> None:
    """Write results into `lineage.check_result`."""
    rows = [
        {
            "tenant": run.tenant,
            "run_id": run.run_id,
            "dag_id": run.dag_id,
            "dag_run_id": run.dag_run_id,
            "suite": result.suite,
            "name": result.check,
            "severity": result.severity,
            "passed": result.passed,
            "observed": Jsonb(result.observed),
        }
        for result in results
    ]
    with session.cursor() as cursor:
        cursor.executemany(statement("lineage/insert_check_result"), rows)


def parse_check(name: str, text: str) -> Check:
    """
    Return the check that a file declares.  Pure.

    Raises:
        UnreadableCheck: The first two lines are not its sentence and its severity.
    """
    says, _, rest = text.partition("\n")
    severity, _, query = rest.partition("\n")
    found = severity.removeprefix("-- severity:").strip()
    if not says.startswith("-- ") or not severity.startswith("-- severity:") or found not in SEVERITIES:
        raise UnreadableCheck(
            f"{name}.sql must begin with `-- its sentence` and `-- severity: block` or `warn`."
        )
    return Check(says.removeprefix("-- ").strip(), found, query.strip())


def perform(session: Session, name: str, parameters: Mapping[str, object]) -> list[Result]:
    """Try a check, or every check of a folder in the order of their names."""
    # Rows of this very transaction have no statistics yet, and the planner then reads whole indexes of the tenant into
    # bitmaps, once a document: over 12,400 chunks a check took 1.5 s instead of 0.02 s.
    session.execute("set local enable_bitmapscan = off")
    results = [_try(session, path, parameters) for path in checks_of(name)]
    session.execute("set local enable_bitmapscan to default")
    return results


def checks_of(name: str) -> list[str]:
    """
    Return the names of the checks that `name` stands for: itself, or those of the folder.

    Raises:
        UnreadableCheck: There is neither such a file nor such a folder.
    """
    root = SQL_ROOT / "checks"
    if (root / f"{name}.sql").is_file():
        return [name]
    found = sorted((root / name).glob("*.sql"))
    if not found:
        raise UnreadableCheck(
            f"There is no check {name}: neither a file nor a folder of that name below {root}."
        )
    return [f"{name}/{path.stem}" for path in found]


def _try(session: Session, name: str, parameters: Mapping[str, object]) -> Result:
    check = parse_check(name, check_statement(name))
    # The query is text from a file of ours; count and sample come from one pass over what it finds.
    query = f"select *, count(*) over () as offending from (\n{check.query}\n) as broken limit {SHOWN}"  # noqa: S608
    found = session.execute(query, dict(parameters)).fetchall()
    return Result(
        suite=name.rpartition("/")[0],
        check=check.says,
        severity=check.severity,
        passed=not found,
        observed={"offending": int(found[0]["offending"]) if found else 0},
        offenders=tuple(_named(row) for row in found),
    )


def _named(row: Mapping[str, object]) -> str:
    return ", ".join(f"{column} {value}" for column, value in row.items() if column != "offending")
