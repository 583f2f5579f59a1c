"""What a plan says before the spend is what the run says after it."""

from __future__ import annotations

import pytest

from plumbline.corpus import planning
from plumbline.corpus.planning import plan_ingestion

KEY = "sk-" + "a1B2c3D4" * 12


def agreed(plan, summary):
    """Plan and summary, as pairs that must be equal."""
    return [
        (plan["found"], summary["found"]),
        (plan["to_store"], summary["stored"]),
        (plan["unchanged"], summary["unchanged"]),
        (plan["refused"], summary["refused"]),
        (plan["to_remove"], summary["removed"]),
        (plan["to_buy"], summary["embedded"]),
        (plan["tokens"], summary["tokens"]),
        (plan["cost_usd"], summary["cost_usd"]),
    ]


def test_a_plan_counts_what_the_run_counts(tools, run, ingest, inbox):
    """Files that turn out unreadable are refused in both, and stored in neither."""
    ingest()
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (inbox / "empty.md").write_text("")
    (inbox / "new.md").write_text("# New\n\nThe crane is out of order until Monday.\n")
    (inbox / "prices.txt").unlink()

    plan = plan_ingestion(tools, run, folder=str(inbox))
    pairs = agreed(plan, ingest())

    assert [planned for planned, _ in pairs] == [done for _, done in pairs]
    assert (6, 1, 2, 2, 1) == tuple(planned for planned, _ in pairs[:5])


def test_a_plan_prices_what_is_sent_and_not_what_stands_in_the_file(tools, run, ingest, inbox):
    """A credential is replaced before anything is sent, and the provider bills what it gets."""
    (inbox / "keys.md").write_text(
        f"# Keys\n\nThe crane is started with the key {KEY}, by the master only.\n"
    )

    plan = plan_ingestion(tools, run, folder=str(inbox))
    summary = ingest()

    assert plan["tokens"] == summary["tokens"]
    (inbox / "keys.md").write_text(
        "# Keys\n\nThe crane is started with the key [api key], by the master only.\n"
    )
    assert (0, 0) == tuple(
        plan_ingestion(tools, run, folder=str(inbox))[name] for name in ("to_buy", "tokens")
    )


@pytest.mark.parametrize("shown", [1, 1000])
def test_the_number_of_refused_files_is_true_however_many_are_shown(tools, run, inbox, monkeypatch, shown):
    """A list may be cut; a count may not."""
    for number in range(3):
        (inbox / f"empty{number}.md").write_text("")
        (inbox / f"broken{number}.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    monkeypatch.setattr(planning, "_REFUSALS_SHOWN", shown)

    plan = plan_ingestion(tools, run, folder=str(inbox))

    assert (6, min(6, shown)) == (plan["refused"], len(plan["refusals"]))
