"""`plumbline lineage`: where something comes from, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from plumbline.cli.app import Json, Tenant, app, console, print_json, working


@app.command()
def lineage(
    thing: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a chunk, document, version, call or run.")
    ],
    *,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Show the history of one thing: back to its source, and on to what was made of it."""
    from plumbline.corpus.sources import STAND_IN, known_as
    from plumbline.provenance.history import Node, history

    with working("lineage", tenant) as (tools, run):
        found = history(tools, run, thing)
    if as_json:
        print_json(found.as_json())
        return

    def grow(tree: Tree, nodes: list[Node]) -> None:
        for node in nodes:
            grow(tree.add(_label(node)), node.related)

    def _label(node: Node) -> Text:
        name, detail = (said.replace(STAND_IN, known_as(STAND_IN)) for said in (node.name, node.detail))
        identity = f"  {node.id}" if node.kind not in {"answer", "vector"} and node.id else ""
        return Text.assemble(
            (node.kind.replace("_", " "), "bold"), f" {name}  ", (f"{detail}{identity}", "dim")
        )

    tree = Tree(_label(found.subject))
    if found.origins:
        grow(tree.add("comes from"), found.origins)
    if found.effects:
        grow(tree.add("became"), found.effects)
    console.print(tree)
