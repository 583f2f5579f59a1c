"""`plumbline prompts`: what is said to models, who approved it, how long it is, and what could be shorter."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from plumbline.cli.app import Json, app, console, counted, print_json, say_below, working

if TYPE_CHECKING:
    from plumbline.core.prompts import Prompt
    from plumbline.core.prompts.shortening import Saving

prompts = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="Prompts: versions, approvers, length in tokens, and what could be shorter.",
)
app.add_typer(prompts, name="prompts")


@prompts.callback()
def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List every version of every prompt with its length in tokens of a chat model."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter(f"Options come after the word {context.invoked_subcommand}.")
        return
    found = [_told(prompt) for prompt in _every()]
    if as_json:
        print_json({"prompts": found})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("prompt", "version", "approved by"):
        table.add_column(heading)
    for heading in ("tokens", "at most", "answer schema"):
        table.add_column(heading, justify="right")
    for row in found:
        approver = row["approved_by"] or "nobody yet"
        table.add_row(
            Text(row["name"], style="bold"),
            row["version"] if row["released"] else f"{row['version']} (draft)",
            Text(approver),
            *(f"{row[key]:,}" for key in ("fixed_tokens", "most_tokens", "answer_tokens")),
        )
    console.print(table)


@prompts.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prompt.")],
    *,
    version: Annotated[
        str | None, typer.Option(metavar="VN", help="A version, v1 (default: the newest released one).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one prompt: what it is for, what it is given, what it says, and the answer that it asks for."""
    from plumbline.core.prompts import load_prompt
    from plumbline.core.prompts.measuring import schema_text

    prompt = load_prompt(name, version)
    sections = {"system": prompt.system.source, "user": prompt.user.source}
    if as_json:
        print_json({**_told(prompt), "schema": prompt.schema, **sections})
        return
    state = "released" if prompt.released else "a draft"
    console.print(Text(f"{prompt.name} {prompt.version}", style="bold"), Text(f"({state})"))
    say_below(prompt.purpose)
    approver = f"Approved by {prompt.approved_by}." if prompt.approved_by else "Nobody has approved it."
    say_below(f"{approver} SHA-256 {prompt.sha256.hex()}")
    for variable in prompt.variables.values():
        by = "untrusted" if variable.untrusted else "ours"
        most = counted(variable.most_tokens, "token")
        say_below(f"{variable.name}: {variable.says} ({by}, at most {most})")
    for role, text in sections.items():
        console.print(Text(f"\n# {role}", style="bold"))
        say_below(text)
    if prompt.schema:
        console.print(Text("\n# answer", style="bold"))
        say_below(schema_text(prompt.schema))


@prompts.command()
def freeze(*, as_json: Json = False) -> None:
    """Release all approved versions: their hashes go into include/prompts/frozen.txt, and they never change again."""
    from plumbline.core.prompts import freeze as release

    added = release()
    if as_json:
        print_json({"frozen": added})
        return
    for path in added:
        console.print(f"frozen: {path}")
    if not added:
        console.print("Every approved version was frozen already.")


@prompts.command()
def shorten(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One prompt (default: all).")] = None,
    *,
    version: Annotated[str | None, typer.Option(metavar="VN", help="One version of it.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Say what it is worth at this model's price.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Report what could be shorter without meaning less.  Nothing is changed."""
    from plumbline.core.prompts import load_prompt
    from plumbline.core.prompts.shortening import savings

    if version is not None and name is None:
        raise typer.BadParameter("--version is one of a prompt: name the prompt.")
    chosen = _every() if name is None else [load_prompt(name, version)]
    price = _price(model) if model else None
    found = [(prompt, savings(prompt)) for prompt in chosen]
    if as_json:
        print_json(
            {
                "model": model,
                "usd_per_million": price,
                "prompts": [
                    {
                        "name": prompt.name,
                        "version": prompt.version,
                        "savings": [_saving(one, price) for one in some],
                    }
                    for prompt, some in found
                ],
            }
        )
        return
    for prompt, some in found:
        _show_savings(prompt, some, price)


def _show_savings(prompt: Prompt, found: list[Saving], price: Decimal | None) -> None:
    title = f"{prompt.name} {prompt.version}"
    if not found:
        console.print(f"{title}: nothing to shorten.")
        return
    total = sum(one.tokens for one in found)
    # Two savings of the same words cannot both be made.
    console.print(Text(f"{title}: up to {counted(total, 'token')} a call", style="bold"))
    for one in found:
        worth = f" (${one.usd_per_1000_calls(price):f} per 1,000 calls)" if price is not None else ""
        say_below(
            f"{one.kind} in {one.where}: “{one.words}”: {one.advice}; {counted(one.tokens, 'token')}{worth}"
        )


def _saving(one: Saving, price: Decimal | None) -> dict[str, Any]:
    worth = None if price is None else one.usd_per_1000_calls(price)
    return {**dataclasses.asdict(one), "usd_per_1000_calls": worth}


def _price(model: str) -> Decimal:
    from plumbline.models.prices import price_list

    with working("prompts", None) as (tools, _):
        return price_list(tools.db, model).input or Decimal(0)


def _every() -> list[Prompt]:
    from plumbline.core.prompts import load_prompt, prompt_names, versions

    return [load_prompt(name, version) for name in prompt_names() for version in versions(name)]


def _told(prompt: Prompt) -> dict[str, Any]:
    from plumbline.core.prompts.measuring import length

    tokens = length(prompt)
    return {
        "name": prompt.name,
        "version": prompt.version,
        "approved_by": prompt.approved_by,
        "released": prompt.released,
        "purpose": prompt.purpose,
        "sha256": prompt.sha256.hex(),
        "variables": [dataclasses.asdict(variable) for variable in prompt.variables.values()],
        "fixed_tokens": tokens.fixed,
        "most_tokens": tokens.most,
        "answer_tokens": tokens.answer,
    }
