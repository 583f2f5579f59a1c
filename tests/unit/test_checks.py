"""What a check file declares, and how a result reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plumbline.core.sql import SQL_ROOT
from plumbline.provenance.checks import GateClosed, Result, UnreadableCheck, checks_of, conclude, parse_check

FILES = sorted((SQL_ROOT / "checks").rglob("*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_check_file_is_a_sentence_and_a_query_for_ids(file) -> None:
    """The name of the file, its first line and its query say the same to a reader, an auditor and the database."""
    check = parse_check(file.stem, file.read_text(encoding="utf-8"))

    assert check.says.endswith(".")
    assert "select *" not in check.query
    assert ";" not in check.query


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "-- A rule.\nselect 1",
        "-- A rule.\n-- severity: fatal\nselect 1",
        "-- severity: block\n-- A rule.\n",
    ],
)
def test_a_file_without_sentence_and_severity_is_refused(text: str) -> None:
    """A check of which nobody knows what it means, or what it stops, does not run."""
    with pytest.raises(UnreadableCheck, match=r"odd\.sql must begin with"):
        parse_check("odd", text)


def test_a_folder_stands_for_its_checks() -> None:
    """A gate of several checks goes by the name of their folder."""
    assert checks_of("corpus/after_publication/counts_reconcile") == [
        "corpus/after_publication/counts_reconcile"
    ]
    assert "corpus/after_publication/counts_reconcile" in checks_of("corpus/after_publication")


def test_a_gate_that_does_not_exist_is_never_open() -> None:
    """A misspelt name must not let everything through."""
    with pytest.raises(UnreadableCheck, match="There is no check corpus/nowhere"):
        checks_of("corpus/nowhere")


def test_a_warning_stops_nothing_and_is_told(caplog) -> None:
    """Severity `warn` tells someone; the same with `block` closes the gate."""
    odd = Result("s", "Odd.", "warn", passed=False)

    conclude((odd,))

    assert ["check failed (warn): Odd. It does not hold."] == caplog.messages
    with pytest.raises(GateClosed, match=r"Odd\."):
        conclude((replace(odd, severity="block"),))


def test_kept_results_are_not_carried_on() -> None:
    """What is in the database already is not written a second time when the step ends."""
    failed = (Result("s", "Rule.", "block", passed=False, observed={"offending": 3}, offenders=("id 1",)),)

    with pytest.raises(GateClosed, match=r"A data check failed\. Rule\. Broken by 3: id 1\.") as carried:
        conclude(failed)
    with pytest.raises(GateClosed) as kept:
        conclude(failed, kept=True)

    assert carried.value.results == failed
    assert kept.value.results == ()
