"""
No way into the private network.

That nothing was connected to is told by two witnesses that the guard does not know of: the interpreter, which reports
every connection, and a listener, which counts what it accepts.  A counter-proof shows that both would have seen it.
"""

from __future__ import annotations

import socket
import ssl

import pytest

from plumbline.web import Away, Page, Refused, Web
from plumbline.web.addresses import objection

NUMBERS = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - an address that is refused
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.216.34",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::7f00:1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2600:1f00::5efe:10.0.0.1",
    "3ffe::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
NAMES = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "foo.localhost",
    "ip6-localhost",
    "metadata",
    "metadata.google.internal",
    "metadata.google.internal.",
    "METADATA.google.internal",
    "metadata。google。internal",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "printer.local",
    "router.home.arpa",
    "intranet",
    "wiki.corp",
    "box.lan",
]
# What is in an unusual form is refused by its form, so that nobody else's reading of it matters.
FORMS = [
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.0x1/",
    "http://0/",
    "http://0x/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://4294967297/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127.0.0.1./",
    "http://127.0.0.1../",
    "http://localhost../",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://127.0.0.1%2f@example.com/",
    "http://loc%61lhost/",
    "http://good@127.0.0.1/",
    "http://good:word@127.0.0.1/",
    "http://docs.example.com@127.0.0.1/",
    "http://127.0.0.1@docs.example.com/",
    "http://docs.example.com:80@127.0.0.1/",
    "http://docs.example.com\\@127.0.0.1/",
    "http://127.0.0.1\\@docs.example.com/",
    "http:\\\\127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.0.\n0.1/",
    "http://127.0.0.1\r\nHost: docs.example.com/",
    "http://127.0.0.1 /",
    "http:// 127.0.0.1/",
    "http://127.0.0.1\x00.example.com/",
    "http://127.0.0.1\u00ad/",
    "http://127.0.0.1\u3000/",
    "http://local\u200bhost/",
    "http://localhost\u2024/",
    "http://[::1%25lo]/",
    "http://[::1%lo]/",
    "http://[fe80::1%eth0]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::FFFF:7F00:1]/",
    "http://[::127.0.0.1]/",
    "http://[127.0.0.1]/",
    "http://[v1.127]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]:80:80/",
    "http:///127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1",
    "http://127.0.0.1:8080/",
    "http://docs.example.com:8080/",
    "http://docs.example.com:22/",
    "http://docs.example.com:443/",
    "https://docs.example.com:8443/",
    "http://docs.example.com:99999/",
    "http://docs.example.com:+80/",
    "http://docs.example.com:８０/",
    "http://.example.com/",
    "http://docs..example.com/",
    "http://-docs.example.com/",
    f"http://{'a' * 64}.example.com/",
    f"http://{'a.' * 130}com/",
    "http://docs.example.com/" + "a" * 5_000,
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "data:text/plain,hello",
    "javascript://127.0.0.1/",
    "unix:///var/run/docker.sock",
    "http+unix://%2fvar%2frun%2fdocker.sock/",
    "\x01http://127.0.0.1/",
    " http://127.0.0.1/",
    "",
    "http://",
    "http://\ud800/",
]
SECURE = [f"https://{name}/" for name in ("127.0.0.1", "[::1]", "169.254.169.254", "localhost")]
URLS = [
    *(f"http://{f'[{number}]' if ':' in number else number}/latest/meta-data/" for number in NUMBERS),
    *(f"http://{name}/" for name in NAMES),
    *FORMS,
    *SECURE,
]
# As a redirect, these name a page of the site itself.
RELATIVE = {"", "127.0.0.1"}
FORBIDDEN = {"forbidden_address", "forbidden_scheme"}


def test_there_are_more_forms_than_anybody_tries_by_hand():
    """A list that shrinks by a mistake would still be green."""
    assert len(set(URLS)) == len(URLS) > 120


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_no_spelling_of_a_private_address_is_connected_to(url, web, site, connections):
    """Each is refused for good, before a name is looked up or a socket is opened."""
    outcome = web.get(url)

    assert isinstance(outcome, Refused)
    assert outcome.code in FORBIDDEN
    assert ([], [], [], 0) == (connections, site.dialled, site.resolved, site.accepted)


def test_no_sitemap_is_read_from_there_either(web, site, connections):
    """It is another door to the same room."""
    codes = {url: [outcome.code for outcome in web.sitemap(url)] for url in URLS}

    assert [] == [url for url, told in codes.items() if len(told) != 1 or told[0] not in FORBIDDEN]
    assert ([], [], 0) == (connections, site.dialled, site.accepted)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_name_leads_to_a_private_address(number, site, connections):
    """With the dial of every day, which would connect if it were asked to."""
    with Web(resolve=lambda *_: [number], delay=0) as web:
        outcome = web.get("http://docs.example.com/")

    assert isinstance(outcome, Refused)
    assert outcome.code == "forbidden_address"
    assert number not in outcome.reason
    assert [] == connections


@pytest.mark.parametrize("url", [url for url in URLS if url not in RELATIVE], ids=ascii)
def test_no_redirect_leads_there(url, web, site, connections):
    """Two connections are seen, to robots.txt and to the page; none to where the page redirects."""
    site.put("docs.example.com/page", status=302, Location=url.encode("utf-8", "replace").decode("latin-1"))

    outcome = web.get("http://docs.example.com/page")

    assert not isinstance(outcome, Page)
    assert ["docs.example.com"] == site.resolved
    assert (2, 2) == (len(connections), site.accepted)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_looked_at(status, web, site, connections):
    """A redirect of any kind is only another address."""
    site.put("docs.example.com/page", status=status, Location="http://169.254.169.254/latest/meta-data/")

    outcome = web.get("http://docs.example.com/page")

    assert Refused(
        "forbidden_address", "169.254.169.254 leads to an address that is not public (link-local)."
    ) == (outcome)
    assert 2 == len(connections) == site.accepted


def test_a_robots_txt_that_redirects_into_the_private_network_is_not_followed(web, site, connections):
    """It is asked for by us alone, so nobody would notice."""
    site.put("docs.example.com/robots.txt", status=301, Location="http://127.0.0.1/admin")

    outcome = web.get("http://docs.example.com/page")

    assert "forbidden_address" == outcome.code
    assert 1 == len(connections) == site.accepted


def test_a_name_with_one_private_address_is_refused_whole(web, site, connections):
    """The public one may be there to hide it."""
    for answer in (
        ["93.184.216.34", "127.0.0.1"],
        ["2606:2800:21f::1", "::1"],
        ["10.0.0.1", "93.184.216.34"],
    ):
        site.names["docs.example.com"] = answer
        with Web(resolve=site.resolve, dial=site.dial) as fresh:
            assert "forbidden_address" == fresh.get("http://docs.example.com/").code

    assert ([], 0) == (connections, site.accepted)


def test_a_name_that_changes_its_answer_is_not_asked_again(site, open_web, connections):
    """DNS rebinding: public for the look, private for the connection."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    site.put("docs.example.com/", "page")
    web = open_web(resolve=lambda *_: next(answers))

    assert isinstance(web.get("http://docs.example.com/"), Page)
    assert isinstance(web.get("http://docs.example.com/"), Page)
    assert ["93.184.216.34"] * 3 == site.dialled
    assert [["127.0.0.1"], ["127.0.0.1"]] == list(answers)


def test_both_witnesses_see_a_connection_that_is_allowed(web, site, connections):
    """The counter-proof: had one of the forms above been connected to, they would have said so."""
    site.put("docs.example.com/", "page")

    assert isinstance(web.get("http://docs.example.com/"), Page)
    assert [site.server_address[:2]] * 2 == connections
    assert 2 == site.accepted


def test_the_dial_of_every_day_is_seen_as_well(connections):
    """What a listener on this machine accepts through our own dial, the interpreter reports."""
    from plumbline.web.guard import connect

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        made = connect(*address, 5.0)
        accepted, _ = listener.accept()
        made.close()
        accepted.close()

    assert [address] == connections


@pytest.mark.parametrize(
    "number",
    [
        "93.184.216.34",
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "2a00:1450:4001:80b::200e",
        "64:ff9b::808:808",
    ],
)
def test_what_is_public_is_let_through(number):
    """Also as a network without IPv4 sees it, through NAT64."""
    assert objection(number) is None


@pytest.mark.parametrize("number", ["2606:2800:21f::1%eth0", "127.1", "docs.example.com", ""])
def test_what_a_resolver_should_not_have_said_is_not_public(number):
    """An address of one link, or none at all."""
    assert objection(number)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://DOCS.example.com./a", "docs.example.com/a"),
        ("http://docs.example.com:80/a", "docs.example.com/a"),
        ("http://docs.example.com/./b/../%61#part", "docs.example.com/a"),
        ("http://bücher.example.com/ä b?q=ü|", "xn--bcher-kva.example.com/%C3%A4%20b?q=%C3%BC%7C"),
        ("http://docs.example.com?x=http://127.0.0.1/", "docs.example.com/?x=http://127.0.0.1/"),
        ("http://docs.example.com#@127.0.0.1/", "docs.example.com/"),
        ("http://docs.example.com/%zz//x/%2e%2E/a", "docs.example.com/%25zz//a"),
    ],
)
def test_an_address_has_one_spelling(url, asked, web, site):
    """What is looked up, what is asked for and what is told are the same."""
    site.put(asked, "page")

    outcome = web.get(url)

    assert f"http://{asked}" == outcome.url
    assert asked == site.asked[-1]
    assert {asked.partition("/")[0].partition("?")[0]} == set(site.resolved)


def test_the_environment_adds_nothing(web, site, monkeypatch, tmp_path):
    """No proxy, no password of a netrc, no cookie that the site has set before."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    (tmp_path / ".netrc").write_text("machine docs.example.com login a password b")
    monkeypatch.setenv("HOME", str(tmp_path))
    site.put("docs.example.com/", "page", Set_Cookie="id=1")

    assert isinstance(web.get("http://docs.example.com/"), Page)
    assert isinstance(web.get("http://docs.example.com/"), Page)
    expected = {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert [expected] * 3 == [set(headers) for headers in site.headers]


def test_no_secret_of_an_address_is_told(web, site):
    """Reasons are stored and shown; a query may carry a key."""
    site.names["docs.example.com"] = ["127.0.0.1"]

    outcomes = [
        web.get("http://docs.example.com/a?key=SECRET"),
        web.get("http://me:SECRET@docs.example.com/"),
        *web.sitemap("http://me:SECRET@docs.example.com/?key=SECRET"),
        *web.sitemap("http://docs.example.com/?key=SECRET"),
    ]

    assert 4 == len(outcomes)
    assert "SECRET" not in str(outcomes)


def test_a_context_that_accepts_any_certificate_is_refused():
    """There is no way to ask for less."""
    from plumbline.core.errors import Misconfigured

    loose = ssl.create_default_context()
    loose.check_hostname = False

    with pytest.raises(Misconfigured):
        Web(ssl_context=loose)


def test_a_name_that_cannot_be_resolved_is_away(open_web):
    """It may be there tomorrow."""

    def resolve(*_):
        raise socket.gaierror(-2, "Name or service not known")

    for answer in (resolve, lambda *_: []):
        outcome = open_web(resolve=answer).get("http://docs.example.com/")
        assert isinstance(outcome, Away)
