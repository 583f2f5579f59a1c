"""What a site gives, and what becomes of what it should not have given."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.web import Away, Gone, Page, Refused, Same, Web

URL = "http://docs.example.com/page"
HERE = "docs.example.com/page"


def raw(*pieces):
    """A reply that is written as it is, by nobody's rules."""

    def write(handler):
        for piece in pieces:
            handler.wfile.write(piece)

    return write


def drip(beginning, piece):
    """A reply that never ends, in small pieces."""

    def write(handler):
        handler.wfile.write(beginning)
        while True:
            handler.wfile.write(piece)

    return write


def test_a_page_comes_with_what_was_said_of_it(web, site):
    """Enough to know its kind, and to ask next time whether it has changed."""
    site.put(
        HERE,
        "Grüße".encode("latin-1"),
        Content_Type='Text/HTML; Charset="ISO-8859-1"',
        ETag='W/"7"',
        Last_Modified="Tue, 03 Mar 2026 10:00:00 GMT",
    )

    assert web.get(URL) == Page(
        url=URL,
        content="Grüße".encode("latin-1"),
        content_type="text/html",
        charset="iso-8859-1",
        etag='W/"7"',
        last_modified="Tue, 03 Mar 2026 10:00:00 GMT",
        modified_at=datetime(2026, 3, 3, 10, tzinfo=UTC),
    )


def test_headers_that_make_no_sense_are_left_out(web, site):
    """They are a stranger's, and would be stored and sent back."""
    site.put(HERE, "x", Content_Type="text html", ETag="no quotes", Last_Modified="Tue, 99 Mar 9999 99:00:00")

    outcome = web.get(URL)

    assert (None, None, None, None) == (
        outcome.content_type,
        outcome.charset,
        outcome.etag,
        outcome.modified_at,
    )


def test_what_has_not_changed_is_not_sent_again(web, site):
    """Both conditions go to the page, neither to robots.txt."""
    site.put(HERE, status=304)

    outcome = web.get(URL, etag='"7"', last_modified="Tue, 03 Mar 2026 10:00:00 GMT")

    assert Same() == outcome
    assert "if-none-match" not in site.headers[0]
    assert '"7"' == site.headers[1]["if-none-match"]
    assert "Tue, 03 Mar 2026 10:00:00 GMT" == site.headers[1]["if-modified-since"]


@pytest.mark.parametrize("etag", ['"7"\r\nX-Evil: 1', "7", '"' + "7" * 2_000 + '"', '"ü"', ""])
def test_a_tag_that_is_none_is_not_sent(etag, web, site):
    """It came from a stranger, by way of a table."""
    site.put(HERE, "page")

    assert isinstance(web.get(URL, etag=etag, last_modified="yesterday\nX-Evil: 1"), Page)
    assert {"if-none-match", "if-modified-since", "x-evil"}.isdisjoint(site.headers[1])


def test_nothing_has_changed_only_where_that_was_asked(web, site):
    """Otherwise there would be no page to keep."""
    site.put(HERE, status=304)

    assert "unreadable" == web.get(URL).code


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, "unreadable"),
        (206, "unreadable"),
        (300, "unreadable"),
        (302, "unreadable"),
        (401, "denied"),
        (403, "denied"),
        (418, "denied"),
        (451, "denied"),
        (404, Gone),
        (410, Gone),
        (408, Away),
        (425, Away),
        (429, Away),
        (500, Away),
        (502, Away),
        (503, Away),
        (599, Away),
        (600, "unreadable"),
    ],
)
def test_every_status_has_its_meaning(status, expected, web, site):
    """For good, for now, or gone."""
    site.put(HERE, status=status)

    outcome = web.get(URL)

    assert expected == (outcome.code if isinstance(outcome, Refused) else type(outcome))


def test_redirects_are_followed_to_the_page(web, site):
    """Relative ones, to other hosts, and from http to https: the page knows where it was read."""
    site.put(HERE, status=301, Location="/b?c=1#d")
    site.put("docs.example.com/b?c=1", status=308, Location="//www.example.com/e")
    site.put("www.example.com/e", "page")

    assert "http://www.example.com/e" == web.get(URL).url


def test_five_redirects_are_followed_and_no_sixth(web, site):
    """A circle would be gone round for ever."""
    for number in range(6):
        site.put(f"docs.example.com/{number}", status=302, Location=f"/{number + 1}")
    site.put("docs.example.com/6", "page")

    assert isinstance(web.get("http://docs.example.com/1"), Page)
    assert "too_many_redirects" == web.get("http://docs.example.com/0").code


def test_a_page_may_be_as_large_as_the_limit_and_no_byte_larger(open_web, site):
    """Also when it does not say how large it is."""
    web = open_web(max_bytes=1_000)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    site.put("docs.example.com/fits", b"x" * 1_000)
    site.put("docs.example.com/says", b"x" * 1_001)
    site.put("docs.example.com/fits unsaid".replace(" ", "-"), raw(head, b"x" * 1_000))
    site.put("docs.example.com/unsaid", raw(head, b"x" * 1_001))

    assert 1_000 == len(web.get("http://docs.example.com/fits").content)
    assert 1_000 == len(web.get("http://docs.example.com/fits-unsaid").content)
    assert "oversized" == web.get("http://docs.example.com/says").code
    assert "oversized" == web.get("http://docs.example.com/unsaid").code


def test_an_endless_page_is_left_at_the_limit(open_web, site):
    """The connection is closed on it, so the site notices as well."""
    site.put(HERE, drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000))

    assert "oversized" == open_web(max_bytes=100_000).get(URL).code


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP"])
def test_a_compressed_page_is_unpacked(name, web, site):
    """Of one member or several, filled up with zeros or not."""
    body = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 100
    site.put(HERE, body, Content_Encoding=name)

    assert b"one two" == web.get(URL).content


def test_a_page_that_unpacks_to_more_than_the_limit_is_left_there(open_web, site):
    """A hundred megabytes in a hundred kilobytes: only what fits is ever unpacked."""
    pack = zlib.compressobj(wbits=31)
    bomb = b"".join([pack.compress(b"\0" * 2**20) for _ in range(100)]) + pack.flush()
    site.put(HERE, bomb, Content_Encoding="gzip")

    assert len(bomb) < 2**18
    assert "oversized" == open_web(max_bytes=2**21).get(URL).code


def test_compressed_nothing_without_end_is_left_as_well(open_web, site):
    """What unpacks to nothing never reaches the limit of what is unpacked."""
    site.put(HERE, drip(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 50))

    assert "oversized" == open_web(max_bytes=100_000).get(URL).code


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (gzip.compress(b"page" * 100)[:-9], "gzip"),
        (b"page", "gzip"),
        (gzip.compress(b"page") + b"rest", "gzip"),
        (b"page", "br"),
        (gzip.compress(gzip.compress(b"page")), "gzip, gzip"),
    ],
    ids=["cut off", "not gzip", "with a rest", "not brotli", "twice"],
)
def test_what_cannot_be_unpacked_is_unreadable(body, name, web, site):
    """Half a page would be stored as a whole one."""
    site.put(HERE, body, Content_Encoding=name)

    assert "unreadable" == web.get(URL).code


@pytest.mark.parametrize(
    "reply",
    [
        raw(),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        raw(b"220 mail.example.com ESMTP\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 100),
    ],
    ids=["nothing", "half", "no length", "half a piece", "mail", "broken", "long", "endless", "extension"],
)
def test_what_is_no_whole_answer_is_away(reply, web, site):
    """Half a page is not taken for one, and headers are bounded."""
    site.put(HERE, reply)

    assert isinstance(web.get(URL), Away)


class ByteByByte:
    """A socket over which one byte comes at a time."""

    def __init__(self, connected):
        self.connected = connected

    def recv(self, _):
        """Take one."""
        return self.connected.recv(1)

    def __getattr__(self, name):
        return getattr(self.connected, name)


@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1_000),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000),
        drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["header", "content", "hints", "pieces"],
)
def test_a_slow_site_is_left_after_its_time(reply, open_web, site, ticking):
    """A byte comes each second, so that no wait is ever long: the whole has two minutes."""
    site.put("docs.example.com/robots.txt", raw(b"HTTP/1.1 404 \r\n\r\n"))
    site.put(HERE, reply)
    web = open_web(clock=ticking, dial=lambda *where: ByteByByte(site.dial(*where)))

    began = ticking.time
    outcome = web.get(URL)

    assert Away("docs.example.com did not answer in time.") == outcome
    assert 120 < ticking.time - began < 180


def test_a_site_that_says_nothing_is_left(open_web, site, monkeypatch):
    """The limit is real time, made short for the test."""
    monkeypatch.setattr("plumbline.web.guard.READ_SECONDS", 0.05)
    site.put("docs.example.com/robots.txt", lambda handler: handler.rfile.read(1))

    outcome = open_web().get(URL)

    assert Away("The robots.txt cannot be read: docs.example.com did not answer in time.") == outcome


def test_the_next_address_is_tried_when_one_does_not_answer(open_web, site):
    """A host may be there over IPv4 alone."""
    site.put(HERE, "page")
    site.names["docs.example.com"] = ["2606:2800:21f::1", "93.184.216.34"]

    def dial(number, port, seconds):
        if ":" in number:
            raise OSError("Network is unreachable")
        return site.dial(number, port, seconds)

    assert isinstance(open_web(dial=dial).get(URL), Page)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), OSError("no route")])
def test_a_site_that_cannot_be_reached_is_away(error, open_web):
    """It may be there tomorrow."""

    def dial(*_):
        raise error

    assert isinstance(open_web(dial=dial).get(URL), Away)


def test_a_connection_waits_no_longer_than_ten_seconds(open_web, site):
    """The dial is told how long it may take."""
    told = []

    def dial(number, port, seconds):
        told.append(seconds)
        return site.dial(number, port, seconds)

    open_web(dial=dial).get(URL)

    assert [10.0, 10.0] == told


def test_the_site_knows_who_asks(open_web, site):
    """And whom to write to."""
    open_web(agent="Plumbline", contact="https://example.com/bot").get(URL)

    agent = site.headers[0]["user-agent"]
    assert agent.startswith("Plumbline/")
    assert agent.endswith(" (+https://example.com/bot)")


@pytest.mark.parametrize(
    "options", [{"agent": "a b"}, {"agent": ""}, {"contact": "a\r\nX: 1"}, {"contact": "a)b"}]
)
def test_a_name_that_cannot_stand_in_a_header_is_refused(options):
    """It is the setting's fault, and found before anything is asked."""
    with pytest.raises(Misconfigured):
        Web(**options)
