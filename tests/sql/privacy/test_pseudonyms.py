"""One word for one value, the same for everybody who works for a tenant; and without a key nothing goes out."""

from __future__ import annotations

import dataclasses
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured
from plumbline.embedded.scratch import PSEUDONYM_KEY
from plumbline.embedded.secretfiles import random_key
from plumbline.privacy import pseudonyms
from plumbline.privacy.detection import PSEUDONYM
from plumbline.privacy.keys import KeyLost, Keyring, NoKeys
from plumbline.privacy.minimise import Minimiser
from plumbline.privacy.restore import Restorer

WORD = r"\[email-[0-9a-hjkmnp-tv-z]{8}\]"
PIECES = [
    "jane@example.org ",
    "Call 541-754-3010",
    " or 541-754-3011, ",
    "card 4111 1111 1111 1111",
    "password: hunter2\n",
    "tel 123456789",
    " 987654321 ",
    "AKIA" + "ABCDEFGH12345678",
    "[phone-7f3k2q9a]",
    "ssn ",
]


def with_keys(tools, *keys):
    """The tools with these keys of pseudonyms."""
    return dataclasses.replace(tools, pseudonyms=Connection(kind="generic", password=",".join(keys)))


def test_one_value_has_one_word_in_every_text_and_run(tools, minimiser):
    """Whatever the case of an address; another value has another."""
    first = minimiser.minimise("From Jane@example.org to bob@example.org.")

    assert re.fullmatch(rf"From ({WORD}) to ({WORD})\.", first)
    jane, bob = re.findall(WORD, first)
    assert jane != bob
    assert f"Ask {jane}" == Minimiser(tools, "main").minimise("Ask JANE@example.org")


def test_a_text_without_personal_data_is_the_very_same(without_keys):
    """Nothing is copied, read or written for it, and no key is asked for."""
    text = "A berth costs 40 euros a night."

    assert text is Minimiser(without_keys, "main").minimise(text)


def test_what_is_minimised_stays_as_it_is(minimiser):
    """A text may pass the door twice."""
    once = minimiser.minimise("Tel 541-754-3010, mail jane@example.org, password: hunter2")

    assert once == minimiser.minimise(once)
    assert ["phone", "email"] == [found[1] for found in PSEUDONYM.finditer(once)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(alphabet="ab 1+.@:", max_size=6)), max_size=7))
def test_minimising_twice_is_minimising_once(minimiser, pieces):
    """Whatever stands beside what; and the same text becomes the same."""
    text = "".join(pieces)
    once = minimiser.minimise(text)

    assert once == minimiser.minimise(once)
    assert once == minimiser.minimise(text)


def test_several_texts_at_once_become_what_each_becomes(minimiser):
    """The batch form saves round trips and nothing else."""
    texts = ["nothing", "jane@example.org", "jane@example.org and 541-754-3010"]

    assert minimiser.minimise_all(texts) == [minimiser.minimise(text) for text in texts]


def test_without_a_key_nothing_goes_out_and_one_sentence_says_what_to_set(without_keys):
    """The sentence names the connection and not the value."""
    with pytest.raises(NoKeys, match="plumbline_pseudonyms") as caught:
        Minimiser(without_keys, "main").minimise("Write to jane@example.org")

    assert "jane" not in str(caught.value)


def test_a_credential_needs_no_key_and_is_never_stored(without_keys, session):
    """Nothing leads back from its word."""
    text = Minimiser(without_keys, "main").minimise("password: hunter2, AKIA" + "ABCDEFGH12345678")

    assert text == "password: [password], [access key]"
    assert [] == session("app").execute("select kind from privacy.pseudonym").fetchall()


@pytest.mark.parametrize(
    "key",
    ["short", "c2hvcnQ=", "****", random_key() + "," + "x"],
    ids=["short", "encoded", "stars", "second"],
)
def test_a_key_that_is_none_is_refused_without_saying_it(tools, key):
    """Too short, or no base64: it is named by its place."""
    with pytest.raises(Misconfigured, match=r"Key \d of the connection plumbline_pseudonyms") as caught:
        Minimiser(with_keys(tools, key), "main").minimise("jane@example.org")

    assert key not in str(caught.value)


def test_tenants_have_words_of_their_own(tools, minimiser, session):
    """Nobody sees from a word that two tenants know the same person, and no row of the other."""
    words = {Minimiser(tools, tenant).minimise("jane@example.org") for tenant in ("main", "other")}

    assert len(words) == 2
    rows = session("app").execute("select fingerprint from privacy.pseudonym").fetchall()
    assert len(rows) == 1


def test_the_database_holds_no_value_and_no_hash_that_could_be_tried(minimiser, session):
    """Every column is looked through; whoever has no key cannot even guess."""
    minimiser.minimise("jane@example.org")
    stored = str(session("owner").execute("select * from privacy.pseudonym").fetchall())

    assert "jane" not in stored
    prints = Keyring.of(Connection(kind="generic", password=random_key())).fingerprints(
        "main", "email", "jane@example.org"
    )
    assert all(repr(one) not in stored for one in prints)


def test_workers_that_meet_a_value_at_the_same_time_get_the_same_word(tools):
    """The unique key decides; many values in different orders end in no deadlock."""
    texts = [f"mail{number}@example.org" for number in range(40)]
    gate = threading.Barrier(6)

    def work(number):
        mine = Minimiser(tools, "main")
        turned = texts if number % 2 else texts[::-1]
        gate.wait(30)
        words = dict(zip(turned, mine.minimise_all(turned), strict=True))
        return [words[text] for text in texts]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(work, range(6)))

    assert all(one == found[0] for one in found)
    assert len(set(found[0])) == 40


def test_an_id_that_is_taken_is_drawn_anew(minimiser, monkeypatch, restorer):
    """Ids are random: one day two are the same."""
    drawn = iter(["00000000", "00000000", "11111111"])
    monkeypatch.setattr(pseudonyms, "_new_id", lambda: next(drawn))
    words = [minimiser.minimise(text) for text in ("a@example.org", "b@example.org")]

    assert ["[email-00000000]", "[email-11111111]"] == words
    assert "b@example.org" == restorer.restore(words[1]).value


def test_a_new_key_finds_and_opens_what_the_old_one_sealed(tools, run):
    """The first key is in use, the others still find and open: a value keeps its word when keys are exchanged."""
    new = random_key()
    before = Minimiser(tools, "main").minimise("jane@example.org")
    both = with_keys(tools, new, PSEUDONYM_KEY)

    after = Minimiser(both, "main").minimise("jane@example.org bob@example.org").split()

    assert before == after[0]
    restored = Restorer(both, run, reason="test").restore(" ".join(after))
    assert restored.value == "jane@example.org bob@example.org"
    alone = Restorer(with_keys(tools, new), run, reason="test")
    assert alone.restore(after[1]).value == "bob@example.org"
    with pytest.raises(KeyLost, match="plumbline_pseudonyms"):
        alone.restore(before)


def test_a_plan_writes_nothing_down(tools, session):
    """A value that was never met has a word for the time of the plan; one that was has its own."""
    known = Minimiser(tools, "main").minimise("jane@example.org")
    plan = Minimiser(tools, "main", keep=False)

    first = plan.minimise("jane@example.org bob@example.org")

    assert first == plan.minimise("jane@example.org bob@example.org")
    assert first.startswith(known)
    assert [(1,)] == [
        tuple(row.values()) for row in session("owner").execute("select count(*) from privacy.pseudonym")
    ]


def test_what_was_erased_leads_nowhere_and_comes_back_as_another(tools, minimiser, restorer):
    """The keeper destroys the way back; the same value met again gets a new word."""
    word = minimiser.minimise("jane@example.org")
    number = PSEUDONYM.fullmatch(word)[2]
    with tools.keeper.transaction("main") as keeper:
        erased = keeper.execute("select privacy.erase_pseudonyms('main', %s) as gone", [[number]]).fetchone()

    assert erased["gone"] == 1
    assert (word, (word,)) == (restorer.restore(word).value, restorer.restore(word).unknown)
    assert word != Minimiser(tools, "main").minimise("jane@example.org")


@pytest.mark.parametrize(
    ("role", "query"),
    [
        ("app", "select sealed from privacy.pseudonym"),
        ("app", "update privacy.pseudonym set kind = 'phone'"),
        ("app", "delete from privacy.pseudonym"),
        ("app", "select * from privacy.restored_values('main', gen_random_uuid())"),
        ("app", "delete from privacy.restoration"),
        ("keeper", "select sealed from privacy.pseudonym"),
        ("restorer", "select sealed from privacy.pseudonym"),
        ("restorer", "delete from privacy.restoration"),
        ("restorer", "select sealed from privacy.listed_value"),
        ("restorer", "select privacy.erase_pseudonyms('main', '{}')"),
        ("auditor", "select fingerprint from privacy.pseudonym"),
        ("reporter", "select sealed from privacy.listed_value"),
    ],
)
def test_nobody_may_do_more_than_the_own_part(session, role, query):
    """The way back is one function of one role; no row of it can be changed by those who use it."""
    with pytest.raises(errors.InsufficientPrivilege):
        session(role).execute(query)


def test_the_log_and_the_error_of_a_database_that_is_away_hold_no_value(tools, scratch, database, caplog):
    """What cannot be written down is not sent, and not said either."""
    minimiser = Minimiser(tools, "main")
    with psycopg.connect(scratch.url(database, "owner"), autocommit=True) as owner:
        owner.execute("revoke insert on privacy.pseudonym from plumbline_app")

    with caplog.at_level("DEBUG"), pytest.raises(errors.InsufficientPrivilege) as caught:
        minimiser.minimise("jane@example.org")

    assert "jane" not in caplog.text + str(caught.value)
