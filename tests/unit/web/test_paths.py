"""A page has one path, that of no other page, and a person can read it."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.web import path_of
from plumbline.web.outcomes import Ended
from plumbline.web.urls import parse

ENDINGS = [None, ".html", ".pdf", ".htm", ".l"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://docs.example.com/guide/install.html", "docs.example.com/guide/install.html"),
        ("https://docs.example.com/guide/install", "docs.example.com/guide/install (page).html"),
        ("https://docs.example.com/guide/", "docs.example.com/guide/index.html"),
        ("https://docs.example.com/guide/index.html", "docs.example.com/guide/index (file).html"),
        ("https://docs.example.com/guide/index", "docs.example.com/guide/index (file) (page).html"),
        ("https://docs.example.com", "docs.example.com/index.html"),
        ("http://docs.example.com/", "docs.example.com (http)/index.html"),
        ("https://docs.example.com/show?id=3&x=a/b", "docs.example.com/show (?id=3&x=a%2fb).html"),
        ("https://docs.example.com/?", "docs.example.com/index (?).html"),
        ("https://docs.example.com/%C3%BCber%20uns.html", "docs.example.com/über uns.html"),
        ("https://docs.example.com/u%CC%88.html", "docs.example.com/u%CC%88.html"),
        ("https://docs.example.com/My%20File%20(1).html", "docs.example.com/My File%20(1).html"),
        ("https://docs.example.com//a//b.html", "docs.example.com/(empty)/a/(empty)/b.html"),
        ("https://docs.example.com/../../etc/passwd", "docs.example.com/etc/passwd (page).html"),
        ("https://docs.example.com/a%2F..%2Fb.html", "docs.example.com/a%2F..%2Fb.html"),
        ("https://docs.example.com/%E2%80%AEgpj.html", "docs.example.com/%E2%80%AEgpj.html"),
        ("https://bücher.example.com/a.HTML", "xn--bcher-kva.example.com/a.HTML"),
        ("https://[2606:2800:21f::1]/a.html", "[2606:2800:21f::1]/a.html"),
    ],
)
def test_a_path_reads_like_the_address(url, path):
    """What the address does not say stands in brackets."""
    assert path == path_of(url, ".html") == path_of(url, "html")


AWKWARD = [
    "", "index", "index.html", "index.htm", "index.pdf", "index.", "index (file)", "index.html.html", "Index",
    "a", "a.html", "a.html.html", "a.HTML", "a.pdf", "a.l", "a (page)", "a (page).html", "a (file)", "a%20(page)",
    "a%20%28page%29", "a%2520(page)", "a+(page)", "a (?b)", "a%20(%3Fb).html", "a?", "a?b", "a?b.html", "a??b",
    "a?b).html", "a?b)", "a?/", "a?%2F", "a?%2f%2F", "a?%252f", "a?//..//", "a?../b", "a?b%20(page)", "a?b (x)",
    "a/", "a//", "a///", "/a", "//a", "(empty)", "(empty)/a", "(empty) (file)", "(empty)%20(file)/a", "%28empty%29/a",
    "a%2F", "a%2Fb", "a/b", "a%5Cb", "a%00b", "a%0Ab", "a%7Fb", "%C3%BC", "u%CC%88", "%CC%88", "%FF", "%C3", "ü",
    "%E2%80%8B", "%E2%80%8Ba", "%EF%BB%BF", "=%CC%B8", "a?=%CC%B8", "%20", "%20a", "a%20", "a%20%20b", "a%20b",
    "a%C2%A0b", "...", "a/...", ".a", "a.", "~a", "%7Ea", "%7ea", "%25", "%2525", "%zz", "%25zz", "CON", "a:b", "a*b",
    "a%3Fb", "a%23b", "a?b#c", "a;b", "a%3Bb", "a&b", "a%26b", "a=b", "a%3Db", "…", " (… 0)", "x" * 990, "x" * 1_500,
    "x" * 1_500 + "y", "x" * 1_500 + ".html", "ü" * 400, "ü" * 600, "ü" * 600 + "a", "x/" * 700, "x/" * 701,
    "a?" + "b/" * 800, "a?" + "b/" * 801,
]  # fmt: skip
HOSTS = ["https://docs.example.com/", "http://docs.example.com/", "https://www.example.com/"]


def test_no_two_awkward_addresses_meet():
    """Whatever kinds their pages are of."""
    addresses = {parse(host + rest).url for host, rest in product(HOSTS, AWKWARD)}
    paths = {(url, ending): path_of(url, ending) for url, ending in product(addresses, ENDINGS)}
    owners: dict[str, set[str]] = {}
    for (url, _), path in paths.items():
        owners.setdefault(path, set()).add(url)

    assert len(addresses) > 250
    assert [] == [urls for urls in owners.values() if len(urls) > 1]
    assert [] == [path for path in paths.values() if not is_sound(path)]
    assert [] == [(url, ending) for (url, ending), path in paths.items() if not is_of_kind(path, ending)]


def is_sound(path):
    """Whether it can be stored, shown, and made a file of."""
    parts = path.split("/")
    return (
        len(path.encode()) <= 1_000
        and unicodedata.is_normalized("NFC", path)
        and path.isprintable()
        and all(part and part == part.strip() and part not in {".", ".."} for part in parts)
        and "\\" not in path
        and len(parts) > 1
    )


def is_of_kind(path, ending):
    """Whether the path ends as names of the kind do."""
    return path.lower().endswith(ending or "")


letters = st.text(alphabet=st.sampled_from("ab./?()%20 ~…üu\u0308\u0338=ixnde"), max_size=12)
escapes = st.lists(
    st.sampled_from(["%20", "%28", "%2F", "%CC%88", "%C3%BC", "%25", "(page)", "index", "/", "?", "."])
)
rests = st.one_of(letters, escapes.map("".join), st.text(max_size=20))


@given(rests, rests, st.sampled_from(ENDINGS), st.sampled_from(ENDINGS))
def test_no_two_addresses_meet(one, other, ending, another):
    """Whatever a site makes up."""
    try:
        first, second = parse(f"https://docs.example.com/{one}"), parse(f"https://docs.example.com/{other}")
    except Ended:
        return
    paths = path_of(first.url, ending), path_of(second.url, another)

    assert is_sound(paths[0])
    assert (first == second) or paths[0] != paths[1]
    assert path_of(f"https://docs.example.com/{one}", ending) == paths[0]


@pytest.mark.parametrize(
    ("url", "ending"), [("docs.example.com/a", None), ("https://a.b/", "../x"), ("", ".html")]
)
def test_what_is_no_address_has_no_path(url, ending):
    """Nor has one whose kind has no ending that a name could have."""
    with pytest.raises(ValueError, match=r"address|ending|http"):
        path_of(url, ending)
