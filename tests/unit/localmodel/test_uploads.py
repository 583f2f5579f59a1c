from pathlib import Path

import pytest

from plumbline.localmodel.errors import ApiError
from plumbline.localmodel.uploads import LARGEST_FILE, Upload

FORM = (
    b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n'
    b"Content-Type: application/jsonl\r\n\r\n%s\r\n--b--\r\n"
)
TYPE = "multipart/form-data; boundary=b"


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_an_upload_is_the_same_however_it_is_cut(tmp_path: Path, step: int) -> None:
    """Boundaries, headers and contents may be split anywhere, and a content may look like a boundary."""
    content = b"one\r\n--c\r\n\r\n--\r\ntwo"
    upload = Upload(TYPE, tmp_path)
    body = FORM % content
    for start in range(0, len(body), step):
        upload.write(body[start : start + step])
    upload.finish()

    assert upload.path.read_bytes() == content
    assert (upload.fields, upload.filename) == ({"purpose": "batch"}, "in.jsonl")


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("application/json", b"{}", "multipart/form-data"),
        ("multipart/form-data", b"x", "multipart/form-data"),
        (TYPE, b"nonsense", "Could not parse"),
        (TYPE, b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n', "'file'"),
        (TYPE, (FORM % b"x")[:-8] + FORM[5:], "Could not parse|Only one file"),
        ("multipart/form-data; boundary=" + "b" * 500, b"x", "Could not parse"),
        (TYPE, b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + b"x" * 70_000, "too long"),
    ],
)
def test_what_is_no_upload_is_refused_and_leaves_nothing(
    tmp_path: Path, kind: str, body: bytes, message: str
) -> None:
    """The rest of the body is read and dropped."""
    upload = Upload(kind, tmp_path)
    upload.write(body)
    upload.write(b"more")
    with pytest.raises(ApiError, match=message):
        upload.finish()

    assert list(tmp_path.iterdir()) == []


def test_a_file_too_large_is_dropped_while_it_arrives(tmp_path: Path) -> None:
    """Not when it is whole."""
    upload = Upload(TYPE, tmp_path)
    upload.write(FORM.split(b"%s")[0] + b"first")
    assert upload.path.exists()
    upload.size = LARGEST_FILE
    upload.write(b"x" * 1000)

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ApiError, match="Maximum file size is 200 MB") as refusal:
        upload.finish()
    assert refusal.value.status == 413


def test_a_file_that_somebody_keeps_is_not_dropped(tmp_path: Path) -> None:
    """What abandons an upload does not know whether it went well."""
    upload = Upload(TYPE, tmp_path)
    upload.write(FORM % b"x")
    upload.finish()
    upload.keep()
    upload.abandon()

    assert upload.path.read_bytes() == b"x"
