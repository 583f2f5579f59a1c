"""One Asset a published table: what other DAGs may wait for."""

from __future__ import annotations

from airflow.sdk import Asset

PUBLISHED_INDEX = Asset(
    name="published_index",
    uri="plumbline://corpus/published_index",
    group="corpus",
)
"""The searchable knowledge base: corpus.document, corpus.chunk, its words and its vectors."""
