"""How alembic meets our database: the connection is given by `plumbline.core.migrations`, all revisions in one transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema="core",
)
with context.begin_transaction():
    context.run_migrations()
