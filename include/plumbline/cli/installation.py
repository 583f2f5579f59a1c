"""`plumbline migrate` and `plumbline doctor`: the installation itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, notes, print_json, require_consent, working
from plumbline.core.errors import PlumblineError
from plumbline.core.settings import Settings

if TYPE_CHECKING:
    from plumbline.embedded.doctor import Finding
    from plumbline.models.door import Proof


@app.command()
def migrate() -> None:
    """Bring the database up to date: roles (with PLUMBLINE_ADMIN_URL), migrations, views and prices."""
    from plumbline.core.migrations import migrate as bring_up_to_date

    settings = Settings.load()
    passwords = {
        role: settings.values[name]
        for role in ("owner", "app", "keeper", "reporter", "auditor", "restorer")
        if (name := f"PLUMBLINE_PASSWORD_{role.upper()}") in settings.values
    }
    applied = bring_up_to_date(
        settings.text("PLUMBLINE_OWNER_URL"), settings.values.get("PLUMBLINE_ADMIN_URL"), passwords
    )
    console.print(f"Applied {', '.join(applied)}." if applied else "The schema was up to date.")


@app.command()
def doctor(
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Also make one small paid call to each model, after asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the paid call.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Check every part of the installation and say what to do about what is wrong."""
    from plumbline.embedded.doctor import examine

    findings = examine(Settings.load())
    healthy = all(finding.ok for finding in findings)
    if not as_json:
        _show(findings)
    proof: Proof | None = None
    chat: Proof | PlumblineError | None = None
    try:
        if live and healthy:
            proof, chat = _prove_live(tenant, ask=not yes)
    finally:  # what was found is told, also when the call fails
        if as_json:
            told = {"proof": _told(proof), "chat": _told(chat)} if live else {}
            ok = healthy and (proof is not None or not live)
            print_json({"ok": ok, "findings": [finding.as_json() for finding in findings], **told})
    if proof and not as_json:
        from plumbline.corpus.sources import known_as

        console.print(
            f"[green]ok[/green]  {known_as(proof.answered_by)} answered with {proof.dimensions} dimensions: "
            f"{proof.tokens} tokens, ${proof.cost_usd:.9f}, {proof.latency_ms} ms."
        )
        _show_chat(chat)
    if not healthy:
        if live:
            notes.print("The paid call was not made: first mend what is at fault.")
        raise typer.Exit(1)


def _show(findings: Sequence[Finding]) -> None:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("FAULT", style="bold red")
        table.add_row(mark, Text(finding.part, style="bold"), Text(finding.message))
        if finding.remedy:
            table.add_row("", "", Text(f"→ {finding.remedy}", style="yellow"))
    console.print(table)


def _show_chat(chat: Proof | PlumblineError | None) -> None:
    """The model for answers in words; a provider may have none, and searches do not need one."""
    if isinstance(chat, PlumblineError):
        console.print(Text.assemble(("no  ", "yellow"), f"No answers in words: {chat}"))
        console.print(
            Text("    → name the model as chat_model in the connection plumbline_openai", style="yellow")
        )
    elif chat is not None:
        from plumbline.corpus.sources import known_as

        console.print(
            f"[green]ok[/green]  {known_as(chat.answered_by)} answered in words, as asked: {chat.tokens} tokens, "
            f"${chat.cost_usd:.9f}, {chat.latency_ms} ms."
        )


def _told(proof: Proof | PlumblineError | None) -> dict[str, object] | None:
    if isinstance(proof, PlumblineError):
        return {"error": str(proof)}
    return dataclasses.asdict(proof) if proof else None


def _prove_live(tenant: str | None, *, ask: bool) -> tuple[Proof, Proof | PlumblineError]:
    from plumbline.core.errors import Misconfigured
    from plumbline.models import Door

    with working("doctor", tenant) as (tools, run):
        if tools.provider is None:
            raise Misconfigured(
                "Nothing is live: there is no connection plumbline_openai, so the embedded stand-in answers."
            )
        door = Door(tools, run)
        if ask:
            notes.print(
                f"The connection plumbline_openai points at {door.endpoint.base_url}, model {door.model}."
            )
            require_consent(
                f"Make two paid calls, of about 10 tokens and (to {door.endpoint.chat.model}) of about 150?",
                otherwise="No call was made.",
            )
        proof = door.verify()
        try:
            return proof, door.verify_chat()
        except PlumblineError as error:
            return proof, error
