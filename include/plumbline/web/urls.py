"""
The one spelling of an address.

What is asked for, what robots.txt is asked about, what is looked up and what is connected to are read from the same
`Address`, so that no two of them can understand one text differently.  The grammar is narrower than that of browsers:
what they would repair is refused.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

import idna

from plumbline.web.outcomes import refusal

PORTS = {"http": 80, "https": 443}
"""The schemes that are read, each on its own port and no other: 8080 and the like are where internal services live."""

_LETTERS_AT_MOST = 4_096
_HOST_AT_MOST = 253

# Programs disagree about what these mean, or drop them in silence: control characters, the backslash, which browsers
# take for a slash, and halves of characters.
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# The last part of a name is never a number; where it is one, some programs read the whole as an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_PATH_KEEPS = "/:@!$&'()*+,;="
_QUERY_KEEPS = "/:@!$&'()*+,;=?"


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in its one spelling; `host` is ASCII in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    path: str
    query: str | None

    @property
    def port(self) -> int:
        """The port of the scheme."""
        return PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """The host as it stands in a URL and in the header `Host`."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def origin(self) -> str:
        """Scheme and host, and so the port: what one robots.txt is for."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def url(self) -> str:
        """The whole, without a fragment, which is never sent."""
        return f"{self.origin}{self.target}"


def parse(url: str) -> Address:
    """
    Read a URL.

    Raises:
        Ended: It is no http or https URL (`forbidden_scheme`), or names its host in a way that is not read
            (`forbidden_address`).  Whether the host may be connected to is not asked here.
    """
    if len(url) > _LETTERS_AT_MOST:
        raise refusal("forbidden_address", f"The address is longer than {_LETTERS_AT_MOST:,} characters.")
    if _NEVER.search(url):
        raise refusal("forbidden_address", "The address holds a control character or a backslash.")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise refusal("forbidden_scheme", "Only addresses that begin with http:// or https:// are read.")
    rest, _, _ = rest.partition("#")
    rest, question, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    return Address(
        scheme,
        _host(authority, PORTS[scheme]),
        _without_dots(_spelled(f"/{path}", _PATH_KEEPS)),
        _spelled(query, _QUERY_KEEPS) if question else None,
    )


def join(base: Address, location: str) -> Address:
    """
    Read the address that a redirect leads to.

    Raises:
        Ended: As `parse`.
    """
    # Asked first, because joining would drop some of them in silence.
    if _NEVER.search(location):
        raise refusal("forbidden_address", "The site redirects to an address with a control character.")
    location = location.strip(" ")
    if _SCHEME.match(location):
        return parse(location)
    if location.startswith("//"):
        return parse(f"{base.scheme}:{location}")
    try:
        joined = urljoin(base.url, location)
    except ValueError:
        raise refusal("forbidden_address", "The site redirects to what is no address.") from None
    return parse(joined)


def shown(url: str) -> str:
    """A URL as reports may name it: without its query, which may carry a secret, and not endlessly long."""
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    plain = re.sub(r"(?<=//)[^/]*@", "", plain)
    return ascii(plain)[1:-1][:200]


def _host(authority: str, port: int) -> str:
    if "@" in authority:
        raise refusal("forbidden_address", "The address names a user; pages behind a password are not read.")
    found = _AUTHORITY.fullmatch(authority)
    if not found or not found[1]:
        raise refusal("forbidden_address", "The address names no host.")
    if found[2] and int(found[2]) != port:
        raise refusal("forbidden_address", f"The address names port {int(found[2])}; only {port} is read.")
    return _version_six(found[1][1:-1]) if found[1].startswith("[") else _name(found[1])


def _version_six(text: str) -> str:
    try:
        if "%" in text:
            raise AddressValueError
        return IPv6Address(text).compressed
    except AddressValueError:
        raise refusal("forbidden_address", "The address names its host by what is no IPv6 address.") from None


def _name(text: str) -> str:
    name = text.lower() if text.isascii() else _in_ascii(text)
    name = name.removesuffix(".")
    if len(name) > _HOST_AT_MOST or not _NAME.fullmatch(name):
        raise refusal("forbidden_address", "The address names its host by what is no name.")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _version_four(name)
    return name


def _in_ascii(text: str) -> str:
    try:
        return idna.encode(text, uts46=True, std3_rules=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise refusal("forbidden_address", "The address names its host by what is no name.") from None


def _version_four(name: str) -> str:
    # Four decimal numbers and nothing else: 127.1, 0x7f.0.0.1, 0177.0.0.1 and 2130706433 are the same host to some
    # programs and different ones to others.
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        raise refusal(
            "forbidden_address", "The address names its host by a number in an unusual form."
        ) from None


def _spelled(text: str, keeps: str) -> str:
    """Percent-encode what must be, and nothing that need not be."""
    return _ESCAPE.sub(_escape, quote(text, safe=f"{keeps}%"))


def _escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    letter = chr(int(found[1], 16))
    return letter if _UNRESERVED.fullmatch(letter) else f"%{found[1].upper()}"


def _without_dots(path: str) -> str:
    """Take `.` and `..` out, and keep empty segments, which sites may tell apart (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    *inner, last = path.split("/")[1:]
    for segment in inner:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if last == "..":
        kept[-1:] = []
    kept.append("" if last in {".", ".."} else last)
    return "/" + "/".join(kept)
