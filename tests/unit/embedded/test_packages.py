"""Packages come from where this machine is set up to get them."""

from __future__ import annotations

from pathlib import Path

from plumbline.embedded.packages import (
    PUBLIC_INDEX,
    Source,
    choose_source,
    configured_source,
    pip_files,
    read_pip,
    read_uv,
    unnamed,
)


def test_a_machine_without_settings_uses_the_public_index():
    """Nothing has to be set up on an ordinary machine."""
    assert Source() == choose_source({}, {}, {})


def test_the_environment_comes_before_files_and_uv_before_pip():
    """Who sets a variable for one command means it."""
    pip = {"index-url": "https://pip-file.example/simple"}
    uv = {"index-url": "https://uv-file.example/simple"}
    environment = {"PIP_INDEX_URL": "https://pip-env.example/simple"}

    assert "https://pip-file.example/simple" == choose_source({}, pip, {}).index
    assert "https://pip-env.example/simple" == choose_source(environment, pip, {}).index
    assert "https://uv-file.example/simple" == choose_source(environment, pip, uv).index
    assert (
        "https://uv-env.example/simple"
        == choose_source({**environment, "UV_INDEX_URL": "https://uv-env.example/simple"}, pip, uv).index
    )


def test_the_install_section_of_a_pip_file_comes_before_the_global_one(tmp_path: Path):
    """As pip itself reads it; both spellings of a name are one."""
    system, own = tmp_path / "system.conf", tmp_path / "own.conf"
    system.write_text("[global]\nindex-url = https://a.example/simple\ncert = /etc/a.pem\n")
    own.write_text(
        "[global]\nindex_url = https://b.example/simple\n[install]\nindex-url = https://c.example/simple\n"
    )

    assert {"index-url": "https://c.example/simple", "cert": "/etc/a.pem"} == read_pip([system, own])


def test_a_pip_file_that_cannot_be_read_is_passed_over(tmp_path: Path):
    """Somebody else's broken file must not stop us."""
    broken = tmp_path / "pip.conf"
    broken.write_text("no section = here\n")

    assert {} == read_pip([broken, tmp_path / "absent.conf"])


def test_pip_files_are_read_weakest_first_and_can_be_switched_off():
    """PIP_CONFIG_FILE names one more, or /dev/null for none at all."""
    files = pip_files({"HOME": "/home/me", "PIP_CONFIG_FILE": "/opt/site.conf"})

    assert [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        Path("/home/me/.pip/pip.conf"),
        Path("/home/me/.config/pip/pip.conf"),
        Path("/opt/site.conf"),
    ] == files
    assert [] == pip_files({"HOME": "/home/me", "PIP_CONFIG_FILE": "/dev/null"})


def test_indexes_of_uv_files_are_understood_in_both_notations(tmp_path: Path):
    """`[[index]]` and the older names."""
    newer, older = tmp_path / "newer.toml", tmp_path / "older.toml"
    newer.write_text(
        '[[index]]\nurl = "https://main.example/simple"\ndefault = true\n'
        '[[index]]\nurl = "https://more.example/simple"\n'
        '[[index]]\nurl = "https://named.example/simple"\nexplicit = true\n'
    )
    older.write_text(
        '[pip]\nindex-url = "https://old.example/simple"\nextra-index-url = ["https://x.example/simple"]\n'
    )

    assert {
        "index-url": "https://main.example/simple",
        "extra-index-url": "https://more.example/simple",
    } == read_uv([newer])
    assert {
        "index-url": "https://old.example/simple",
        "extra-index-url": "https://x.example/simple",
    } == read_uv([older])


def test_folders_that_are_absent_are_passed_over_as_pip_does(tmp_path: Path):
    """The installer would stop at them."""
    there = tmp_path / "wheels"
    there.mkdir()
    source = configured_source(
        {
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_FIND_LINKS": f"{there} {tmp_path / 'absent'}",
            "PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/absent https://more.example/simple",
        }
    )

    assert (str(there),) == source.folders
    assert ("https://more.example/simple",) == source.extras


def test_no_index_means_folders_only():
    """A machine without any index installs from its folders."""
    source = choose_source(
        {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}, {"index-url": "https://a.example"}, {}
    )

    assert (None, ("/wheels",)) == (source.index, source.folders)
    assert {"UV_FIND_LINKS": "/wheels", "UV_NO_INDEX": "1"}.items() <= source.environment().items()


def test_certificates_and_waiting_time_are_taken_over_from_pip():
    """A company's certificate is usually told to pip alone."""
    source = choose_source(
        {"PIP_TIMEOUT": "180"}, {"cert": "/etc/company.pem", "trusted-host": "mirror.example"}, {}
    )

    told = source.environment()

    assert ("/etc/company.pem", "180", "mirror.example") == (
        told["SSL_CERT_FILE"],
        told["UV_HTTP_TIMEOUT"],
        told["UV_INSECURE_HOST"],
    )


def test_a_proxy_of_pip_is_used_unless_the_environment_names_one():
    """The environment's is used by itself."""
    pip = {"proxy": "http://proxy.example:3128"}

    assert "http://proxy.example:3128" == choose_source({}, pip, {}).proxy
    assert None is choose_source({"https_proxy": "http://other.example:1"}, pip, {}).proxy


def test_a_password_in_the_index_never_shows_in_the_name():
    """The name is printed."""
    assert "mirror.example" == Source(index="https://me:secret@mirror.example/simple").name


def test_a_lock_for_everybody_is_made_from_the_index_alone():
    """This machine's further places may not leave their files in it."""
    source = Source(index=PUBLIC_INDEX, extras=("file:///here",), folders=("/wheels",)).alone()

    assert ((), ()) == (source.extras, source.folders)


def test_the_name_of_an_index_is_no_part_of_its_address():
    """Both may stand in one variable of uv's; a path or a query with `=` in it is left alone."""
    environment = {
        "UV_DEFAULT_INDEX": "corp=https://main.example/simple",
        "UV_INDEX": "more=https://more.example/simple https://q.example/simple?a=b /srv/a=b",
    }

    found = configured_source({**environment, "HOME": "/nonexistent"})

    assert "https://main.example/simple" == found.index
    assert ("https://more.example/simple", "https://q.example/simple?a=b") == found.extras
    assert "/srv/a=b" == unnamed("/srv/a=b", {})


def test_what_is_known_by_the_name_of_an_index_goes_into_its_address():
    """Its user and password: without the name, uv would not find them."""
    environment = {"UV_INDEX_MY_CORP_USERNAME": "ada", "UV_INDEX_MY_CORP_PASSWORD": "a/b@c"}

    assert "https://ada:a%2Fb%40c@main.example/simple" == unnamed(
        "my-corp=https://main.example/simple", environment
    )
    assert "https://bob:x@main.example/simple" == unnamed(
        "my-corp=https://bob:x@main.example/simple", environment
    )
