from plumbline.localmodel.prompts import read_prompt
from plumbline.localmodel.support import Passage


def user(text: str) -> dict[str, str]:
    """A message of the user's."""
    return {"role": "user", "content": text}


def test_tags_part_material_from_question() -> None:
    """Named passages keep their names, so that an answer can say where it stands."""
    prompt = read_prompt(
        [
            user(
                '<context><chunk id="c1">One.</chunk><chunk id="c2">Two.</chunk></context>\n\nQuestion: Which?'
            )
        ]
    )

    assert prompt.passages == [Passage("One.", "c1"), Passage("Two.", "c2")]
    assert prompt.question == "Which?"


def test_material_in_the_system_message_is_material() -> None:
    """Many clients put the context there."""
    prompt = read_prompt(
        [{"role": "system", "content": "Answer from this.\n<document>Lamps cost 9 euros.</document>"},
         user("What do lamps cost?")]
    )  # fmt: skip

    assert Passage("Lamps cost 9 euros.") in prompt.passages
    assert prompt.question == "What do lamps cost?"
    assert "Answer from this." in prompt.instructions


def test_an_opening_line_with_a_colon_instructs() -> None:
    """It is not part of the ticket."""
    prompt = read_prompt([user("Classify this ticket:\n\nMy card is lost.")])

    assert prompt.passages == [Passage("My card is lost.")]
    assert prompt.instructions == "Classify this ticket:"


def test_numbered_passages_have_names() -> None:
    """`[1]` is how many prompts cite."""
    prompt = read_prompt(
        [user("Use these notes.\n[1] Lamps cost 9 euros.\n[2] Chairs cost 50.\n\nWhat do chairs cost?")]
    )

    assert prompt.passages == [Passage("Lamps cost 9 euros.", "1"), Passage("Chairs cost 50.", "2")]
    assert prompt.question == "What do chairs cost?"


def test_fences_hold_material() -> None:
    """Quoted text is never an instruction."""
    prompt = read_prompt([user('Summarise: """\nA long story.\n"""')])

    assert prompt.passages == [Passage("A long story.\n")]
    assert prompt.wants_summary


def test_a_plain_ticket_is_material_whole() -> None:
    """Its question is part of what it says."""
    prompt = read_prompt([{"role": "system", "content": "Label it."}, user("How do I unlock my card?")])

    assert prompt.passages == [Passage("How do I unlock my card?")]


def test_earlier_turns_with_json_answers_are_examples() -> None:
    """Examples define labels better than their names."""
    prompt = read_prompt(
        [
            user("I lost my card"),
            {"role": "assistant", "content": '{"label": "lost"}'},
            user("My card is gone"),
        ]
    )

    assert prompt.examples == [("I lost my card", {"label": "lost"})]
    assert prompt.passages == [Passage("My card is gone")]


def test_angle_brackets_that_hold_no_material_stay_in_the_text() -> None:
    """A ticket may quote HTML."""
    text = "The page shows <b>nothing</b> at all."

    assert [Passage(text)] == read_prompt([user(text)]).passages
