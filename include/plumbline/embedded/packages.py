"""
Where packages come from: the index that this machine is set up for, as pip and uv would both understand it.

A company's machines reach a mirror of their own and nothing else, and say so in pip's or uv's settings.  What uv's
settings say comes first, then pip's environment, then pip's files, then the public index.  Every file is checked
against the lock's hashes, whichever index it came from.  Standard library only.
"""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

PUBLIC_INDEX = "https://pypi.org/simple"
_SECONDS = 60
_SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Source:
    """Indexes and folders of packages, and how to reach them."""

    index: str | None = PUBLIC_INDEX
    extras: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    certificates: str | None = None
    trusted: tuple[str, ...] = ()
    proxy: str | None = None
    seconds: int = _SECONDS

    @property
    def name(self) -> str:
        """How to call it in a sentence: its host, never the user or password before it."""
        return urlsplit(self.index).hostname or self.index if self.index else "local folders"

    def alone(self) -> Source:
        """Return the index without this machine's further places: what a lock for everybody is made from."""
        return replace(self, extras=(), folders=())

    def environment(self) -> dict[str, str]:
        """Return the variables that tell uv all this, whatever files it reads besides."""
        told = {
            "UV_DEFAULT_INDEX": self.index,
            "UV_INDEX": " ".join(self.extras),
            "UV_FIND_LINKS": ",".join(self.folders),
            "UV_INSECURE_HOST": " ".join(self.trusted),
            "UV_NO_INDEX": None if self.index else "1",
            "SSL_CERT_FILE": self.certificates,
            "HTTPS_PROXY": self.proxy,
            "HTTP_PROXY": self.proxy,
            "UV_HTTP_TIMEOUT": str(self.seconds),
        }
        return {name: value for name, value in told.items() if value}


def configured_source(environment: Mapping[str, str] | None = None) -> Source:
    """Return the source that this machine is set up for."""
    environment = os.environ if environment is None else environment
    source = choose_source(environment, read_pip(pip_files(environment)), read_uv(uv_files(environment)))
    return replace(
        source,
        extras=tuple(filter(_there, source.extras)),
        folders=tuple(filter(_there, source.folders)),
        certificates=_certificates(source.certificates),
    )


def choose_source(environment: Mapping[str, str], pip: Mapping[str, str], uv: Mapping[str, str]) -> Source:
    """
    Decide where packages come from.  Pure.

    `pip` holds pip's options by their long names (`index-url`, …), `uv` those of uv.toml by the same names.
    """

    def first(*values: str | None) -> str:
        return next((value for value in values if value), "")

    def option(name: str) -> str:
        variable = name.upper().replace("-", "_")
        return first(environment.get(f"PIP_{variable}"), pip.get(name))

    def said(uv_names: Iterable[str], name: str) -> str:
        return first(*(environment.get(key) for key in uv_names), uv.get(name), option(name))

    index = said(["UV_DEFAULT_INDEX", "UV_INDEX_URL"], "index-url")
    extras = said(["UV_INDEX", "UV_EXTRA_INDEX_URL"], "extra-index-url")
    no_index = said(["UV_NO_INDEX"], "no-index").lower() in {"1", "true", "yes", "on"}
    seconds = first(environment.get("UV_HTTP_TIMEOUT"), option("timeout"), option("default-timeout"))
    proxy_set = any(
        environment.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    )
    return Source(
        index=None if no_index else unnamed(index, environment) or PUBLIC_INDEX,
        extras=() if no_index else tuple(unnamed(place, environment) for place in _many(extras)),
        folders=_many(said(["UV_FIND_LINKS"], "find-links").replace(",", " ")),
        certificates=first(
            environment.get("SSL_CERT_FILE"), option("cert"), environment.get("REQUESTS_CA_BUNDLE")
        )
        or None,
        trusted=_many(said(["UV_INSECURE_HOST"], "trusted-host")),
        proxy=None if proxy_set else option("proxy") or None,
        seconds=max(int(seconds), 1) if seconds.isdecimal() else _SECONDS,
    )


def unnamed(place: str, environment: Mapping[str, str]) -> str:
    """
    Return the address of an index that uv knows as `name=address`.  Pure.

    With the name would go what uv finds by it: the user and password of UV_INDEX_<NAME>_*, so they go into the address.
    """
    found = re.fullmatch(r"([\w.-]+)=(.+)", place, re.ASCII)
    if found is None:
        return place
    variable = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', found[1].upper())}"
    user, password = (environment.get(f"{variable}_{what}", "") for what in ("USERNAME", "PASSWORD"))
    parts = urlsplit(found[2])
    if not (user or password) or "@" in parts.netloc:
        return found[2]
    word = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{word}@{parts.netloc}"))


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that pip would read, weakest first."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    system = [
        Path(folder) / "pip"
        for folder in _many(environment.get("XDG_CONFIG_DIRS", "/etc/xdg").replace(":", " "))
    ]
    home = Path(environment.get("HOME") or Path.home())
    own = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    folders = [*system, Path("/etc"), home / ".pip", own]
    return [folder / "pip.conf" for folder in folders] + ([Path(named)] if named else [])


def uv_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that uv would read, weakest first."""
    home = Path(environment.get("HOME") or Path.home())
    own = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return [Path("/etc/uv/uv.toml"), own / "uv" / "uv.toml"]


def read_pip(files: Iterable[Path]) -> dict[str, str]:
    """Return pip's options from these files; those of `[install]` come before those of `[global]`."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue  # pip itself will complain about it; it is not ours to mend
        for section, options in found.items():
            if parser.has_section(section):
                options.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    return {**found["global"], **found["install"]}


def read_uv(files: Iterable[Path]) -> dict[str, str]:
    """Return uv's indexes from these files, under pip's names."""
    found: dict[str, str] = {}
    for path in files:
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        told = {**told.get("pip", {}), **told}
        indexes = [entry for entry in told.get("index", []) if isinstance(entry, dict)]
        default = [entry["url"] for entry in indexes if entry.get("default")] or [told.get("index-url")]
        extras = [entry["url"] for entry in indexes if not entry.get("default") and not entry.get("explicit")]
        extras += told.get("extra-index-url", [])
        found.update({"index-url": default[0]} if default[0] else {})
        found.update({"extra-index-url": " ".join(extras)} if extras else {})
    return found


def _many(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _there(place: str) -> bool:
    """Whether a local place exists; pip passes over those that do not, and uv would stop."""
    parts = urlsplit(place)
    if parts.scheme not in {"", "file"}:
        return True
    return Path(unquote(parts.path)).expanduser().exists()


def _certificates(chosen: str | None) -> str | None:
    if chosen and Path(chosen).exists():
        return chosen
    return _SYSTEM_BUNDLE if Path(_SYSTEM_BUNDLE).exists() else None
