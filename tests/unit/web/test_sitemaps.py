"""Each page that a site lists comes once; what cannot be read is told, and the rest is read all the same."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from plumbline.web import Away, Entry, Page, Refused, sitemaps
from plumbline.web.sitemaps import last_modified

HOST = "http://docs.example.com"
SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls):
    """A sitemap of these pages."""
    return f"<urlset {SPACE}>{''.join(f'<url><loc>{url}</loc></url>' for url in urls)}</urlset>"


def index(*urls):
    """An index of these sitemaps."""
    return f"<sitemapindex {SPACE}>{''.join(f'<sitemap><loc>{url}</loc></sitemap>' for url in urls)}</sitemapindex>"


def paths(outcomes):
    """The paths of what is listed, and the codes of what is refused."""
    return [one.url.removeprefix(HOST) if isinstance(one, Entry) else one.code for one in outcomes]


def test_pages_come_with_their_dates(web, site):
    """Pictures have a `loc` of their own; what an address escapes for XML is undone."""
    site.put(
        "docs.example.com/sitemap.xml",
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <urlset {SPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
          <url><loc> {HOST}/a?x=1&amp;y=2 </loc><lastmod>2026-03-03</lastmod>
            <image:image><image:loc>{HOST}/picture.png</image:loc></image:image></url>
          <url><image:loc>{HOST}/picture.png</image:loc><loc><![CDATA[{HOST}/b]]></loc><priority>1</priority></url>
          <url><lastmod>2026-03-03</lastmod></url>
          <image:url><loc>{HOST}/c</loc></image:url>
        </urlset>""",
    )

    assert [
        Entry(f"{HOST}/a?x=1&y=2", datetime(2026, 3, 3, tzinfo=UTC)),
        Entry(f"{HOST}/b", None),
    ] == list(web.sitemap(f"{HOST}/sitemap.xml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-03", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-03", datetime(2026, 3, 3, tzinfo=UTC)),
        ("2026-03-03T12:30:00+02:00", datetime(2026, 3, 3, 10, 30, tzinfo=UTC)),
        ("2026-03-03T12:30Z", datetime(2026, 3, 3, 12, 30, tzinfo=UTC)),
        ("2026-03-03T12:30:15.25Z", datetime(2026, 3, 3, 12, 30, 15, 250_000, tzinfo=UTC)),
        ("2026-13-03", None),
        ("0001-01-01T00:00:00+12:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_in_all_their_forms(text, expected):
    """A date that is none does not cost the page."""
    assert expected == last_modified(text)


def test_a_page_that_is_listed_twice_comes_once(web, site):
    """Also in another spelling, and in another file."""
    site.put("docs.example.com/i.xml", index(f"{HOST}/1.xml", f"{HOST}/2.xml", f"{HOST}/./1.xml"))
    site.put("docs.example.com/1.xml", urlset(f"{HOST}/a", f"{HOST}/b", f"{HOST}/a#top"))
    site.put("docs.example.com/2.xml", urlset(f"{HOST}:80/%61", f"{HOST}/c"))

    assert ["/a", "/b", "/c"] == paths(web.sitemap(f"{HOST}/i.xml"))
    assert 1 == site.asked.count("docs.example.com/1.xml")


def test_an_index_that_names_itself_ends(web, site):
    """Each file is read once."""
    site.put("docs.example.com/i.xml", index(f"{HOST}/i.xml", f"{HOST}/j.xml"))
    site.put("docs.example.com/j.xml", index(f"{HOST}/i.xml", f"{HOST}/1.xml"))
    site.put("docs.example.com/1.xml", urlset(f"{HOST}/a"))

    assert ["/a"] == paths(web.sitemap(f"{HOST}/i.xml"))


def test_indexes_are_nested_three_deep_and_no_deeper(web, site):
    """The pages of a fourth level are read, its sitemaps are not."""
    for level in range(4):
        site.put(f"docs.example.com/{level}", index(f"{HOST}/{level + 1}", f"{HOST}/s{level}"))
        site.put(f"docs.example.com/s{level}", urlset(f"{HOST}/page{level}"))

    assert ["unreadable", "/page2", "/page1", "/page0"] == paths(web.sitemap(f"{HOST}/0"))


@pytest.mark.parametrize("name", ["sitemap.xml.gz", "sitemap.xml"])
@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
def test_a_packed_sitemap_is_unpacked(name, headers, web, site):
    """Whatever it is called, and whether it was packed once or, by the way, once more."""
    body = gzip.compress(urlset(f"{HOST}/a").encode())
    site.put(f"docs.example.com/{name}", gzip.compress(body) if headers else body, **headers)

    assert ["/a"] == paths(web.sitemap(f"{HOST}/{name}"))


def test_a_packed_sitemap_that_unpacks_to_too_much_is_left_at_the_limit(open_web, site):
    """What stood before has been given."""
    listed = f"<urlset {SPACE}><url><loc>{HOST}/a</loc></url>".encode()
    site.put("docs.example.com/s.gz", gzip.compress(listed + b" " * 2**24))

    assert ["/a", "oversized"] == paths(open_web(max_bytes=2**20).sitemap(f"{HOST}/s.gz"))


def test_a_plain_list_is_a_sitemap_too(web, site):
    """One address a line, however lines end."""
    site.put("docs.example.com/s.txt", f"\ufeff{HOST}/a\r\n\r\n  {HOST}/b\n{HOST}/ü\rno address\n{HOST}/c")

    assert ["/a", "/b", "/%C3%BC", "forbidden_scheme", "/c"] == paths(web.sitemap(f"{HOST}/s.txt"))


def test_a_line_without_an_end_is_refused(web, site):
    """And is never held whole."""
    site.put("docs.example.com/s.txt", f"{HOST}/a\n{HOST}/{'b' * 500_000}\n{HOST}/c")

    assert ["/a", "forbidden_address", "/c"] == paths(web.sitemap(f"{HOST}/s.txt"))


def test_pieces_of_any_size_give_the_same(web, site):
    """Letters and elements are cut anywhere."""
    urls = [f"{HOST}/{'ü' * number}" for number in range(1, 700)]
    site.put("docs.example.com/s.xml", urlset(*urls))
    site.put("docs.example.com/s.txt", "\n".join(urls))

    assert paths(web.sitemap(f"{HOST}/s.xml")) == paths(web.sitemap(f"{HOST}/s.txt"))
    assert 699 == len(paths(web.sitemap(f"{HOST}/s.xml")))


@pytest.mark.parametrize(
    "body",
    [
        f'<!DOCTYPE urlset [<!ENTITY a "b">]><urlset {SPACE}><url><loc>{HOST}/&a;</loc></url></urlset>',
        '<!DOCTYPE u [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        f'<!DOCTYPE urlset SYSTEM "file:///etc/passwd">{urlset(f"{HOST}/a")}',
        f'<!DOCTYPE u [<!ENTITY % d SYSTEM "http://127.0.0.1/">%d;]>{urlset(f"{HOST}/a")}',
        "<!DOCTYPE html><html><body>Not here</body></html>",
        "<html><body>Not here</body></html>",
        '<rss version="2.0"><channel/></rss>',
        "<urlset",
        "<urlset></sitemapindex>",
        '<?xml version="1.0" encoding="nonsense"?><urlset/>',
        urlset("&undeclared;"),
        "<\x00>",
    ],
)
def test_what_is_no_sitemap_is_unreadable(body, web, site, connections):
    """A document type is refused before anything of it is expanded or fetched."""
    site.put("docs.example.com/sitemap.xml", body)

    (outcome,) = web.sitemap(f"{HOST}/sitemap.xml")

    assert "unreadable" == outcome.code
    assert f"{HOST}/sitemap.xml: " in outcome.reason
    assert 2 == len(connections)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_a_sitemap_may_be_in_another_encoding(encoding, web, site):
    """XML says which."""
    name = {"utf-16": "UTF-16", "utf-8-sig": "UTF-8", "latin-1": "ISO-8859-1"}[encoding]
    text = f'<?xml version="1.0" encoding="{name}"?>{urlset(f"{HOST}/ü")}'
    site.put("docs.example.com/sitemap.xml", text.encode(encoding))

    assert ["/%C3%BC"] == paths(web.sitemap(f"{HOST}/sitemap.xml"))


def test_a_damaged_sitemap_gives_what_stood_before(web, site):
    """And says that it is damaged."""
    site.put("docs.example.com/sitemap.xml", urlset(f"{HOST}/a", f"{HOST}/b").replace("</urlset>", "<url>"))

    assert ["/a", "/b", "unreadable"] == paths(web.sitemap(f"{HOST}/sitemap.xml"))


def test_a_sitemap_speaks_for_its_own_host_alone(web, site):
    """The protocol's own rule, for pages and for sitemaps."""
    site.put("docs.example.com/i.xml", index(f"{HOST}/1.xml", "http://www.example.com/2.xml"))
    site.put(
        "docs.example.com/1.xml",
        urlset("http://www.example.com/a", "http://127.0.0.1/", "ftp://docs.example.com/", f"{HOST}/b"),
    )

    outcomes = list(web.sitemap(f"{HOST}/i.xml"))

    assert ["forbidden_address", "forbidden_address", "forbidden_address", "forbidden_scheme", "/b"] == (
        paths(outcomes)
    )
    assert "http://www.example.com/2.xml: The sitemap is of another host, for which it cannot speak." == (
        outcomes[0].reason
    )
    assert {"docs.example.com"} == set(site.resolved)


def test_a_sitemap_that_has_moved_speaks_for_both_hosts(web, site):
    """The site itself has sent us there."""
    site.put("example.com/sitemap.xml", status=301, Location="http://www.example.com/sitemap.xml")
    site.put("www.example.com/sitemap.xml", urlset("http://www.example.com/a", "http://example.com/b", HOST))

    outcomes = list(web.sitemap("http://example.com/sitemap.xml"))

    assert ["http://www.example.com/a", "http://example.com/b", "forbidden_address"] == paths(outcomes)


def test_a_sitemap_that_cannot_be_read_does_not_cost_the_others(web, site):
    """For now, for good, or because it is gone: each is told."""
    site.put("docs.example.com/i.xml", index(*(f"{HOST}/{number}.xml" for number in range(4))))
    site.put("docs.example.com/0.xml", status=500)
    site.put("docs.example.com/1.xml", status=403)
    site.put("docs.example.com/3.xml", urlset(f"{HOST}/a"))

    away, denied, gone, entry = web.sitemap(f"{HOST}/i.xml")

    assert Away(f"{HOST}/0.xml: docs.example.com cannot answer now (status 500).") == away
    said = f"{HOST}/1.xml: docs.example.com does not give the page (status 403)."
    assert Refused("denied", said, of_list=True) == denied
    said = f"{HOST}/2.xml: docs.example.com has no such page (status 404)."
    assert Refused("denied", said, of_list=True) == gone
    assert f"{HOST}/a" == entry.url


def test_robots_txt_holds_for_sitemaps_that_it_does_not_name(web, site):
    """One that it names is there for robots."""
    site.put(
        "docs.example.com/robots.txt",
        "User-agent: *\nDisallow: /maps/\nSitemap: http://docs.example.com:80/maps/named.xml\nSitemap: /x\n",
    )
    for name in ("named", "other"):
        site.put(f"docs.example.com/maps/{name}.xml", urlset(f"{HOST}/a"))

    assert ["/a"] == paths(web.sitemap(f"{HOST}/maps/named.xml"))
    assert ["robots"] == paths(web.sitemap(f"{HOST}/maps/other.xml"))
    assert "robots" == web.get(f"{HOST}/maps/named.xml").code


def test_pages_may_be_read_while_they_are_listed(web, site):
    """A sitemap is read whole before its pages are given, however long these take."""
    site.put("docs.example.com/sitemap.xml", urlset(*(f"{HOST}/{number}" for number in range(5))))
    for number in range(5):
        site.put(f"docs.example.com/{number}", "page")

    assert all(isinstance(web.get(entry.url), Page) for entry in web.sitemap(f"{HOST}/sitemap.xml"))


def test_a_file_lists_no_more_than_the_protocol_allows(web, site):
    """The first fifty thousand are given."""
    site.put("docs.example.com/s.txt", "\n".join(f"{HOST}/{number}" for number in range(50_001)))

    outcomes = paths(web.sitemap(f"{HOST}/s.txt"))

    assert 50_001 == len(outcomes)
    assert ["/49999", "oversized"] == outcomes[-2:]


@pytest.mark.parametrize("limit", ["PAGES_AT_MOST", "FILES_AT_MOST"])
def test_the_whole_is_bounded(limit, web, site, monkeypatch):
    """By its pages and by its files: what a site makes up as it is asked would never end."""
    monkeypatch.setattr(sitemaps, limit, 3)
    site.put("docs.example.com/i.xml", index(*(f"{HOST}/{number}.xml" for number in range(9))))
    for number in range(9):
        site.put(f"docs.example.com/{number}.xml", urlset(f"{HOST}/{number}a", f"{HOST}/{number}b"))

    outcomes = paths(web.sitemap(f"{HOST}/i.xml"))

    assert {"PAGES_AT_MOST": ["/0a", "/0b", "/1a", "oversized"], "FILES_AT_MOST": [
        "/0a", "/0b", "/1a", "/1b", "oversized"]}[limit] == outcomes  # fmt: skip
