"""
What the demo shows at its end: the figures of its run, three searches and the door, in the words of the command line.

The one module of the embedded form that looks into the areas; everything else here knows processes only, and `dealing`
the models.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.core.errors import PlumblineError
from plumbline.core.receipts import Run
from plumbline.core.settings import PROJECT_ROOT, Settings
from plumbline.core.tools import Tools, open_tools
from plumbline.embedded.services import Installation
from plumbline.embedded.terminal import say

_SAMPLES = PROJECT_ROOT / "samples"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The tools of the embedded installation, to look at what a run came to."""

    tools: Tools
    run: Run

    def announce_spending(self, folder: Path) -> None:
        """Where a provider is paid, say beforehand what this run will cost."""
        from plumbline.corpus.planning import plan_ingestion

        if self.tools.provider is None:
            return
        plan = plan_ingestion(self.tools, self.run, folder=str(folder))
        say(
            f"This run will buy {plan['to_buy']:,} embeddings from {plan['answered_by']}: {plan['tokens']:,} tokens, "
            f"${plan['cost_usd']:.6f}; each of its three searches buys one more."
        )

    def summary(self, dag_run_id: str) -> dict[str, Any]:
        """Return the figures of a run of the DAG."""
        from plumbline.corpus.summary import summarise

        return summarise(self.tools, self.run, dag_run_id=dag_run_id)

    def show_summary(self, summary: dict[str, Any]) -> None:
        """Print the figures."""
        from plumbline.cli.corpus import show_summary

        print()
        show_summary(summary)

    def questions(self, folder: Path, summary: dict[str, Any]) -> list[str]:
        """Return three things to search for: the samples' own questions, or titles of the documents."""
        from plumbline.core import db

        if folder.resolve() == _SAMPLES / "documents":
            lines = (_SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
            return [entry["text"] for entry in map(json.loads, lines) if entry.get("demo")]
        with self.tools.db.transaction(self.run.tenant) as session:
            found = db.rows(session, "embedded/select_titles", ingestion_id=summary["ingestion_id"])
        return [row["title"] for row in found]

    def show_search(self, question: str) -> None:
        """Search and print the best result with its cited span."""
        from plumbline.cli.app import console
        from plumbline.cli.corpus import show_results
        from plumbline.corpus.search import search

        console.print(f"\n[bold]plumbline search[/bold] {question!r}", markup=True)
        show_results(search(self.tools, self.run, question, limit=1))

    def show_duplicates(self) -> None:
        """Print the largest group of documents that are nearly the same, where there is one."""
        from plumbline.cli.app import console
        from plumbline.cli.duplicates import show_group
        from plumbline.corpus.duplicate_groups import duplicates

        groups = duplicates(self.tools, self.run).groups
        if groups:
            console.print("\n[bold]plumbline documents duplicates[/bold]", markup=True)
            show_group(groups[0])

    def show_door(self, questions: Sequence[str]) -> dict[str, Any] | None:
        """Show what the door does with a question, and return its figures; None where nothing was asked."""
        from rich.table import Table
        from rich.text import Text

        from plumbline.cli.app import console
        from plumbline.corpus.search import search
        from plumbline.embedded.dealing import deal, material, told

        if self.tools.provider is not None:
            say("\nA provider answers, and is paid: nothing is asked of it for show.")
            return None
        passages = [[hit.text for hit in search(self.tools, self.run, one).hits] for one in questions]
        asked = material(questions, passages)
        if asked is None:
            return None
        try:
            dealt = deal(self.tools, self.run, asked)
        except PlumblineError as error:
            say(f"\nThe one door to the models: {error}")  # the knowledge base is there all the same
            return None
        console.print(f"\n[bold]The one door to the models[/bold]: {dealt.answered_by}, which costs nothing")
        lines = Table.grid(padding=(0, 2))
        for word, line in told(dealt):
            lines.add_row(Text(f"  {word}", style="bold"), Text(line))
        console.print(lines)
        return dict(dealt.as_receipt())


def provider(settings: Settings) -> str | None:
    """
    Return which model the connection plumbline_openai makes answer, and where; None where there is no connection.

    Raises:
        Misconfigured: The connection cannot be read, lacks its key, or says something impossible.
    """
    from plumbline.models.endpoints import connected

    connection = settings.connection("plumbline_openai")
    return connected(connection).label if connection else None


@contextlib.contextmanager
def opened(installation: Installation) -> Iterator[Outcome]:
    """Open the tools on the embedded databases, whatever else is set outside."""
    settings = Settings.load(
        {**os.environ, **installation.settings(), "PLUMBLINE_HOME": str(installation.home.folder)}
    )
    with open_tools(settings) as tools:
        yield Outcome(
            tools, Run(tenant=settings.tenant, job="plumbline.demo", code_version=settings.code_version)
        )
