"""
What the database says of itself: tables, columns, rights.

The comments in the database are the one place where tables and columns are explained.  The page for readers
(`docs/tables.md`) and the pictures that tests compare with (`tests/golden/`) are drawn from it, never written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.core import db

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

ROLES = ("app", "keeper", "reporter", "auditor", "restorer")
"""The roles whose rights are drawn, without their prefix; the owner may do everything."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one role may do: `whole` on every column, `partly` on some; `hidden` are columns it cannot read."""

    role: str
    whole: tuple[str, ...]
    partly: tuple[str, ...]
    hidden: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether it may do anything."""
        return bool(self.whole or self.partly)

    def __str__(self) -> str:
        """Return the rights in words."""
        some = [f"{privilege} (some columns)" for privilege in self.partly]
        return ", ".join([*self.whole, *some]) or "nothing"


@dataclass(frozen=True, slots=True)
class Relation:
    """One table or view, as the database describes it."""

    schema: str
    name: str
    kind: str
    comment: str | None
    isolated: bool
    policies: tuple[str, ...]
    properties: tuple[str, ...]
    columns: tuple[DictRow, ...]
    constraints: tuple[DictRow, ...]
    indexes: tuple[DictRow, ...]
    rights: tuple[Rights, ...]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """All schemas with their tables, views and functions."""

    schemas: tuple[DictRow, ...]
    relations: tuple[Relation, ...]
    functions: tuple[DictRow, ...]


def read_catalog(session: Session) -> Catalog:
    """Return what the database says of itself; any role may ask."""
    roles = [f"plumbline_{role}" for role in ROLES]
    schemas = db.rows(session, "catalog/select_schemas")
    names = [schema["name"] for schema in schemas]
    relations = db.rows(session, "catalog/select_relations", schemas=names)
    return Catalog(
        schemas=tuple(schemas),
        relations=tuple(_relation(session, row, roles) for row in relations),
        functions=tuple(db.rows(session, "catalog/select_functions", schemas=names, roles=roles)),
    )


def _relation(session: Session, row: DictRow, roles: Sequence[str]) -> Relation:
    oid = row["oid"]
    properties = [
        f"partitioned by {row['partitioned_by']}" if row["partitioned_by"] else "",
        "unlogged" if row["unlogged"] else "",
        row["options"],
    ]
    rights = db.rows(session, "catalog/select_privileges", oid=oid, roles=list(roles))
    return Relation(
        schema=row["schema"],
        name=row["name"],
        kind=row["kind"],
        comment=row["comment"],
        isolated=row["isolated"],
        policies=tuple(row["policies"] or ()),
        properties=tuple(filter(None, properties)),
        columns=tuple(db.rows(session, "catalog/select_columns", oid=oid)),
        constraints=tuple(db.rows(session, "catalog/select_constraints", oid=oid)),
        indexes=tuple(db.rows(session, "catalog/select_indexes", oid=oid)),
        rights=tuple(
            Rights(
                right["role"].removeprefix("plumbline_"),
                tuple(right["whole"]),
                tuple(right["partly"]),
                tuple(right["hidden"]),
            )
            for right in rights
        ),
    )


def tables_page(catalog: Catalog) -> str:
    """Return docs/tables.md.  Pure."""
    return "\n".join(_page_lines(catalog)).rstrip() + "\n"


def _page_lines(catalog: Catalog) -> Iterator[str]:
    yield "# Tables"
    yield ""
    yield "Drawn from the comments in the database by `make docs`; a test fails when it is stale."
    yield "`personal:` opens the description of a column that may hold personal data: what, kept how long, erased how."
    yield "Every role but the owner sees the rows of one tenant, the one its transaction names."
    yield ""
    for schema in catalog.schemas:
        relations = [relation for relation in catalog.relations if relation.schema == schema["name"]]
        functions = [row for row in catalog.functions if row["name"].startswith(f"{schema['name']}.")]
        yield f"## {schema['name']}"
        yield ""
        yield schema["comment"] or ""
        yield ""
        for relation in relations:
            yield from _relation_lines(relation)
        if functions:
            yield f"### Functions of {schema['name']}"
            yield ""
            yield "| function | what it does | runs as | called by |"
            yield "|---|---|---|---|"
            for row in functions:
                runs_as = "owner" if row["as_owner"] else "caller"
                yield f"| `{row['name']}` | {row['comment'] or ''} | {runs_as} | {_callers(row) or 'owner'} |"
            yield ""


def _relation_lines(relation: Relation) -> Iterator[str]:
    yield f"### {relation.full_name}"
    yield ""
    kind = relation.kind.capitalize()
    yield f"{relation.comment} {', '.join([kind, *relation.properties])}."
    yield ""
    yield "| column | type | description |"
    yield "|---|---|---|"
    for column in relation.columns:
        empty = "" if not column["nullable"] or relation.kind == "view" else ", may be empty"
        yield f"| `{column['name']}` | {column['type']}{empty} | {column['comment'] or ''} |"
    yield ""
    if not any(relation.rights):
        yield "- owner only"
    for right in filter(None, relation.rights):
        hidden = f"; cannot read {', '.join(f'`{name}`' for name in right.hidden)}" if right.hidden else ""
        yield f"- {right.role}: {right}{hidden}"
    yield ""


def schema_picture(catalog: Catalog) -> str:
    """Return tests/golden/schema.txt: types, constraints, indexes and functions, in the database's own words.  Pure."""
    lines = []
    for relation in catalog.relations:
        isolation = [f"row security {', '.join(relation.policies)}"] if relation.isolated else []
        lines.append(" | ".join([f"{relation.full_name}: {relation.kind}", *relation.properties, *isolation]))
        for column in relation.columns:
            words = [
                column["type"],
                "" if column["nullable"] else "not null",
                column["fallback"],
                column["storage"],
            ]
            lines.append(f"    {column['name']} {' '.join(filter(None, words))}")
        lines += [f"    constraint {row['name']} {row['definition']}" for row in relation.constraints]
        lines += [f"    index {row['name']} {row['definition']}" for row in relation.indexes]
    lines += [
        f"{row['name']} returns {row['returns']}, as {'owner' if row['as_owner'] else 'caller'}"
        for row in catalog.functions
    ]
    return "\n".join(lines) + "\n"


def roles_picture(catalog: Catalog) -> str:
    """Return tests/golden/roles.txt: what each role may do with each table, view and function.  Pure."""
    lines = []
    for relation in catalog.relations:
        lines.append(relation.full_name)
        for right in filter(None, relation.rights):
            hidden = f" | hidden: {', '.join(right.hidden)}" if right.hidden else ""
            lines.append(f"    {right.role:9} {right}{hidden}")
    lines += [f"{row['name']}: {_callers(row) or 'nobody'}" for row in catalog.functions]
    return "\n".join(lines) + "\n"


def _callers(function: DictRow) -> str:
    return ", ".join(role.removeprefix("plumbline_") for role in function["callers"] or ())
