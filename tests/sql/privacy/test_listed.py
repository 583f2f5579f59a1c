"""The customer list: loaded whole or not at all, sealed at rest, in force from the next step on."""

from __future__ import annotations

import pytest

from plumbline.privacy import listed
from plumbline.privacy.detection import PSEUDONYM
from plumbline.privacy.keys import NoKeys
from plumbline.privacy.listed import ListRefused, list_in_force, load_list
from plumbline.privacy.minimise import Minimiser


def test_names_and_addresses_of_the_list_become_pseudonyms(tools, load, restorer):
    """In whatever form they stand there; what comes back is what the list says."""
    load(("name", "Jane Doe"), ("address", "12 Harbour Street"))

    text = Minimiser(tools, "main").minimise("doe, jane lives at 12, Harbour street. Jane Doe pays.")

    words = [found[0] for found in PSEUDONYM.finditer(text)]
    assert f"{words[0]} lives at {words[1]}. {words[0]} pays." == text
    assert "Jane Doe lives at 12 Harbour Street. Jane Doe pays." == restorer.restore(text).value


def test_a_list_replaces_the_one_before(tools, load):
    """As a whole; a person keeps the pseudonym across lists."""
    load(("name", "Jane Doe"), ("name", "Bob Roe"))
    before = Minimiser(tools, "main").minimise("Jane Doe")

    assert {"name": 1} == load(("name", "Jane Doe"))

    after = Minimiser(tools, "main")
    assert (before, "Bob Roe") == (after.minimise("Jane Doe"), after.minimise("Bob Roe"))
    assert 1 == list_in_force(tools, "main")["entries"]


def test_an_empty_list_takes_the_one_before_away(tools, load):
    """Somebody meant it: the file has its first row."""
    load(("name", "Jane Doe"))

    assert {} == load()
    assert "Jane Doe" == Minimiser(tools, "main").minimise("Jane Doe")


def test_a_value_twice_in_the_list_counts_once(load):
    """Also in another case, or turned round."""
    assert {"name": 1} == load(("name", "Jane Doe"), ("name", "JANE DOE"), ("name", "Doe, Jane"))


def test_a_tenant_has_a_list_of_its_own(tools, load):
    """Nobody's customers are looked for in the texts of others."""
    load(("name", "Jane Doe"), tenant="other")

    assert "Jane Doe" == Minimiser(tools, "main").minimise("Jane Doe")
    assert list_in_force(tools, "main") is None


def test_a_bad_row_is_named_and_the_list_before_stays(tools, load, tmp_path):
    """By file, row and reason; never by its value."""
    load(("name", "Jane Doe"))

    with pytest.raises(ListRefused) as caught:
        load(("name", "Bob Roe"), ("name", "Unmistakable"), ("a b", "Zed Xu"))

    said = str(caught.value)
    assert "customers.csv" in said
    assert "row 3: one word alone" in said
    assert "row 4: its kind" in said
    assert not any(value in said for value in ("Unmistakable", "Zed", "Bob"))
    assert 1 == list_in_force(tools, "main")["entries"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name,street\nJane Doe,x\n", "columns kind and value"),
        (b"", "columns kind and value"),
        (b"kind,value\nname,J\xe4ne Doe\n", "UTF-8"),
        (b'kind,value\nname,"Jane Doe\n', "CSV"),
        (b"kind,value\nname,Doe,Jane\n", "row 2: it has more cells"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tools, tmp_path, content, reason):
    """With a sentence that says why."""
    file = tmp_path / "list.csv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ListRefused, match=reason):
        load_list(tools, "main", file, loaded_by="jo")


def test_a_load_that_breaks_off_leaves_the_list_before(tools, load, monkeypatch):
    """All of it is one transaction."""
    load(("name", "Jane Doe"))
    monkeypatch.setattr(listed, "_PAGE", 1)
    real = listed.Keyring.seal

    def failing(self, value, *bound):
        if value == "Zed Xu":
            raise RuntimeError("killed")
        return real(self, value, *bound)

    monkeypatch.setattr(listed.Keyring, "seal", failing)
    with pytest.raises(RuntimeError):
        load(("name", "Bob Roe"), ("name", "Zed Xu"))

    assert Minimiser(tools, "main").minimise("Jane Doe") != "Jane Doe"
    assert Minimiser(tools, "main").minimise("Bob Roe") == "Bob Roe"


def test_the_database_holds_no_name_in_clear(load, session):
    """Whoever has a copy of it reads no customer."""
    load(("name", "Jane Doe"))

    stored = str(session("owner").execute("select * from privacy.listed_value, privacy.listing").fetchall())

    assert "Jane" not in stored
    assert "jane" not in stored


def test_without_keys_a_list_is_neither_loaded_nor_left_out(without_keys, load, tmp_path):
    """A text is not sent without being looked through for the customers of the list."""
    with pytest.raises(NoKeys):
        load_list(without_keys, "main", *_file(tmp_path), loaded_by="jo")
    load(("name", "Jane Doe"))

    with pytest.raises(NoKeys):
        Minimiser(without_keys, "main").minimise("Hello.")


def _file(tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("kind,value\nname,Jane Doe\n", encoding="utf-8")
    return [file]
