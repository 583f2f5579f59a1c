"""The installer is found on any package index that keeps to the simple API."""

from __future__ import annotations

from plumbline.embedded.fetching import credentials, find_links


def test_files_are_found_on_a_json_page():
    """PEP 691; addresses may be relative."""
    page = b'{"files": [{"filename": "uv-1.whl", "url": "../../packages/uv-1.whl"}]}'

    assert {"uv-1.whl": "https://m.example/packages/uv-1.whl"} == find_links(
        page, "application/vnd.pypi.simple.v1+json", "https://m.example/simple/uv/"
    )


def test_files_are_found_on_an_html_page():
    """PEP 503; the hash behind the address is not part of it, and names may be quoted."""
    page = (
        b'<a href="https://f.example/a/uv-1%2Bx.whl#sha256=00">uv</a> <a href="uv-2.whl">uv</a> <a>none</a>'
    )

    assert {
        "uv-1+x.whl": "https://f.example/a/uv-1%2Bx.whl",
        "uv-2.whl": "https://m.example/simple/uv/uv-2.whl",
    } == find_links(page, "text/html", "https://m.example/simple/uv/")


def test_a_user_in_the_address_becomes_a_header(monkeypatch):
    """The address that is opened, and may be shown, holds no password."""
    monkeypatch.setenv("NETRC", "/nonexistent")

    assert ("https://m.example:8443/simple", "Basic bWU6YTpi") == credentials(
        "https://me:a%3Ab@m.example:8443/simple"
    )
    assert ("https://m.example/simple", None) == credentials("https://m.example/simple")


def test_a_user_may_be_kept_in_netrc(monkeypatch, tmp_path):
    """As for pip and uv."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine m.example login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    assert ("https://m.example/simple", "Basic bWU6c2VjcmV0") == credentials("https://m.example/simple")
