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
from typing import Any

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
_HEADER = re.compile(rb"(?m)^[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]?")
_LOOKED_AT = 4_096


def read_eml(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A mail as its text, its subject, its parts and its metadata.

    Raises:
        Unreadable: It is no mail, it is empty, or it is too large.
    """
    if not _HEADER.search(content[:_LOOKED_AT]):
        raise Unreadable("malformed", "The file is no mail: it has no headers.")
    message = email.message_from_bytes(content, policy=policy.default)
    builder = Builder(limits.characters)
    metadata = _metadata(message)
    _message(builder, message, limits, level=1)
    if not any(part.kind != "heading" for part in builder.parts[1 if metadata else 0 :]):
        raise Unreadable("empty", "The mail holds no text and no attachment.")
    return builder.text, metadata.get("subject"), builder.parts, metadata


def _message(builder: Builder, message: EmailMessage, limits: Limits, level: int) -> None:
    subject = _header(message, "subject")
    builder.add(subject, "heading", level=level, mark="#" * level + " ")
    shown = [f"{name.title()}: {said}" for name in _SHOWN if (said := _header(message, name))]
    builder.add("\n".join(shown), "paragraph")
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        _take(builder, _read(_content(body), _kind(body), limits, level), level)
    for number, part in enumerate(_attachments(message, body)):
        if number >= _PARTS_AT_MOST:
            builder.add(
                f"The mail has more than {_PARTS_AT_MOST} attachments; the others are not read.", "paragraph"
            )
            return
        _attachment(builder, part, limits, level + 1)


def _attachments(message: EmailMessage, body: Any) -> Iterator[EmailMessage]:
    """The parts beside the text, without those that are the same text in another form, and without its pictures."""
    for part in message.iter_attachments() if message.is_multipart() else ():
        if (part is not body and not part.is_multipart()) or part.get_content_type() == "message/rfc822":
            yield part
        elif part.is_multipart():
            yield from _attachments(part, body)


def _attachment(builder: Builder, part: EmailMessage, limits: Limits, level: int) -> None:
    name = shorten(part.get_filename() or "") or "without a name"
    if part.get_content_type() == "message/rfc822":
        if level > _NESTED_AT_MOST:
            builder.add(f"A mail within {_NESTED_AT_MOST} others is not read.", "paragraph")
            return
        for inner in part.iter_parts():
            if isinstance(inner, EmailMessage):
                _message(builder, inner, limits, level)
        return
    if part.get_content_maintype() in ("image", "audio", "video"):
        builder.add(f"Attachment {name}: not read, it is no text.", "paragraph")
        return
    builder.add(f"Attachment: {name}", "heading", level=min(level, 6), mark="#" * min(level, 6) + " ")
    try:
        read = _read(_content(part), _kind(part), limits, level)
    except Unreadable as error:
        builder.add(f"Not read. {error.reason}", "paragraph")
        return
    _take(builder, read, level)


def _read(content: bytes, kind: str | None, limits: Limits, level: int) -> tuple[str, list[Part]]:
    from plumbline.corpus.extraction.formats import read_format

    if kind is None or (kind == "eml" and level > _NESTED_AT_MOST):
        raise Unreadable("malformed", "Attachments of this kind are not supported.")
    try:
        text, _, parts, _ = read_format(content, kind, limits)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        reason = f"Its parser failed ({type(error).__name__})."
        raise Unreadable("malformed", reason) from error
    if not text.strip():
        raise Unreadable("empty", "It holds no text.")
    return text, parts


def _take(builder: Builder, read: tuple[str, list[Part]], level: int) -> None:
    """Add what was read, its headings below that of the mail, its pages forgotten: they are not the mail's."""
    text, parts = read
    end = 0
    for part in parts:
        builder.add(text[end : part.start], "paragraph")
        end = max(end, part.end)
        said = text[part.start : part.end]
        if part.kind == "heading" and part.title:
            deeper = min(part.level + level, 6)
            builder.add(part.title, "heading", level=deeper, mark="#" * deeper + " ")
        else:
            builder.add(said, part.kind, level=part.level)
    builder.add(text[end:], "paragraph")


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
    return decode(content, declared=part.get_content_charset()).encode("utf-8", "replace")


def _metadata(message: EmailMessage) -> dict[str, str]:
    found = {name: _header(message, name) for name in ("subject", *_SHOWN, "message-id")}
    return {name: said for name, said in found.items() if said}


def _header(message: EmailMessage, name: str) -> str:
    try:
        return shorten(str(message.get(name) or ""), 1_000)
    except (
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
    ):  # a header that the standard library stumbles over
        return ""
