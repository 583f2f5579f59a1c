import io

import orjson
import pytest

from plumbline.localmodel.batch_lines import MOST_ERRORS, MOST_LINES, check_lines

EMBED = "/v1/embeddings"


def lines(*inputs: object) -> io.BytesIO:
    """A file with a line for each input."""
    return io.BytesIO(
        b"".join(
            orjson.dumps(
                {
                    "custom_id": str(number),
                    "method": "POST",
                    "url": EMBED,
                    "body": {"model": "local-wordllama", "input": given},
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for number, given in enumerate(inputs)
        )
    )


def test_more_lines_than_the_provider_takes_are_refused() -> None:
    """At the first one too many."""
    one = lines("a").getvalue()
    source = io.BytesIO(b"".join(one.replace(b'"0"', b'"%d"' % number) for number in range(MOST_LINES + 1)))

    assert [error["code"] for error in check_lines(source, EMBED).errors] == ["too_many_requests"]


@pytest.mark.parametrize(("inputs", "counted"), [(("a", ["b", "c"], [1, 2], [[1], [2]]), 6)])
def test_embedding_inputs_are_counted(inputs: tuple[object, ...], counted: int) -> None:
    """A text, texts, tokens and lists of tokens."""
    checked = check_lines(lines(*inputs), EMBED)

    assert (checked.inputs, checked.errors, checked.total) == (counted, [], 4)


def test_too_many_embedding_inputs_are_refused() -> None:
    """The provider counts them over the whole batch."""
    codes = [error["code"] for error in check_lines(lines(*[["a"] * 2000] * 26), EMBED).errors]

    assert codes == ["too_many_inputs"]


def test_errors_have_an_end() -> None:
    """A file of the wrong kind has as many as lines."""
    assert len(check_lines(io.BytesIO(b"x\n" * 1000), EMBED).errors) == MOST_ERRORS
