from contextlib import closing
from pathlib import Path

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.meter import BATCH, Billed, Meter, read_bill

PAID = Billed("/v1/embeddings", Bill("m", inputs=2, prompt_tokens=7, marks=(b"secret12",)), "k", "f")
FREE = Billed("/v1/moderations", Bill("w", inputs=1, prompt_tokens=3, priced=False))


def test_a_bill_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Line for line."""
    with closing(Meter(tmp_path / "bill")) as meter:
        meter.bill(PAID)
        meter.bill(FREE)
    with closing(Meter(tmp_path / "bill")) as again:
        assert meter.reading() == again.reading()
        assert (again.reading()["tokens"], again.reading()["by_key"]) == (7, {"k": 1})


def test_a_line_cut_by_a_crash_is_left_out_and_the_next_one_counts(tmp_path: Path) -> None:
    """The server that takes over starts on a line of its own."""
    file = tmp_path / "bill"
    file.write_bytes(b'{"path":"/v1/embe')
    with closing(Meter(file)) as meter:
        meter.bill(PAID)

    assert [billed.bill.inputs for billed in read_bill(file)] == [2]


def test_nothing_of_what_was_sent_is_in_the_file(tmp_path: Path) -> None:
    """A bill is no archive."""
    with closing(Meter(tmp_path / "bill")) as meter:
        meter.bill(PAID)

    assert b"secret" not in (tmp_path / "bill").read_bytes()


def test_a_reset_empties_the_file_too(tmp_path: Path) -> None:
    """Or the next server would bring the old bill back."""
    with closing(Meter(tmp_path / "bill")) as meter:
        meter.bill(PAID)
        meter.reset()
        meter.bill(FREE)

    assert [billed.path for billed in read_bill(tmp_path / "bill")] == ["/v1/moderations"]


def test_batch_lines_are_counted_apart_and_repeats_across_both(tmp_path: Path) -> None:
    """They have another price, and paying in both ways is paying twice."""
    asked = Bill("m", inputs=1, prompt_tokens=5, completion_tokens=2, question=b"q")
    with closing(Meter(tmp_path / "bill")) as meter:
        meter.bill(Billed("/v1/chat/completions", asked, "k"))
        meter.bill(Billed("/v1/chat/completions", asked, service=BATCH))
        reading = meter.reading()
    with closing(Meter(tmp_path / "bill")) as again:
        read_back = again.reading()

    assert (reading["tokens"], reading["billed_requests"], reading["repeated_questions"]) == (7, 1, 1)
    assert reading["batch"]["m"] == reading["by_model"]["m"] == read_back["batch"]["m"]


def test_a_bill_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Its lines name no service: they were single calls."""
    file = tmp_path / "bill"
    file.write_bytes(
        b'{"path":"/v1/embeddings","key":"k","fingerprint":"f","model":"m","inputs":1,"prompt_tokens":2,'
        b'"completion_tokens":0,"priced":true}\n'
    )

    assert [(billed.key, billed.service) for billed in read_bill(file)] == [("k", "single")]
