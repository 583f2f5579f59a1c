"""The pages for people: every link leads somewhere, every DAG has its runbook, decisions are short and numbered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plumbline.core.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(PROJECT_ROOT.glob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))


def name(file: Path) -> str:
    """The path of a page in the project."""
    return str(file.relative_to(PROJECT_ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link within the project names a file that is there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]

    assert [] == [link for link in inside if not (page.parent / link).exists()]


def test_decisions_are_numbered_without_holes() -> None:
    """They are cited by number."""
    numbers = [re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", file.name) for file in DECISIONS]

    assert all(numbers)
    assert [int(number[1]) for number in numbers if number] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_fits_on_a_card(page: Path) -> None:
    """What was decided, why, at which price, instead of what."""
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert all(f"**{part}.**" in text for part in ("Decision", "Why", "Price", "Instead of"))
    assert len(text.splitlines()) <= 20


def test_every_dag_has_a_runbook_and_no_runbook_is_left_over() -> None:
    """Whoever is called finds a page, and a page that speaks of what exists."""
    dags = [file.stem for file in sorted((PROJECT_ROOT / "dags").glob("*.py"))]

    assert [file.stem for file in RUNBOOKS] == dags


@pytest.mark.parametrize("page", RUNBOOKS, ids=name)
def test_a_runbook_goes_from_symptom_to_fix(page: Path) -> None:
    """At three in the morning one looks for what one sees."""
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# Runbook: {page.stem}\n")
    assert "## First look" in text
    assert "## Symptom, cause, fix" in text
    assert "\n### " in text


def test_every_suite_and_gate_named_in_the_pages_exists() -> None:
    """A page that names a check which was renamed sends its reader the wrong way."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    files = set(re.findall(r"`((?:include|plugins|dags|tests)/[\w./-]+\.\w+)`", text))

    assert files
    assert [] == sorted(file for file in files if not (PROJECT_ROOT / file).exists())
