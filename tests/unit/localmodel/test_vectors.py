import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.localmodel.vectors import word_vectors

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=50, deadline=None)
@given(texts, st.lists(texts, max_size=8), st.integers(1, 256))
def test_the_bytes_of_a_vector_depend_on_its_text_alone(
    text: str, others: list[str], dimensions: int
) -> None:
    """Not on the batch around it."""
    alone = word_vectors().embed([text], dimensions)
    batch = word_vectors().embed([*others, text, *others], dimensions)

    assert alone[0].tobytes() == batch[len(others)].tobytes()


@settings(max_examples=50, deadline=None)
@given(texts, st.integers(1, 256))
def test_every_vector_is_a_unit_vector(text: str, dimensions: int) -> None:
    """Also of a text without a word."""
    vector = word_vectors().embed([text], dimensions)

    assert vector.shape == (1, dimensions)
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5)


def test_vectors_are_those_of_the_library() -> None:
    """Ours are only summed in another way."""
    import wordllama

    model = wordllama.WordLlama.load(cache_dir=wordllama.__path__[0], disable_download=True)
    sample = ["Where is my parcel?", "Die Rechnung fehlt.", "退货免费吗？"]

    assert np.allclose(model.embed(sample, norm=True), word_vectors().embed(sample), atol=1e-6)
