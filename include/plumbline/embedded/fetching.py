"""
Fetch the installer, uv, without pip: one wheel from the configured package index, checked against its hash.

The hash is written here, so it does not matter which mirror the file comes from.  Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import html.parser
import io
import json
import netrc
import os
import ssl
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from plumbline.embedded.errors import NotInstalled
from plumbline.embedded.packages import Source
from plumbline.embedded.terminal import Progress

UV = "0.13.9"
WHEEL = f"uv-{UV}-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"
WHEEL_MEGABYTES = 18
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_TRIES = 3
_SERVER_FAULT = 500
_BLOCK = 2**18
_ERRORS = (urllib.error.URLError, HTTPException, OSError, ssl.SSLError)


def fetch_uv(folder: Path, source: Source) -> Path:
    """
    Return the pinned uv in `folder`, fetching it when it is not there.

    Raises:
        NotInstalled: No configured place offers it, none answers, or what came is not the pinned file.
    """
    program = folder / f"uv-{UV}"
    if program.exists():
        return program
    with Progress(f"fetch the installer (uv {UV})") as progress:
        wheel = _wheel(source, progress)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{program.name}.new"
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            draft.write_bytes(archive.read(f"uv-{UV}.data/scripts/uv"))
        draft.chmod(0o755)
        draft.rename(program)
    return program


def _wheel(source: Source, progress: Progress) -> bytes:
    trouble = f"{source.name} does not offer {WHEEL}"
    for place in _places(source):
        for attempt in range(_TRIES):
            try:
                content = _from(place, source, progress)
            except _ERRORS as error:
                trouble = f"{urlsplit(place).hostname or place} does not answer ({_reason(error)})"
                if isinstance(error, urllib.error.HTTPError) and error.code < _SERVER_FAULT:
                    break
                progress.show(f"try {attempt + 2} of {_TRIES}")
                continue
            if content is None:
                break
            if hashlib.sha256(content).hexdigest() == WHEEL_SHA256:
                return content
            trouble = f"the {WHEEL} that came from {urlsplit(place).hostname or place} is not the one we know"
    raise NotInstalled(
        f"The installer could not be fetched: {trouble}. Check the network, or name your package index in "
        "PIP_INDEX_URL or pip.conf; then run this again."
    )


def _places(source: Source) -> Iterator[str]:
    yield from source.folders
    yield from source.extras
    if source.index:
        yield source.index


def _from(place: str, source: Source, progress: Progress) -> bytes | None:
    """Return the wheel from one index or folder, None where it is not offered."""
    parts = urlsplit(place)
    if parts.scheme in {"", "file"}:
        return _from_folder(Path(unquote(parts.path)).expanduser())
    page = f"{place.rstrip('/')}/uv/"
    with _open(page, place, source, {"Accept": _ACCEPT}) as answer:
        links = find_links(answer.read(), answer.headers.get_content_type(), answer.url)
    if WHEEL not in links:
        return None
    with _open(links[WHEEL], place, source, {}) as answer:
        return _read(answer, int(answer.headers.get("Content-Length") or 0), progress)


def _from_folder(folder: Path) -> bytes | None:
    for candidate in (folder / WHEEL, folder / "uv" / WHEEL):
        if candidate.exists():
            return candidate.read_bytes()
    page = folder / "uv" / "index.html"
    if not page.exists():
        return None
    link = find_links(page.read_bytes(), "text/html", page.as_uri()).get(WHEEL, "")
    target = Path(unquote(urlsplit(link).path))
    return target.read_bytes() if link.startswith("file:") and target.exists() else None


def find_links(page: bytes, kind: str, address: str) -> dict[str, str]:
    """Return file name to absolute address from a page of the simple API, JSON (PEP 691) or HTML (PEP 503).  Pure."""
    if kind.endswith("json"):
        entries = [(file["filename"], file["url"]) for file in json.loads(page)["files"]]
    else:
        parser = _Anchors()
        parser.feed(page.decode(errors="replace"))
        entries = [(unquote(urlsplit(link).path.rsplit("/", 1)[-1]), link) for link in parser.links]
    return {name: urljoin(address, link).partition("#")[0] for name, link in entries}


class _Anchors(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.links.append(link)


def _open(address: str, place: str, source: Source, headers: dict[str, str]) -> urllib.response.addinfourl:
    """Open an address that the index `place` led to; the index's own user is shown to its own host only."""
    address, authorization = credentials(address)
    if not authorization and urlsplit(place).netloc.rpartition("@")[2] == urlsplit(address).netloc:
        authorization = credentials(place)[1]
    if authorization:
        headers = {**headers, "Authorization": authorization}
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPSHandler(context=_trust(address, source))
    ]
    if source.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": source.proxy, "https": source.proxy}))
    request = urllib.request.Request(address, headers={"User-Agent": "plumbline-bootstrap", **headers})  # noqa: S310
    opened: urllib.response.addinfourl = urllib.request.build_opener(*handlers).open(
        request, timeout=source.seconds
    )
    return opened


def credentials(address: str) -> tuple[str, str | None]:
    """Take user and password out of an address, or out of ~/.netrc; return the bare address and the header."""
    parts = urlsplit(address)
    user, password = parts.username, parts.password
    if user is None:
        try:
            found = netrc.netrc(os.environ.get("NETRC")).authenticators(parts.hostname or "")
        except (OSError, netrc.NetrcParseError):
            found = None
        if found:
            user, password = found[0], found[2]
    if user is None:
        return address, None
    word = f"{unquote(user)}:{unquote(password or '')}".encode()
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, f"Basic {base64.b64encode(word).decode()}"


def _trust(address: str, source: Source) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=source.certificates)
    parts = urlsplit(address)
    if parts.hostname in source.trusted or parts.netloc.rpartition("@")[2] in source.trusted:
        context.check_hostname = False
        context.verify_mode = (
            ssl.CERT_NONE
        )  # this machine's settings say so; the hash is checked all the same
    return context


def _read(answer: urllib.response.addinfourl, total: int, progress: Progress) -> bytes:
    content = bytearray()
    while block := answer.read(_BLOCK):
        content += block
        of = f" of {total / 1e6:.0f}" if total else ""
        progress.show(f"{len(content) / 1e6:.0f}{of} MB")
    return bytes(content)


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__
