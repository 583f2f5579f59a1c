import pytest

from plumbline.localmodel.options import Options, is_loopback, read_options


def test_without_words_it_listens_on_this_machine() -> None:
    """On a free port, without limits."""
    assert read_options([]) == Options()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org"])  # noqa: S104
def test_a_host_that_others_reach_needs_a_flag(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the refusal says which."""
    with pytest.raises(SystemExit) as ended:
        read_options(["--host", host])

    assert ended.value.code == 2
    assert "--open-to-network" in capsys.readouterr().err
    assert read_options(["--host", host, "--open-to-network"]).host == host


@pytest.mark.parametrize(
    "words", [["--port", "-1"], ["--latency-ms", "soon"], ["--requests-per-minute", "0"], ["--port", "65536"]]
)
def test_a_figure_that_makes_no_sense_is_refused(words: list[str]) -> None:
    """Before anything is loaded."""
    with pytest.raises(SystemExit):
        read_options(words)


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("1.1.1.1", False)],
)
def test_loopback_is_what_no_other_machine_reaches(host: str, alone: bool) -> None:
    """By address, and by the one name for it."""
    assert alone == is_loopback(host)
