"""Whoever has settings of another installation in .env is told what that means, and never sees a value."""

from __future__ import annotations

from plumbline.embedded.overrides import overridden, sentence

KEPT = {
    "AIRFLOW_CONN_PLUMBLINE_DB": "postgresql://app:ours@127.0.0.1:54320/plumbline",
    "PLUMBLINE_LOCAL_MODEL_URL": "http://127.0.0.1:8090/v1",
    "PLUMBLINE_PASSWORD_APP": "ours",
    "PLUMBLINE_PASSWORD_OWNER": "ours",
    "PLUMBLINE_INBOX": "/documents",
}


def test_settings_that_name_another_database_or_model_are_found():
    """A `.env` for compose names the host `postgres`."""
    declared = {
        **KEPT,
        "AIRFLOW_CONN_PLUMBLINE_DB": "postgresql://app:theirs@postgres/plumbline",
        "PLUMBLINE_LOCAL_MODEL_URL": "",
        "PLUMBLINE_TENANT": "main",
    }

    assert ["AIRFLOW_CONN_PLUMBLINE_DB", "PLUMBLINE_LOCAL_MODEL_URL"] == overridden(KEPT, declared)


def test_settings_that_say_the_same_or_nothing_are_no_surprise():
    """Nor is another folder of documents, which is a choice."""
    assert [] == overridden(KEPT, {**KEPT, "PLUMBLINE_INBOX": "/elsewhere"})
    assert [] == overridden(KEPT, {})


def test_the_warning_is_one_sentence_with_names_and_without_values():
    """The six passwords of the roles are named together."""
    said = sentence(overridden(KEPT, dict.fromkeys(KEPT, "theirs")))

    assert said.startswith(
        "AIRFLOW_CONN_PLUMBLINE_DB, PLUMBLINE_LOCAL_MODEL_URL and PLUMBLINE_PASSWORD_*, set in .env or your shell, are"
    )
    assert 1 == said.count(". ") + said.endswith(".")
    assert "theirs" not in said
    assert "ours" not in said
