"""The way back is walked on delivery only, and never without a trace."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from psycopg import errors

from plumbline.privacy.minimise import Minimiser
from plumbline.privacy.restore import NotEntitled, Restorer

ASK = "select privacy.ask_to_restore('main', %s, '{email}', %s, 'jo', 'because')"
READ = "select * from privacy.restored_values(%s, %s)"


def test_a_text_comes_back_as_it_was(minimiser, restorer):
    """Each value where its word stood, in the spelling that was first met."""
    text = "Jane (Jane@Example.org, +44 20 7946 0958) paid with 4111 1111 1111 1111."
    minimised = minimiser.minimise(text)

    restored = restorer.restore(minimised)

    assert "Jane@" not in minimised
    assert (text, 3, ()) == (restored.value, restored.restored, restored.unknown)


def test_arguments_and_answers_come_back_at_any_depth(minimiser, restorer):
    """In lists, in objects, in their names; what is no text stays what it is."""
    word = minimiser.minimise("o\"neil'@example.org".replace('"', ""))
    value = {"to": [word, {"cc": f"also {word}", word: 1}], "urgent": True, "count": 3, "none": None}

    restored = restorer.restore_json(value)

    address = "oneil'@example.org"
    assert restored.value == {
        "to": [address, {"cc": f"also {address}", address: 1}],
        "urgent": True,
        "count": 3,
        "none": None,
    }


def test_a_word_that_a_model_wrote_in_other_letters_comes_back_too(minimiser, restorer):
    """Models like capitals."""
    word = minimiser.minimise("jane@example.org")

    assert "jane@example.org" == restorer.restore(word.upper()).value


def test_what_is_unknown_stays_and_is_reported(restorer):
    """A model may have made it up, or the value was erased."""
    restored = restorer.restore("Ask [email-00000000] and [phone-11111111].")

    assert restored.value == "Ask [email-00000000] and [phone-11111111]."
    assert restored.unknown == ("[email-00000000]", "[phone-11111111]")


def test_nothing_to_restore_leaves_no_trace(restorer, session):
    """A text without pseudonyms asks for nothing."""
    assert "Hello." == restorer.restore("Hello.").value
    assert [] == session("auditor").execute("select * from privacy.restoration").fetchall()


def test_every_use_is_written_down_with_who_when_which_and_why(minimiser, restorer, session):
    """Also for what leads to nothing; the auditor reads it, and no value is in it."""
    word = minimiser.minimise("jane@example.org")
    restorer.restore(f"{word} [email-00000000]")

    rows = session("auditor").execute("select * from privacy.restoration order by pseudonym_id").fetchall()

    assert {"00000000", word[7:15]} == {row["pseudonym_id"] for row in rows}
    assert {("plumbline_restorer", "jo", "reply to a customer")} == {
        (row["role"], row["person"], row["reason"]) for row in rows
    }
    assert all(row["asked_at"] for row in rows)
    assert "jane" not in str(rows)


def test_a_value_cannot_be_read_in_the_transaction_that_asks_for_it(minimiser, session):
    """Otherwise a rollback would take the trace away, and keep the value."""
    word = minimiser.minimise("jane@example.org")
    use, restorer = uuid.uuid4(), session("restorer")

    with restorer.transaction(force_rollback=True):
        restorer.execute(ASK, [use, [word[7:15]]])
        assert [] == restorer.execute(READ, ["main", use]).fetchall()
    assert [] == restorer.execute(READ, ["main", use]).fetchall()

    restorer.execute(ASK, [use, [word[7:15]]])
    assert 1 == len(restorer.execute(READ, ["main", use]).fetchall())


def test_a_use_ends_after_ten_minutes(minimiser, session):
    """What was asked for once is no key for ever."""
    word = minimiser.minimise("jane@example.org")
    use, restorer = uuid.uuid4(), session("restorer")
    restorer.execute(ASK, [use, [word[7:15]]])
    session("owner").execute("update privacy.restoration set asked_at = asked_at - interval '11 minutes'")

    assert [] == restorer.execute(READ, ["main", use]).fetchall()


def test_another_tenant_is_refused(session):
    """The function is held to the tenant of its transaction."""
    with pytest.raises(errors.RaiseException, match="set to tenant main, not to other"):
        session("restorer").execute(READ, ["other", uuid.uuid4()])


def test_a_word_of_another_tenant_leads_to_nothing(tools, run, restorer):
    """Though its id is right."""
    word = Minimiser(tools, "other").minimise("jane@example.org")

    assert (word,) == restorer.restore(word).unknown


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_use_without_a_reason_is_refused(tools, run, minimiser, reason):
    """By the database: no client can leave it out."""
    word = minimiser.minimise("jane@example.org")

    with pytest.raises(errors.CheckViolation):
        Restorer(tools, run, reason=reason).restore(word)


def test_without_the_connection_nothing_can_be_restored(tools, run):
    """The sentence says which one it is and whose."""
    with pytest.raises(NotEntitled, match=r"delivers=True.*plumbline_restorer"):
        Restorer(dataclasses.replace(tools, restorer=None), run, reason="test")
