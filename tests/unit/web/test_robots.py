"""What a site asks of robots is kept to: which pages, and how often."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from plumbline.web import Away, Gone, Page, Refused
from plumbline.web.manners import wait_asked_for

HOST = "http://docs.example.com"
ROBOTS = "docs.example.com/robots.txt"


@pytest.fixture(autouse=True)
def _pages(site):
    for where in ("docs.example.com/a", "docs.example.com/b/c.html?x=1", "www.example.com/a"):
        site.put(where, "page")


def test_what_robots_txt_forbids_is_not_asked_for(web, site):
    """By the rules for us where there are some, not by those for others."""
    site.put(ROBOTS, "User-agent: *\nAllow: /\n\nUser-agent: plumbline\nDisallow: /b/*.html\nAllow: /\n")

    assert isinstance(web.get(f"{HOST}/a"), Page)
    assert Refused("robots", "The robots.txt of docs.example.com forbids it.") == web.get(
        f"{HOST}/b/c.html?x=1"
    )
    assert [ROBOTS, "docs.example.com/a"] == site.asked


def test_other_spellings_of_a_forbidden_page_are_forbidden(web, site):
    """What robots.txt is asked about is what would be asked for."""
    site.put(ROBOTS, "User-agent: *\nDisallow: /b/\n")

    for path in ("/b/c.html", "/./b/c.html", "/a/../b/c.html", "/%62/c.html", "/a/%2e%2e/b/c.html"):
        assert "robots" == web.get(HOST + path).code


def test_robots_txt_is_read_once(web, site):
    """It is kept for as long as the Web is."""
    site.put(ROBOTS, "User-agent: *\nDisallow: /b\n")

    for _ in range(3):
        web.get(f"{HOST}/a")
        web.get(f"{HOST}/b")

    assert 1 == site.asked.count(ROBOTS)


def test_each_host_has_its_own_robots_txt(web, site):
    """A redirect to another host is held to what that one says."""
    site.put("www.example.com/robots.txt", "User-agent: *\nDisallow: /\n")
    site.put("docs.example.com/there", status=302, Location="http://www.example.com/a")

    assert "robots" == web.get(f"{HOST}/there").code
    assert "www.example.com/a" not in site.asked


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_site_without_robots_txt_forbids_nothing(status, web, site):
    """Whatever the reason is (RFC 9309, 2.3.1.3)."""
    site.put(ROBOTS, "User-agent: *\nDisallow: /\n", status=status)

    assert isinstance(web.get(f"{HOST}/a"), Page)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_whose_robots_txt_cannot_be_read_is_left_alone(status, web, site):
    """What it forbids is not known (RFC 9309, 2.3.1.4)."""
    site.put(ROBOTS, status=status)

    assert isinstance(web.get(f"{HOST}/a"), Away)
    assert isinstance(web.get(f"{HOST}/b"), Away)
    assert [ROBOTS] == site.asked


def test_robots_txt_is_asked_for_again_when_the_site_has_said_so(web, site, clock):
    """And not before."""
    site.put(ROBOTS, status=503, Retry_After="20")

    assert Away("The robots.txt cannot be read: docs.example.com cannot answer now (status 503).", 20.0) == (
        web.get(f"{HOST}/a")
    )
    site.put(ROBOTS, "")
    clock.time += 19
    assert isinstance(web.get(f"{HOST}/a"), Away)
    clock.time += 2
    assert isinstance(web.get(f"{HOST}/a"), Page)


def test_robots_txt_may_be_elsewhere(web, site):
    """It counts for the host that it was asked for (RFC 9309, 2.3.1.2)."""
    site.put(ROBOTS, status=301, Location="http://www.example.com/rules")
    site.put("www.example.com/rules", "User-agent: *\nDisallow: /b\n")

    assert isinstance(web.get(f"{HOST}/a"), Page)
    assert "robots" == web.get(f"{HOST}/b").code
    assert isinstance(web.get("http://www.example.com/a"), Page)


def test_a_robots_txt_that_leads_in_circles_forbids_nothing(web, site):
    """As if it were not there (RFC 9309, 2.3.1.2)."""
    site.put(ROBOTS, status=301, Location="/robots.txt")

    assert isinstance(web.get(f"{HOST}/a"), Page)


def test_no_more_than_500_kib_of_robots_txt_are_read(web, site):
    """And no half line of it: `Disallow: /` would be another rule than `Disallow: /private`."""
    beginning = "User-agent: *\nDisallow: /b\n"
    filling = "#" * (500 * 1024 - len(beginning) - len("\nDisallow: /"))
    site.put(ROBOTS, f"{beginning}{filling}\nDisallow: /private\nDisallow: /a\n")

    assert isinstance(web.get(f"{HOST}/a"), Page)
    assert "robots" == web.get(f"{HOST}/b").code


def test_rules_with_many_wildcards_cost_no_time(web, site):
    """A stranger wrote them, and could have meant us to hang; the alarm of the suite would ring."""
    site.put(ROBOTS, "User-agent: *\n" + f"Disallow: /{'*a' * 500}b$\n" * 50)

    assert isinstance(web.get(f"{HOST}/a"), Page)
    assert isinstance(web.get(f"{HOST}/{'a' * 3_000}"), Gone)


def test_requests_to_one_host_keep_their_distance(web, clock):
    """A second between them; nothing waits before the first, and hosts do not wait for each other."""
    web.get(f"{HOST}/a")
    assert [1.0] == clock.slept
    web.get(f"{HOST}/a")
    assert [1.0, 1.0] == clock.slept
    clock.time += 0.75
    web.get(f"{HOST}/a")
    assert [1.0, 1.0, 0.25] == clock.slept
    clock.time += 5
    web.get(f"{HOST}/a")
    web.get("http://www.example.com/a")
    assert [1.0, 1.0, 0.25, 1.0] == clock.slept


def test_redirects_keep_the_distance_too(web, site, clock):
    """Each is a request."""
    site.put("docs.example.com/there", status=302, Location="/a")

    web.get(f"{HOST}/there")

    assert [1.0, 1.0] == clock.slept


def test_a_site_may_ask_for_longer_pauses(web, site, clock):
    """Its Crawl-delay counts where it is longer than ours."""
    site.put(ROBOTS, "User-agent: *\nCrawl-delay: 7.5\n")
    site.put("www.example.com/robots.txt", "User-agent: *\nCrawl-delay: 0.1\n")

    for host in (HOST, "http://www.example.com"):
        web.get(f"{host}/a")
        web.get(f"{host}/a")

    assert [7.5, 7.5, 1.0, 1.0] == clock.slept


@pytest.mark.parametrize(
    ("delay", "is_read"), [("60", True), ("61", False), ("86400", False), ("never", True)]
)
def test_a_site_that_asks_for_more_than_a_minute_is_not_read(delay, is_read, web, site):
    """Asking more often than it allows would be no manners at all."""
    site.put(ROBOTS, f"User-agent: *\nCrawl-delay: {delay}\n")

    outcome = web.get(f"{HOST}/a")

    assert is_read == isinstance(outcome, Page)
    assert is_read or "robots" == outcome.code


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_has_enough_is_left_alone_for_as_long_as_it_says(status, web, site, clock):
    """Its other pages are not asked for; other hosts are."""
    site.put("docs.example.com/busy", status=status, Retry_After="120")

    assert Away(f"docs.example.com cannot answer now (status {status}).", 120.0) == web.get(f"{HOST}/busy")
    clock.time += 100
    assert Away("docs.example.com has asked to be left alone for a while.", 20.0) == web.get(f"{HOST}/a")
    assert isinstance(web.get("http://www.example.com/a"), Page)
    asked = len(site.asked)
    assert isinstance(web.get(f"{HOST}/a"), Away)
    assert asked == len(site.asked)
    clock.time += 20
    assert isinstance(web.get(f"{HOST}/a"), Page)


def test_a_host_that_does_not_say_for_how_long_is_left_alone_for_a_minute(web, site, clock):
    """A fault of one page (500) is no reason to leave the others."""
    site.put("docs.example.com/busy", status=429)
    site.put("docs.example.com/broken", status=500)

    assert Away("docs.example.com cannot answer now (status 500).") == web.get(f"{HOST}/broken")
    assert isinstance(web.get(f"{HOST}/a"), Page)
    assert Away("docs.example.com cannot answer now (status 429).") == web.get(f"{HOST}/busy")
    clock.time += 59
    assert isinstance(web.get(f"{HOST}/a"), Away)
    clock.time += 1
    assert isinstance(web.get(f"{HOST}/a"), Page)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "90"}, 90.0),
        ({"retry-after": "999999999"}, 86_400.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 03 Mar 2026 10:01:00 GMT"}, 60.0),
        ({"retry-after": "Tue, 03 Mar 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 03 Mar 2026 10:01:00 GMT", "date": "Tue, 03 Mar 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 03 Mar 9999 10:01:00 GMT"}, 86_400.0),
        ({"retry-after": "Tue, 03 Mar 2026 10:01:00 -9999"}, None),
    ],
)
def test_how_long_to_wait_is_read_as_seconds(headers, seconds):
    """Told in seconds or as a date, by the site's own clock where it shows one."""
    assert seconds == wait_asked_for(headers, datetime(2026, 3, 3, 10, tzinfo=UTC))
