"""What the database says of itself: everything is explained, every tenant is apart, and rights are as drawn."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from plumbline.core.settings import PROJECT_ROOT
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.provenance import catalog
from plumbline.provenance.catalog import Catalog, read_catalog

GOLDEN = PROJECT_ROOT / "tests" / "golden"
ISOLATION = ("owner_maintains", "tenant_isolation")


@pytest.fixture(scope="module")
def session(scratch: Scratch) -> Iterator[psycopg.Connection]:
    """The owner's view of a fresh database."""
    name = scratch.new_database()
    with psycopg.connect(scratch.url(name, "owner"), row_factory=dict_row) as opened:
        yield opened
    scratch.drop_database(name)


@pytest.fixture(scope="module")
def found(session: psycopg.Connection) -> Catalog:
    """What the database says of itself."""
    return read_catalog(session)


def test_the_schema_is_as_drawn(found: Catalog) -> None:
    """What Postgres itself says of the tables is read before it is released; `make docs` draws it anew."""
    assert (GOLDEN / "schema.txt").read_text(encoding="utf-8") == catalog.schema_picture(found)


def test_each_role_may_do_what_is_drawn_and_nothing_else(found: Catalog) -> None:
    """A right that nobody noticed is a hole; `make docs` draws the rights anew."""
    assert (GOLDEN / "roles.txt").read_text(encoding="utf-8") == catalog.roles_picture(found)


def test_the_page_of_tables_is_fresh(found: Catalog) -> None:
    """docs/tables.md is drawn from the database by `make docs`."""
    assert (PROJECT_ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == catalog.tables_page(found)


def test_everything_is_explained(found: Catalog) -> None:
    """A table or column without a comment is known to its author alone."""
    silent = [schema["name"] for schema in found.schemas if not schema["comment"]]
    silent += [relation.full_name for relation in found.relations if not relation.comment]
    silent += [
        f"{relation.full_name}.{column['name']}"
        for relation in found.relations
        for column in relation.columns
        if not column["comment"]
    ]
    silent += [function["name"] for function in found.functions if not function["comment"]]

    assert silent == []


def test_a_personal_column_says_what_how_long_and_how_erased(found: Catalog) -> None:
    """Retention and erasure are decided when the column is made, not when somebody asks."""
    comments = {
        f"{relation.full_name}.{column['name']}": column["comment"]
        for relation in found.relations
        for column in relation.columns
        if column["comment"].startswith("personal")
    }

    assert comments
    for name, comment in comments.items():
        what, kept, erased = comment.removeprefix("personal: ").split("; ")
        assert comment.startswith("personal: "), name
        assert what, name
        assert kept.startswith("kept "), name
        assert erased.startswith("erased "), name
        assert erased.endswith("."), name


def test_a_table_with_a_tenant_is_isolated(found: Catalog) -> None:
    """Row-level security is forced, for the owner too, by the same two policies everywhere."""
    tables = [relation for relation in found.relations if relation.kind != "view"]
    shared = [
        relation for relation in tables if "tenant" not in {column["name"] for column in relation.columns}
    ]

    assert [] == [table.full_name for table in tables if table not in shared and table.policies != ISOLATION]
    assert [] == [table.full_name for table in tables if table not in shared and not table.isolated]
    assert sorted(table.full_name for table in shared) == [
        "core.monthly_table",
        "core.schema_version",
        "ledger.breaker",
        "ledger.bucket",
        "ledger.price",
    ]


def test_partitions_and_index_versions_are_isolated_too(
    tools: Tools, scratch: Scratch, database: str
) -> None:
    """What is made while the system runs is as closed as what migrations made."""
    with tools.keeper.transaction("main") as session:
        session.execute("select corpus.open_tenant('main')")
        session.execute("select corpus.open_index('main', 'some-model', 8)")
    with psycopg.connect(scratch.url(database, "owner")) as session:
        open_tables = session.execute(
            "select oid::regclass::text from pg_class where relkind in ('r', 'p') "
            "and (relispartition or relname ~ '^embedding_') and not (relrowsecurity and relforcerowsecurity) "
            "and relnamespace::regnamespace::text = any (%s)",
            [["core", "corpus", "ledger", "lineage", "review"]],
        ).fetchall()

    assert open_tables == []


def test_views_show_what_their_reader_may_see(found: Catalog) -> None:
    """A view that ran with its owner's rights would show every tenant to everyone."""
    views = [relation for relation in found.relations if relation.kind == "view"]

    assert views
    assert [] == [view.full_name for view in views if "security_invoker=true" not in view.properties]


def test_functions_with_the_owners_rights_are_not_for_everyone(session: psycopg.Connection) -> None:
    """They step over the policies, so each has a fixed search path and named callers."""
    loose = session.execute(
        "select oid::regprocedure::text from pg_proc where prosecdef and pronamespace::regnamespace::text = any (%s) "
        "and (proconfig is null or array_to_string(proconfig, ',') !~ 'search_path=' "
        "or has_function_privilege('public', oid, 'execute'))",
        [["core", "corpus", "ledger", "lineage", "review"]],
    ).fetchall()

    assert loose == []


def test_nobody_but_the_owner_makes_or_owns_anything(session: psycopg.Connection) -> None:
    """No role of the pipelines can create, so none can leave a trap behind."""
    roles = [f"plumbline_{role}" for role in catalog.ROLES]
    makers = session.execute(
        "select nspname, rolname from pg_namespace cross join pg_roles where rolname = any (%s) "
        "and has_schema_privilege(rolname, pg_namespace.oid, 'create') and nspname !~ '^pg_'",
        [roles],
    ).fetchall()
    owners = session.execute(
        "select relname from pg_class where relowner::regrole::text = any (%s)", [roles]
    ).fetchall()
    strong = session.execute(
        "select rolname from pg_roles where rolname ~ '^plumbline_' and "
        "(rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication)"
    ).fetchall()

    assert (makers, owners, strong) == ([], [], [])


def test_auditors_see_nothing_personal(found: Catalog) -> None:
    """An auditor reads lineage, costs and checks; a document's words are not among them."""
    seen: dict[str, list[str]] = {"auditor": [], "reporter": []}
    for relation in found.relations:
        for right in relation.rights:
            if right.role in seen and right:
                seen[right.role] += [
                    f"{relation.full_name}.{column['name']}"
                    for column in relation.columns
                    if column["comment"].startswith("personal") and column["name"] not in right.hidden
                ]

    # Pseudonyms, not values in clear; and of colleagues who approved what is said to a model.
    assert set(seen["reporter"]) <= {
        "ledger.batch_plan.prompt_approver",
        "ledger.budget.name",
        "ledger.budget_period.name",
        "ledger.call.prompt_approver",
        "ledger.call.session_ref",
        "ledger.call.user_ref",
    }
    # Who decided what, and who was shown what, is what an auditor is there for.
    assert set(seen["auditor"]) - set(seen["reporter"]) <= {
        "privacy.listing.loaded_by",
        "privacy.restoration.person",
        "review.event.became",
        "review.event.was",
        "review.event.who",
        "review.item.assigned_to",
        "review.item.changed_by",
        "review.item.decided_by",
        "review.remark.who",
    }
