"""How alembic meets our database: `plumbline.core.migrations` gives the connection; all share one transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema="core",
)
with context.begin_transaction():
    context.run_migrations()
