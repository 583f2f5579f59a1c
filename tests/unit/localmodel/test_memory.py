import pytest

from plumbline.localmodel.answers import Answer, Bill
from plumbline.localmodel.memory import KeyReused, Memory, fingerprint


def an_answer(size: int) -> Answer:
    """An answer of so many bytes."""
    return Answer(Bill("m"), body=b"x" * size)


def test_a_key_outlives_its_answer() -> None:
    """When the answer is dropped for want of room, the key is still known as paid."""
    memory = Memory(most_bytes=100)
    for key in ("a", "b", "c"):
        memory.keep(key, "mark", an_answer(40))

    assert [memory.answer(key) is not None for key in ("a", "b", "c")] == [False, True, True]
    assert memory.paid("a", "mark")


def test_an_answer_too_large_for_the_memory_is_not_kept() -> None:
    """It would push out all the others."""
    memory = Memory(most_bytes=100)
    memory.keep("a", "mark", an_answer(40))
    memory.keep("b", "mark", an_answer(101))

    assert memory.answer("a") is not None
    assert memory.answer("b") is None


def test_a_key_belongs_to_one_request() -> None:
    """The same address and the same body."""
    memory = Memory()
    memory.keep("a", fingerprint("/v1/embeddings", b"1"), None)

    assert memory.paid("a", fingerprint("/v1/embeddings", b"1"))
    for path, body in (("/v1/embeddings", b"2"), ("/v1/moderations", b"1")):
        with pytest.raises(KeyReused) as refusal:
            memory.paid("a", fingerprint(path, body))
        assert refusal.value.status == 400


def test_a_forgotten_key_is_new() -> None:
    """A reset server knows nothing."""
    memory = Memory()
    memory.keep("a", "mark", an_answer(1))
    memory.clear()

    assert not memory.paid("a", "other")
