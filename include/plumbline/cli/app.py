"""The commands, and what they share."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from plumbline.core.receipts import Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools, open_tools

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A company's OpenAI work as scheduled, priced and data-checked pipelines.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(highlight=False)
"""Colours on a terminal only; NO_COLOR is honoured."""

notes = Console(stderr=True, highlight=False)
"""Progress and remarks: never mixed into the output that a program reads."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Tenant = Annotated[
    str | None, typer.Option(help="Work for this tenant (default: PLUMBLINE_TENANT, or main).")
]


@contextlib.contextmanager
def working(command: str, tenant: str | None) -> Iterator[tuple[Tools, Run]]:
    """Open the tools for one command, and say on whose behalf it works."""
    settings = Settings.load()
    with open_tools(settings) as tools:
        yield (
            tools,
            Run(
                tenant=tenant or settings.tenant,
                job=f"plumbline.cli.{command}",
                project=settings.project,
                team=settings.team,
                code_version=settings.code_version,
                dag_run_id=f"cli__{uuid.uuid4()}",
            ),
        )


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


# The modules register their commands on `app`.
from plumbline.cli import calls, corpus, installation, lineage  # noqa: E402, F401
