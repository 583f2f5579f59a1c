"""A kind is one thing everywhere: in the code, in the checks, in the tables."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

import pytest
import yaml

from plumbline.core.sql import SQL_ROOT
from plumbline.corpus.kinds import KINDS, OLDER, Kind, kind_of

ALL = get_args(Kind)


@pytest.mark.parametrize("kind", ALL)
def test_every_kind_has_its_reader_and_an_ending(kind):
    """A name that nobody reads, or a reader that nobody reaches, would be a promise."""
    assert callable(getattr(import_module(f"plumbline.corpus.extraction.{kind}"), f"read_{kind}"))
    assert kind in KINDS.values()


def test_the_checks_and_the_tables_know_the_same_kinds():
    """A kind that a check does not know could never be published."""
    suite = yaml.safe_load((SQL_ROOT.parent / "expectations/corpus/candidate.yaml").read_text())
    rules = [rule for rules in suite["tables"].values() for rule in rules if rule.get("column") == "kind"]
    comments = (SQL_ROOT / "migrations/0006_kinds.sql").read_text()

    assert [list(ALL)] == [rule["value_set"] for rule in rules]
    assert 2 == comments.count(f"{', '.join(ALL[:-1])} or {ALL[-1]}.")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.MD", "markdown"), ("b.tar.pdf", "pdf"), (".md", None), ("a", None), ("a.doc", None)],
)
def test_a_name_says_what_a_file_is(name, kind):
    """By its last ending, in any case; a name that is nothing but an ending has none."""
    assert kind == kind_of(name)


def test_older_formats_name_one_that_is_read():
    """Whoever is refused is told what to do."""
    assert set(OLDER.values()) <= set(KINDS)
    assert not set(OLDER) & set(KINDS)
