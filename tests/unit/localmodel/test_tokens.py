import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.tokenizer import tokenizer
from plumbline.localmodel.tokens import count_tokens, first_tokens, pieces, text_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@pytest.mark.parametrize(
    ("text", "tokens"), [("hello world", 2), ("tiktoken is great!", 6), ("", 0), ("<|endoftext|>", 7)]
)
def test_tokens_are_counted_as_the_provider_counts(text: str, tokens: int) -> None:
    """The figures are those of its own tool; control words in a text are plain words."""
    assert tokens == count_tokens(text)


@given(texts)
def test_pieces_make_the_text_again(text: str) -> None:
    """A stream must not lose a character that is several tokens long."""
    assert text == "".join(pieces(text))


@given(texts, st.integers(0, 20))
def test_the_first_tokens_are_the_beginning(text: str, limit: int) -> None:
    """A cut never leaves half a character."""
    assert text.startswith(first_tokens(text, limit))


@given(texts)
def test_tokens_are_their_text(text: str) -> None:
    """A client may send either."""
    assert text == text_of(tokenizer().encode(text))


@pytest.mark.parametrize("token", [-1, 100_257, 100_300, 10**9])
def test_a_token_outside_the_vocabulary_is_refused(token: int) -> None:
    """Control tokens included: they are no text."""
    with pytest.raises(ValueError, match="outside the vocabulary"):
        text_of([token])
