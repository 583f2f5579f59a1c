"""A mail is read with what came with it; a citation from an attachment names the mail."""

from __future__ import annotations

import io
from email.message import EmailMessage

import docx
import pytest

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.eml import read_eml


def mail(text: str | None = "The berth is free.", subject: str = "Berth 7") -> EmailMessage:
    """A mail of a few lines."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        subject,
        "Ada <ada@harbour.example>",
        "bob@harbour.example",
    )
    message["Date"] = "Fri, 01 May 2026 09:30:00 +0200"
    if text is not None:
        message.set_content(text)
    return message


def text_of(message: EmailMessage) -> str:
    """What the reader makes of a mail."""
    return read_eml(message.as_bytes(), Limits())[0]


def test_a_mail_says_who_wrote_what_and_when():
    """Then what was written."""
    text, title, parts, metadata = read_eml(mail().as_bytes(), Limits())

    assert (
        "# Berth 7\n\nFrom: Ada <ada@harbour.example>\nTo: bob@harbour.example\n"
        "Date: Fri, 01 May 2026 09:30:00 +0200\n\n"
        "The berth is free."
    ) == text
    assert ("Berth 7", "Ada <ada@harbour.example>") == (title, metadata["from"])
    assert ["heading", "paragraph", "paragraph"] == [part.kind for part in parts]


def test_the_same_words_in_html_are_not_read_twice():
    """Most mails come in both forms."""
    message = mail()
    message.add_alternative("<p>The berth is <b>free</b>.</p>", subtype="html")

    assert 1 == text_of(message).count("free")


def test_html_alone_is_read_as_a_page():
    """Without its machinery."""
    message = mail(None)
    message.set_content("<script>x</script><h1>News</h1><ul><li>one</ul>", subtype="html")

    assert text_of(message).endswith("## News\n\n- one")


def test_attachments_are_read_in_their_place():
    """Each below its name; what cannot be read is named, and the mail is read all the same."""
    document = docx.Document()
    document.add_heading("Prices", 1)
    document.add_paragraph("Forty euros.")
    made = io.BytesIO()
    document.save(made)
    message = mail()
    message.add_attachment(
        made.getvalue(), maintype="application", subtype="octet-stream", filename="prices.docx"
    )
    message.add_attachment(b"PK broken", maintype="application", subtype="zip", filename="broken.docx")
    message.add_attachment(b"MZ", maintype="application", subtype="x-msdownload", filename="tool.exe")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="boat.png")
    message.add_attachment("Size;Price\nsmall;40\n", filename="list.csv")

    text = text_of(message)

    assert "## Attachment: prices.docx\n\n### Prices\n\nForty euros." in text
    assert (
        "## Attachment: broken.docx\n\nNot read. The file is damaged or cut short: it cannot be unpacked."
        in text
    )
    assert "## Attachment: tool.exe\n\nNot read. Attachments of this kind are not supported." in text
    assert "Attachment boat.png: not read, it is no text." in text
    assert text.endswith("## Attachment: list.csv\n\n| Size | Price |\n| small | 40 |")


def test_mails_in_mails_are_followed_to_a_depth():
    """Forwarded ones are read; a chain made on purpose ends."""
    message = mail("innermost", "Level 9")
    for level in range(8, 0, -1):
        outer = mail(f"text {level}", f"Level {level}")
        outer.add_attachment(message)
        message = outer

    text = text_of(message)

    assert "## Level 2" in text
    assert "text 3" in text
    assert "innermost" not in text
    assert text.endswith("A mail within 3 others is not read.")


def test_a_declared_character_set_is_obeyed():
    """Older programs know nothing else."""
    message = mail(None)
    message.set_content("Grüße aus dem Hafen", charset="iso-8859-1")

    assert "Grüße aus dem Hafen" in text_of(message)


def test_encoded_headers_are_read():
    """As every mail program shows them."""
    assert "Größe" == read_eml(b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\n\nx\n", Limits())[1]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "malformed"), (b"just words", "malformed"), (b"Subject: nothing else\n\n", "empty")],
)
def test_what_is_no_mail_is_refused(content, code):
    """Whatever its name says."""
    with pytest.raises(Unreadable) as refused:
        read_eml(content, Limits())
    assert code == refused.value.code


def test_headers_made_on_purpose_do_no_harm():
    """The standard library stumbles over some of them."""
    text = read_eml(b'From: "a" <\nTo: =?x?b?!!?=\nDate: yesterday\nSubject: s\n\nThe text.\n', Limits())[0]

    assert "The text." in text


def test_no_text_is_lost_in_the_forms_that_programs_give_a_mail():
    """Text after an attachment, attachments beside the HTML form, footers, mails without a text of their own."""
    sheet = {"maintype": "text", "subtype": "csv", "filename": "d.csv"}
    apple = EmailMessage()
    apple["Subject"] = "Apple"
    apple.make_mixed()
    for text, kind in (("first", "plain"), ("a;b\n1;2\n", "csv"), ("<p>second</p>", "html")):
        part = EmailMessage()
        part.set_content(text, subtype=kind)
        if kind == "csv":
            part.add_header("Content-Disposition", "attachment", filename="d.csv")
        apple.attach(part)
    silent = mail("")
    silent.add_attachment(b"a;b\n1;2\n", **sheet)
    alternative = mail("plain form")
    inner = EmailMessage()
    inner.set_content("<p>html form</p>", subtype="html")
    inner.add_attachment(b"a;b\n1;2\n", **sheet)
    alternative.make_alternative()
    alternative.attach(inner)
    bare = EmailMessage()
    bare["Subject"] = "Scan"
    bare.set_content(
        b"a;b\n1;2\n", maintype="text", subtype="csv", filename="d.csv", disposition="attachment"
    )

    assert all(said in text_of(apple) for said in ("first", "| 1 | 2 |", "second"))
    assert text_of(silent).endswith("## Attachment: d.csv\n\n| a | b |\n| 1 | 2 |")
    assert "plain form" in text_of(alternative)
    assert "html form" not in text_of(alternative)
    assert "| 1 | 2 |" in text_of(alternative)
    assert "| 1 | 2 |" in text_of(bare)


def test_files_that_are_mails_are_bounded_like_mails():
    """Whatever type they are declared as."""
    message = mail("innermost")
    for level in range(12):
        outer = mail(f"text {level}")
        outer.add_attachment(
            message.as_bytes(), maintype="application", subtype="octet-stream", filename="a.eml"
        )
        message = outer

    text = text_of(message)

    assert "text 10" in text
    assert "innermost" not in text
    assert "A mail within 3 others is not read." in text


def test_an_encrypted_mail_and_an_undefined_character_set():
    """One is refused for what it is, the other is read as it can be."""
    with pytest.raises(Unreadable, match="encrypted"):
        read_eml(
            b"Subject: s\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n", Limits()
        )
    text = read_eml(
        b"Subject: s\nContent-Type: text/plain; charset=undefined\n\nGr\xfc\xdfe aus dem Hafen\n", Limits()
    )[0]
    assert "aus dem Hafen" in text


def test_a_long_heading_of_an_attachment_is_kept_whole():
    """Its title is shortened; its text is not."""
    document = docx.Document()
    document.add_heading("word " * 80 + "end", 1)
    made = io.BytesIO()
    document.save(made)
    message = mail()
    message.add_attachment(made.getvalue(), maintype="application", subtype="octet-stream", filename="a.docx")

    assert "word end" in text_of(message)
