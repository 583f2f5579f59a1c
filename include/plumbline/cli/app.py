"""The commands, and what they share."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.prompt import Confirm
from rich.text import Text

from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.settings import Settings, checked_tenant
from plumbline.core.stores import Store
from plumbline.core.tools import Tools, open_tools

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A company's OpenAI work as scheduled, priced and data-checked pipelines.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_UNBROKEN = 10_000


def _console(*, stderr: bool) -> Console:
    """Lines are broken for a terminal only: in a pipe or a log they stay whole, for whoever searches them."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNBROKEN
    return made


console = _console(stderr=False)
"""Colours on a terminal only; NO_COLOR is honoured."""

notes = _console(stderr=True)
"""Progress and remarks: never mixed into the output that a program reads."""


def say_below(text: str, by: int = 2, *, style: str = "") -> None:
    """Print lines below a heading, moved to the right; a terminal breaks them between words, a log gets them whole."""
    if console.is_terminal:
        console.print(Padding(Text(text, style=style), (0, 0, 0, by), expand=False))
    else:
        console.print(Text("\n".join(f"{' ' * by}{line}" for line in text.split("\n")), style=style))


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Tenant = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Work for this tenant (default: PLUMBLINE_TENANT, or main)."),
]


class NotAgreed(Fatal):
    """A person did not agree to what was to be done."""


@contextlib.contextmanager
def working(command: str, tenant: str | None) -> Iterator[tuple[Tools, Run]]:
    """Open the tools for one command, and say on whose behalf it works."""
    settings = Settings.load()
    with open_tools(settings, open_store=partial(_open_store, settings)) as tools:
        yield (
            tools,
            Run(
                tenant=settings.tenant if tenant is None else checked_tenant(tenant),
                job=f"plumbline.cli.{command}",
                project=settings.project,
                team=settings.team,
                code_version=settings.code_version,
                dag_run_id=f"cli__{uuid.uuid4()}",
            ),
        )


def _open_store(settings: Settings, address: str) -> Store:
    """Open an object store; Airflow finds the connections of `.env` in the environment alone."""
    for name, value in settings.values.items():
        if name.startswith("AIRFLOW_CONN_"):
            os.environ.setdefault(name, value)
    from plumbline_airflow.stores import open_store  # type: ignore[import-untyped]

    store: Store = open_store(address)
    return store


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that is told what is being done: one line that changes on a terminal, lines in a log."""
    began = time.monotonic()
    with notes.status("starting") as status:

        def tell(doing: str) -> None:
            if notes.is_terminal:
                status.update(doing)
            elif not quiet:
                notes.print(f"{time.monotonic() - began:6.1f} s  {doing}")

        yield tell


def require_consent(question: str, *, otherwise: str) -> None:
    """
    Ask a person, and go on only after a yes.

    Raises:
        NotAgreed: The answer was no, or nobody is there to be asked; `otherwise` says what that means.
    """
    if not sys.stdin.isatty():
        raise NotAgreed(f"{otherwise} There is no terminal to ask at: give --yes to go on without.")
    try:
        agreed = Confirm.ask(escape(question), console=notes, default=False)
    except EOFError:
        notes.print()
        agreed = False
    if not agreed:
        raise NotAgreed(otherwise)


def counted(number: int, thing: str) -> str:
    """Return "1 document", or "2 documents"."""
    return f"{number:,} {things(number, thing)}"


def things(number: int, thing: str) -> str:
    """Return "document" of one, "documents" of any other number."""
    return thing if number == 1 else f"{thing}s"


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


# The modules register their commands on `app`.
from plumbline.cli import (  # noqa: E402
    batches,  # noqa: F401
    budget,  # noqa: F401
    calls,  # noqa: F401
    corpus,  # noqa: F401
    documents,  # noqa: F401
    duplicates,  # noqa: F401
    indexes,  # noqa: F401
    installation,  # noqa: F401
    lineage,  # noqa: F401
    plans,  # noqa: F401
    privacy,  # noqa: F401
    prompts,  # noqa: F401
    review,  # noqa: F401
    source_setup,  # noqa: F401
    sources,  # noqa: F401
)
