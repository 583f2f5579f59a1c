"""
Mail: who wrote what to whom, and when; the text; and every attachment that can be read, in its place.

A mail is one document, so a citation from an attachment names the mail that it came with.  An attachment that cannot
be read is named with the reason; the mail is read all the same.  Mails in mails are followed to a fixed depth.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable
from plumbline.corpus.extraction.text import decode, shorten
from plumbline.corpus.kinds import kind_of

_NESTED_AT_MOST = 3
_PARTS_AT_MOST = 500
_SHOWN = ("from", "to", "cc", "date")
_KINDS_OF_TYPES = {
    "text/html": "html",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "application/pdf": "pdf",
}
_ENCRYPTED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"})
_SIGNATURES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_HASHES = re.compile(r"^#{1,6}\s+")
_HEADER = re.compile(rb"(?m)^[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]?")
_LOOKED_AT = 4_096


def read_eml(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A mail as its text, its subject, its parts and its metadata.

    Raises:
        Unreadable: It is no mail, it is encrypted, it is empty, or it is too large.
    """
    if not _HEADER.search(content[:_LOOKED_AT]):
        raise Unreadable("malformed", "The file is no mail: it has no headers.")
    message = email.message_from_bytes(content, policy=policy.default)
    if message.get_content_type() in _ENCRYPTED:
        raise Unreadable("encrypted", "The mail is encrypted; save a copy that is not.")
    metadata = _metadata(message)
    reader = _Reader(Builder(limits.characters), limits)
    reader.read(message, level=1)
    if not reader.said:
        raise Unreadable("empty", "The mail holds no text and no attachment.")
    return reader.builder.text, metadata.get("subject"), reader.builder.parts, metadata


class _Reader:
    """Walks one mail, and the mails in it; `said` is whether anything but headers was found."""

    def __init__(self, builder: Builder, limits: Limits) -> None:
        self.builder = builder
        self.said = False
        self._limits = limits
        self._parts = 0

    def read(self, message: EmailMessage, *, level: int) -> None:
        """Add what a mail says, at this level of headings."""
        self.builder.add_heading(_header(message, "subject"), level)
        shown = [f"{name.title()}: {said}" for name in _SHOWN if (said := _header(message, name))]
        self.builder.add("\n".join(shown), "paragraph")
        for part in _leaves(message):
            self._parts += 1
            if self._parts > _PARTS_AT_MOST:
                self.builder.add(
                    f"A mail of more than {_PARTS_AT_MOST} parts; the others are not read.", "paragraph"
                )
                return
            self._leaf(part, level)

    def _leaf(self, part: MIMEPart, level: int) -> None:
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            for one in inner if isinstance(inner, list) else []:
                self._mail(one, level)
        elif _is_text(part):
            self._text(part, level)
        elif part.get_content_maintype() in ("image", "audio", "video"):
            self.said = True
            self.builder.add(f"Attachment {_name(part)}: not read, it is no text.", "paragraph")
        elif kind not in _SIGNATURES:
            self._attachment(part, level)

    def _mail(self, message: object, level: int) -> None:
        if level > _NESTED_AT_MOST or not isinstance(message, EmailMessage):
            self.builder.add(f"A mail within {_NESTED_AT_MOST} others is not read.", "paragraph")
            return
        self.said = True
        self.read(message, level=level + 1)

    def _text(self, part: MIMEPart, level: int) -> None:
        """The text of the mail itself: one that is empty says nothing, and what cannot be read is said so."""
        content = _content(part)
        if content.strip():
            self.said = True
            try:
                self._take(_read(content, _kind(part), self._limits), level)
            except Unreadable as error:
                if error.code != "empty":
                    self.builder.add(f"A part of the mail is not read. {error.reason}", "paragraph")

    def _attachment(self, part: MIMEPart, level: int) -> None:
        self.said = True
        self.builder.add_heading(f"Attachment: {_name(part)}", level + 1)
        content, kind = _content(part), _kind(part)
        if kind == "eml":
            self._mail(email.message_from_bytes(content, policy=policy.default), level + 1)
            return
        try:
            self._take(_read(content, kind, self._limits), level + 1)
        except Unreadable as error:
            self.builder.add(f"Not read. {error.reason}", "paragraph")

    def _take(self, read: tuple[str, list[Part]], level: int) -> None:
        """Add what was read, its headings below that of the mail, its pages forgotten: they are not the mail's."""
        text, parts = read
        end = 0
        for part in parts:
            self.builder.add(text[end : part.start], "paragraph")
            end = max(end, part.end)
            said = text[part.start : part.end]
            if part.kind == "heading" and part.title:
                self.builder.add_heading(_HASHES.sub("", said.strip()).split("\n")[0], part.level + level)
            else:
                self.builder.add(said, part.kind, level=part.level)
        self.builder.add(text[end:], "paragraph")


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    """
    The parts that are no containers, in order.

    Of forms of the same text, the plain one or else the first that there is; what comes along with the others but is
    no text, such as an attachment beside the HTML form, is kept.
    """
    if not part.is_multipart() or part.get_content_type() == "message/rfc822":
        yield part
        return
    children = [one for one in part.iter_parts() if isinstance(one, MIMEPart)]
    if part.get_content_subtype() != "alternative":
        for child in children:
            yield from _leaves(child)
        return
    forms = [list(_leaves(child)) for child in children]
    chosen = next(
        (leaves for leaves in forms if any(_is_plain(one) for one in leaves)), forms[0] if forms else []
    )
    for leaves in forms:
        yield from (one for one in leaves if leaves is chosen or not _is_text(one))


def _is_plain(part: MIMEPart) -> bool:
    return part.get_content_type() == "text/plain" and _is_text(part) and bool(_content(part).strip())


def _is_text(part: MIMEPart) -> bool:
    """Whether a part is what was written, and no file that came along."""
    named = part.get_filename() is not None or part.get_content_disposition() == "attachment"
    return part.get_content_maintype() == "text" and not named


def _name(part: MIMEPart) -> str:
    return shorten(part.get_filename() or "") or "without a name"


def _read(content: bytes, kind: str | None, limits: Limits) -> tuple[str, list[Part]]:
    from plumbline.corpus.extraction.formats import read_format

    if kind is None:
        raise Unreadable("malformed", "Attachments of this kind are not supported.")
    try:
        text, _, parts, _ = read_format(content, kind, limits)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        raise Unreadable("malformed", f"Its parser failed ({type(error).__name__}).") from error
    if not text.strip():
        raise Unreadable("empty", "It holds no text.")
    return text, parts


def _kind(part: MIMEPart) -> str | None:
    """What a part is: by the name of its file, by its type, and else it is text if it says so."""
    named = kind_of(part.get_filename() or "")
    declared = _KINDS_OF_TYPES.get(part.get_content_type())
    return named or declared or ("text" if part.get_content_maintype() == "text" else None)


def _content(part: MIMEPart) -> bytes:
    """The bytes of a part; text in UTF-8, by the character set that it declares."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if part.get_content_maintype() != "text":
        return content
    try:
        return decode(content, declared=part.get_content_charset()).encode("utf-8", "replace")
    except (UnicodeError, Unreadable):  # a character set that is none, or no text at all: its reader says so
        return content


def _metadata(message: EmailMessage) -> dict[str, str]:
    found = {name: _header(message, name) for name in ("subject", *_SHOWN, "message-id")}
    return {name: said for name, said in found.items() if said}


def _header(message: EmailMessage, name: str) -> str:
    try:
        return shorten(str(message.get(name) or ""), 1_000)
    except (ValueError, TypeError, AttributeError, IndexError):  # the standard library stumbles over some
        return ""
