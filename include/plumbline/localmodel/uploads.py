"""
An upload, parsed while it arrives and written to a file: never held whole in memory.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from plumbline.localmodel.errors import ApiError, InvalidRequest

LARGEST_FILE = 200 * 1024 * 1024
MOST_FIELD_BYTES = 64 * 1024


class Upload:
    """
    One `multipart/form-data` body on its way in.

    What is wrong with it is kept in `error` and the rest is read and dropped, so that the client has
    sent everything when it gets the refusal.
    """

    def __init__(self, content_type: str, folder: Path) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.path = folder / f"upload-{uuid4().hex}"
        self.size = 0
        self.error: ApiError | None = None
        self._digest = sha256()
        self._file: BinaryIO | None = None
        self._headers: dict[str, bytes] = {}
        self._header = (b"", b"")
        self._name = ""
        self._value = b""
        self._in_file = False
        self._kept = False
        self._parser = self._start(content_type)

    def write(self, data: bytes) -> None:
        """Take in the next bytes of the body."""
        if self.error is None and self._parser is not None:
            try:
                self._parser.write(data)
            except FormParserError as error:
                self._fail(InvalidRequest(f"Could not parse multipart form: {error}"))
            except ApiError as error:
                self._fail(error)

    def finish(self) -> str:
        """
        The upload is whole: its fields and its file are there.  Returns the digest of the content.

        Raises:
            ApiError: It was too large, no form, or without a file; nothing of it is left.
        """
        if self._file is not None:
            self._file.close()
        if self.error is None and self.filename is None:
            self._fail(
                InvalidRequest(
                    "Missing required parameter: 'file'.", param="file", code="missing_required_parameter"
                )
            )
        if self.error is not None:
            raise self.error
        return self._digest.hexdigest()

    def keep(self) -> None:
        """The file has an owner now: it is no longer ours to drop."""
        self._kept = True

    def abandon(self) -> None:
        """Drop what came, unless somebody keeps it."""
        if self._file is not None:
            self._file.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def _start(self, content_type: str) -> MultipartParser | None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            self._fail(InvalidRequest("Expected a body of the type multipart/form-data."))
            return None
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                },
            )
        except FormParserError as error:
            self._fail(InvalidRequest(f"Could not parse multipart form: {error}"))
            return None

    def _fail(self, error: ApiError) -> None:
        self.error = error
        self.abandon()

    def _part_begins(self) -> None:
        self._headers, self._header, self._value = {}, (b"", b""), b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_ends(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value
        self._header = (b"", b"")

    def _headers_end(self) -> None:
        _, parameters = parse_options_header(self._headers.get("content-disposition"))
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = self._name == "file"
        if self._in_file:
            if self.filename is not None:
                raise InvalidRequest("Only one file can be uploaded at a time.", param="file")
            self.filename = parameters.get(b"filename", b"").decode("utf-8", "replace") or "upload"
            self._file = self.path.open("wb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._in_file and self._file is not None:
            self.size += len(piece)
            if self.size > LARGEST_FILE:
                raise ApiError(
                    413,
                    f"File is too large. Maximum file size is {LARGEST_FILE // 1024**2} MB.",
                    param="file",
                    code="file_too_large",
                )
            self._digest.update(piece)
            self._file.write(piece)
        else:
            self._value += piece
            if len(self._value) > MOST_FIELD_BYTES:
                raise InvalidRequest(f"Invalid '{self._name}': string too long.", param=self._name)

    def _part_ends(self) -> None:
        if not self._in_file:
            self.fields[self._name] = self._value.decode("utf-8", "replace")
