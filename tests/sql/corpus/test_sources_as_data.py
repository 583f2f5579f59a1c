"""Sources that are no folder: what is new, changed or gone is ingested, and what does not answer loses nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import mailbox
import os
import socket
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from plumbline.core.errors import Fatal
from plumbline.core.stores import Listed, ObjectGone, StoreAway, StoreUnusable
from plumbline.corpus.configuring import (
    Configuration,
    SourceRefused,
    add_source,
    change_source,
    due_sources,
)
from plumbline.corpus.ingesting import forget, load
from plumbline.corpus.origins import pages, refresh_source, require_refreshed
from plumbline.corpus.origins.refreshing import Forgotten, SourceAway, SourceBusy
from plumbline.corpus.planning import plan_ingestion
from plumbline.corpus.scanning import SourceEmptied
from plumbline.corpus.search import search
from plumbline.corpus.sources import FolderClosed, NotAFolder, UnknownSource, source_of
from plumbline.corpus.summary import summarise
from plumbline.web import Web

NOW = datetime.now(UTC)
PUBLIC = "93.184.216.34"


class Shelf:
    """An object store that is a dictionary, and counts what is asked of it."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = {key.replace("__", "/"): (content, "v1", NOW) for key, content in objects.items()}
        self.reads: list[str] = []
        self.away = False

    def put(self, key, content, version="v2", modified=NOW):
        """Put an object there, or another version of one."""
        self.objects[key] = (content, version, modified)

    def list(self):
        """List all objects."""
        if self.away:
            raise StoreAway("The store does not answer.")
        for key, (content, version, modified) in sorted(self.objects.items()):
            yield Listed(key, len(content), version, modified)

    def read(self, key, at_most):
        """Give an object, and remember that it was asked for."""
        self.reads.append(key)
        if key not in self.objects:
            raise ObjectGone(key)
        return self.objects[key][0][:at_most]


@pytest.fixture
def shelf():
    """A store with two documents."""
    made = Shelf()
    made.put("hr/leave.md", b"# Leave\n\nEvery colleague has thirty days of leave a year.\n", "v1")
    made.put("hr/travel.txt", b"Trains are booked by the office, never by the traveller.\n", "v1")
    return made


@pytest.fixture
def stored(tools, shelf):
    """Tools that open this store."""
    return dataclasses.replace(tools, open_store=lambda _: shelf)


@pytest.fixture
def read(tools, run):
    """Ingest a configured source, each time as a run of its own."""

    def once(source, *, tools=tools, **inputs):
        this = dataclasses.replace(run, dag_run_id=f"test__{uuid.uuid4()}")
        load(tools, this, source=source, **inputs)
        return summarise(tools, this, dag_run_id=this.dag_run_id)

    return once


def configured(tools, run, name="kb", kind="store", location="s3://keys@bucket/kb", **more):
    """Configure a source."""
    return add_source(
        tools, run, Configuration(name=name, kind=kind, location=location, owner="people", **more)
    )


def counts(summary):
    """What became of the documents."""
    return {name: summary[name] for name in ("found", "stored", "unchanged", "refused", "removed")}


def test_the_objects_of_a_store_become_searchable_and_are_read_once(stored, run, read, shelf):
    """What has not changed is neither read nor paid for again."""
    configured(stored, run)

    first = read("kb", tools=stored)
    assert {"found": 2, "stored": 2, "unchanged": 0, "refused": 0, "removed": 0} == counts(first)
    hit = search(stored, run, "How many days of leave?").hits[0]
    assert ("hr/leave.md", "kb") == (hit.path, hit.source)

    shelf.reads.clear()
    again = read("kb", tools=stored)
    assert {"found": 2, "stored": 0, "unchanged": 2, "refused": 0, "removed": 0} == counts(again)
    assert [] == shelf.reads
    assert 0 == again["embedded"]


def test_a_change_in_a_store_is_followed_and_what_is_gone_goes(stored, run, read, shelf):
    """Another version is read; an object that is not listed any more is removed."""
    configured(stored, run)
    read("kb", tools=stored)
    shelf.put("hr/leave.md", b"# Leave\n\nEvery colleague has thirty-two days of leave a year.\n")
    del shelf.objects["hr/travel.txt"]

    summary = read("kb", tools=stored)

    assert {"found": 2, "stored": 1, "unchanged": 0, "refused": 0, "removed": 1} == counts(summary)
    assert ["thirty-two" in hit.text for hit in search(stored, run, "days of leave").hits] == [True]


def test_what_a_store_holds_that_is_no_document_is_refused_with_a_reason(stored, run, read, shelf):
    """Nothing is skipped in silence, and nothing leaves its source by its name."""
    shelf.put("hr/photo.raw", b"\x00")
    shelf.put("hr/nothing.md", b"")
    shelf.put("hr/../../etc/passwd.txt", b"root")
    shelf.put("hr//twice.md", b"slashes")
    shelf.put("hr/line\nbreak.md", b"odd")
    configured(stored, run)

    summary = read("kb", tools=stored)

    assert {"found": 7, "stored": 2, "unchanged": 0, "refused": 5, "removed": 0} == counts(summary)
    assert {
        ("hr/photo.raw", "unsupported"),
        ("hr/nothing.md", "empty"),
        ("hr/../../etc/passwd.txt", "unusable_name"),
        ("hr//twice.md", "unusable_name"),
        ("hr/line\\nbreak.md", "unusable_name"),
    } == {(refusal["path"], refusal["code"]) for refusal in summary["refusals"]}


def test_a_store_that_does_not_answer_loses_nothing_and_fails_the_run_at_its_end(stored, run, read, shelf):
    """Its problem is told; the next look that it answers mends it."""
    configured(stored, run)
    read("kb", tools=stored)
    shelf.away = True

    summary = read("kb", tools=stored)

    assert {"found": 2, "stored": 0, "unchanged": 2, "refused": 0, "removed": 0} == counts(summary)
    assert "The store does not answer." == summary["problem"]
    with pytest.raises(SourceAway, match="did not answer, and stays as it was: The store does not answer"):
        require_refreshed(stored, run, problem=summary["problem"])
    shelf.away = False
    assert read("kb", tools=stored)["problem"] is None
    assert {} == require_refreshed(stored, run, problem=None)


def test_a_store_that_never_answered_is_an_error(stored, run, read, shelf):
    """An empty knowledge base must not look like one that was read."""
    configured(stored, run)
    shelf.away = True
    with pytest.raises(StoreAway):
        read("kb", tools=stored)


def test_a_store_that_is_suddenly_empty_removes_nothing_unless_that_is_meant(stored, run, read, shelf):
    """A wrong prefix looks just so."""
    configured(stored, run)
    read("kb", tools=stored)
    shelf.objects.clear()

    with pytest.raises(SourceEmptied, match="plumbline ingest --source kb --allow-empty"):
        read("kb", tools=stored)
    assert {"found": 2, "stored": 0, "unchanged": 0, "refused": 0, "removed": 2} == counts(
        read("kb", tools=stored, allow_empty=True)
    )


def test_an_object_that_changes_between_look_and_reading_waits_for_the_next_run(stored, run, read, shelf):
    """What is stored is what was looked at, or nothing."""
    configured(stored, run)
    refresh_source(stored, run, source="kb")
    shelf.objects["hr/leave.md"] = (b"Changed since.\n", "v1", NOW)
    summary = read("kb", tools=stored)

    codes = {refusal["path"]: refusal["code"] for refusal in summary["refusals"]}
    assert {"hr/leave.md": "changing"} == codes
    assert 1 == summary["stored"]


def test_what_has_outlived_its_time_is_removed_and_listed(stored, run, read, shelf, rows):
    """The time-to-live counts from the last change at the source, whether the source answers or not."""
    configured(stored, run, keep_days=30)
    shelf.put("hr/leave.md", shelf.objects["hr/leave.md"][0], "v1", NOW - timedelta(days=29))
    read("kb", tools=stored)
    with stored.db.transaction("main") as session:
        session.execute(
            "update corpus.source_item set modified_at = modified_at - interval '2 days' where path = 'hr/leave.md'"
        )
    shelf.away = True

    gone = read("kb", tools=stored)
    assert {"found": 2, "stored": 0, "unchanged": 1, "refused": 0, "removed": 1} == counts(gone)
    assert [] == rows(
        "select text from corpus.document_version where path = 'hr/leave.md' and text is not null"
    )

    shelf.away = False
    after = read("kb", tools=stored)
    assert {"found": 2, "stored": 0, "unchanged": 1, "refused": 1, "removed": 0} == counts(after)
    assert "its source keeps what was changed in the last 30 days" in after["refusals"][0]["reason"]
    assert 0 == after["embedded"]


def test_a_folder_has_a_time_to_live_too(tools, run, read, inbox):
    """By the time at which its files were changed."""
    configured(tools, run, "harbour", "folder", str(inbox), keep_days=7)
    assert 3 == read("harbour")["stored"]
    old = time.time() - 8 * 86_400
    os.utime(inbox / "prices.txt", (old, old))

    assert {"found": 3, "stored": 0, "unchanged": 2, "refused": 0, "removed": 1} == counts(read("harbour"))
    change_source(tools, run, "harbour", {"keep_days": None})
    assert {"found": 3, "stored": 1, "unchanged": 2, "refused": 0, "removed": 0} == counts(read("harbour"))


def letter(number, subject, text, days=0, **headers):
    """A mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.com", "bo@example.com", subject
    message["Date"] = NOW - timedelta(days=days)
    message["Message-ID"] = headers.get("named", f"<{number}@example.com>")
    message.set_content(text)
    return message


@pytest.fixture
def export(tmp_path):
    """Write a mailbox export."""
    place = tmp_path / "export.mbox"

    def write(*messages):
        place.unlink(missing_ok=True)
        with contextlib.closing(mailbox.mbox(place)) as box:
            for message in messages:
                box.add(message)
        place.touch()
        return place

    return write


def test_the_mails_of_an_export_become_documents_of_their_own(tools, run, read, export):
    """Each by its date and its own name; a mail keeps its document when the export grows in front of it."""
    first = letter(1, "Berths", "Berth seven is free from Monday on.")
    second = letter(2, "Crane", "The crane is repaired on Thursday.", days=400)
    configured(tools, run, "mails", "mailbox", str(export(first, second)))

    assert {"found": 2, "stored": 2, "unchanged": 0, "refused": 0, "removed": 0} == counts(read("mails"))
    assert "Berth seven" in search(tools, run, "which berth is free?").hits[0].text

    export(letter(0, "Ropes", "New ropes are in store three."), first, second)
    assert {"found": 3, "stored": 1, "unchanged": 2, "refused": 0, "removed": 0} == counts(read("mails"))
    export(second)
    assert {"found": 3, "stored": 0, "unchanged": 1, "refused": 0, "removed": 2} == counts(read("mails"))


def test_two_mails_with_one_name_are_two_documents(tools, run, read, export, rows):
    """Some programs give every draft the same name; no mail hides another."""
    place = export(
        letter(1, "A", "First text.", named="<x@y>"), letter(1, "A", "Second text.", named="<x@y>")
    )
    configured(tools, run, "mails", "mailbox", str(place))

    assert 2 == read("mails")["stored"]
    assert 2 == rows("select count(distinct path) as paths from corpus.document")[0]["paths"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"To: a@b\n\nhello", "is no mbox file"),
        ("folder", "name the mbox file itself"),
    ],
)
def test_what_is_no_mailbox_is_refused_when_it_is_added(tools, run, tmp_path, content, says):
    """The one who adds it is still there to mend it."""
    place = tmp_path / "mails"
    if content == "folder":
        place.mkdir()
    elif content is not None:
        place.write_bytes(content)
    with pytest.raises(Fatal, match=says):
        configured(tools, run, "mails", "mailbox", str(place))


@pytest.fixture
def site(monkeypatch):
    """A site on 127.0.0.1, reached as if it were public: `pages` are what it serves, `asked` what was asked of it."""
    served = SimpleNamespace(pages={}, asked=[], status={})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            served.asked.append((self.path, self.headers.get("If-None-Match")))
            content = served.pages.get(self.path)
            tag = f'"{hash(content)}"'
            status = served.status.get(self.path, 200 if content is not None else 404)
            if status == 200 and self.headers.get("If-None-Match") == tag:
                status = 304
            self.send_response(status)
            body = (content or "").encode() if status == 200 else b""
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/xml" if self.path.endswith("xml") else "text/html")
            self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dial = lambda *_: socket.create_connection(server.server_address)  # noqa: E731
    leads = lambda name, _: [PUBLIC] if name == "docs.example.com" else ["169.254.169.254"]  # noqa: E731
    web = functools.partial(Web, resolve=leads, dial=dial, sleep=lambda _: None)
    monkeypatch.setattr(pages, "Web", web)
    yield served
    server.shutdown()
    server.server_close()


def page(text):
    """An HTML page."""
    return f"<html><head><title>{text[:20]}</title></head><body><main><p>{text}</p></main></body></html>"


def sitemap(*paths):
    """A sitemap."""
    listed = "".join(f"<url><loc>http://docs.example.com{path}</loc></url>" for path in paths)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'


@pytest.fixture
def docs(site):
    """A site with a sitemap and three pages."""
    site.pages |= {
        "/sitemap.xml": sitemap("/guide/install", "/guide/run", "/blog/news"),
        "/guide/install": page("Install the pump with two screws and the long key."),
        "/guide/run": page("Run the pump for ten minutes before the first use."),
        "/blog/news": page("We have a new logo."),
    }
    return site


def test_the_pages_of_a_sitemap_are_ingested_and_asked_for_only_when_they_changed(
    tools, run, read, docs, rows
):
    """Patterns say which; an unchanged page is a question with an answer of no bytes."""
    where = "http://docs.example.com/sitemap.xml"
    configured(tools, run, "site", "sitemap", where, options={"take": ["/guide/*"]})

    assert {"found": 2, "stored": 2, "unchanged": 0, "refused": 0, "removed": 0} == counts(read("site"))
    hit = search(tools, run, "How long must the pump run before use?").hits[0]
    assert "docs.example.com (http)/guide/run" == hit.path

    with tools.db.transaction("main") as session:
        session.execute("update corpus.source_item set confirmed_at = now() - interval '2 hours'")
    docs.asked.clear()
    docs.pages["/guide/run"] = page("Run the pump for twenty minutes before the first use.")
    assert {"found": 2, "stored": 1, "unchanged": 1, "refused": 0, "removed": 0} == counts(read("site"))
    assert all(tag for path, tag in docs.asked if path.startswith("/guide"))


def test_a_look_that_was_cut_off_asks_for_nothing_twice(tools, run, read, docs):
    """What was confirmed since it began counts; a look that came to its end is over."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    refresh_source(tools, run, source="site")
    with tools.db.transaction("main") as session:  # as a kill at its end would have left it
        session.execute("update corpus.source set look_began_at = now() - interval '1 minute'")
    docs.asked.clear()

    assert 3 == read("site")["stored"]
    assert {"/sitemap.xml", "/robots.txt"} == {path for path, _ in docs.asked}


def test_a_page_that_is_gone_is_removed_and_one_that_is_ill_is_kept(tools, run, read, docs):
    """404 is an answer; 500 is none."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml", every_minutes=1)
    read("site")
    with tools.db.transaction("main") as session:
        session.execute("update corpus.source_item set confirmed_at = now() - interval '2 hours'")
    docs.status |= {"/guide/install": 404, "/guide/run": 500}

    summary = read("site")

    assert {"found": 3, "stored": 0, "unchanged": 1, "refused": 1, "removed": 1} == counts(summary)
    assert ("unreachable", True) == tuple(
        summary["refusals"][0][name] for name in ("code", "still_published")
    )


def test_a_sitemap_that_cannot_be_had_takes_nothing_for_gone(tools, run, read, docs):
    """Nobody knows which pages there are, so all stay."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    read("site")
    for broken in ({"/sitemap.xml": 500}, {}):
        docs.status = broken
        docs.pages["/sitemap.xml"] = docs.pages["/sitemap.xml"] if broken else "<urlset><url>"
        summary = read("site")
        assert {"found": 3, "stored": 0, "unchanged": 3, "refused": 0, "removed": 0} == counts(summary)
        assert "cannot be read to its end" in summary["problem"]


def test_a_list_of_addresses_refuses_what_leads_inside(tools, run, read, site):
    """Metadata, loopback and files are refused with a reason, and no connection is made for them."""
    site.pages["/open"] = page("A page that everybody may read, about tides.")
    urls = [
        "http://docs.example.com/open",
        "http://inside.example.com/latest/meta-data/",
        "https://inside.example.com/",
    ]
    configured(tools, run, "list", "urls", "3 pages", options={"urls": urls})

    summary = read("list")

    assert {"found": 3, "stored": 1, "unchanged": 0, "refused": 2, "removed": 0} == counts(summary)
    assert {"forbidden_address"} == {refusal["code"] for refusal in summary["refusals"]}
    assert {"/robots.txt", "/open"} == {path for path, _ in site.asked}


def test_a_forgotten_source_leaves_nothing_that_was_fetched(tools, run, read, docs, rows):
    """Neither pages nor what is configured; it is not read again by itself."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    read("site")
    assert 3 == rows("select count(content) as kept from corpus.source_item")[0]["kept"]

    forget(tools, dataclasses.replace(run, dag_run_id="forgetting"), source="site")

    assert 0 == rows("select count(*) as kept from corpus.source_item")[0]["kept"]
    assert [] == due_sources(tools, run)["sources"]
    with pytest.raises(UnknownSource):
        source_of(tools, run, None, "site")


def test_bytes_of_a_page_go_with_its_document_when_its_time_is_over(tools, run, read, docs, rows):
    """They are personal data as much as the text is."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml", keep_days=10)
    read("site")
    with tools.db.transaction("main") as session:
        session.execute(
            "update corpus.source_item set modified_at = now() - interval '11 days' where path like '%%run%%'"
        )

    assert 1 == read("site")["removed"]
    kept = rows("select path from corpus.source_item where content is not null order by path")
    assert ["blog/news", "guide/install"] == [row["path"].split("/", 1)[1] for row in kept]


def test_a_plan_counts_what_was_fetched_and_asks_nobody(tools, run, read, docs, model_server):
    """No paid call, no request to the site."""
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    refresh_source(tools, run, source="site")
    docs.asked.clear()
    plan = plan_ingestion(tools, run, source="site")

    assert (3, 3, 0) == (plan["found"], plan["to_store"], plan["refused"])
    assert [] == docs.asked
    assert 0 == model_server.meter()["requests"]


def test_a_source_is_due_when_nobody_looked_at_it_for_as_long_as_it_says(stored, run, read):
    """New ones first, paused ones never, of another tenant only where that is open."""
    configured(stored, run, "a")
    configured(stored, run, "b", location="s3://keys@bucket/b")
    configured(stored, run, "c", location="s3://keys@bucket/c", enabled=False)
    first = due_sources(stored, run)["sources"]
    assert [("main", "a"), ("main", "b")] == [(due["tenant"], due["source"]) for due in first]
    assert 2 == len({due["started_as"] for due in first})

    assert [] == due_sources(stored, run)["sources"]
    read("a", tools=stored)
    with stored.db.transaction("main") as session:
        session.execute(
            "update corpus.source "
            "set started_at = now() - interval '3 hours', configured_at = now() - interval '4 hours'"
        )
        session.execute("update corpus.ingestion set scanned_at = now() - interval '2 hours'")
    assert ["b", "a"] == [due["source"] for due in due_sources(stored, run)["sources"]]
    read("b", tools=stored)
    with stored.db.transaction("main") as session:
        session.execute("update corpus.source set started_at = now() - interval '2 hours'")
        session.execute("update corpus.ingestion set scanned_at = now() - interval '3 hours'")
    assert [] == due_sources(stored, run)["sources"], "their last start has not come to a scan"


def test_configuring_names_what_is_wrong(stored, run, inbox, read):
    """Before anything is read."""
    configured(stored, run)
    for name, kind, location, says in (
        ("kb", "store", "s3://x", "There is a source kb already"),
        ("kb2", "store", "s3://keys@bucket/kb", "is known as the source kb"),
        ("", "folder", str(inbox), "has a name of up to"),
        ("folder:/x", "folder", str(inbox), "belong to folders without a name"),
        ("f", "folder", str(inbox / "nothing"), "is not a folder that can be seen from here"),
        ("s", "sitemap", "ftp://example.com/sitemap.xml", "can never be read"),
        ("s", "sitemap", "http://[bad", "can never be read"),
        ("s", "sitemap", "http://169.254.169.254/sitemap.xml", "can never be read"),
        ("s", "sitemap", "http://localhost:8080/", "can never be read"),
    ):
        with pytest.raises(SourceRefused, match=says):
            configured(stored, run, name, kind, location)
    with pytest.raises(SourceRefused, match="list of addresses is empty"):
        configured(stored, run, "u", "urls", "0 pages", options={"urls": []})
    with pytest.raises(UnknownSource, match="There is no source 'nobody'"):
        change_source(stored, run, "nobody", {"owner": "x"})
    with pytest.raises(NotAFolder, match="leave the folder out"):
        source_of(stored, run, str(inbox), "kb")


def test_a_source_that_cannot_be_opened_is_refused_when_it_is_added(tools, run):
    """A store that no tool opens, or none that answers, is told to the one who adds it."""
    with pytest.raises(StoreUnusable):
        configured(tools, run)


def test_a_dag_reads_no_mailbox_outside_the_open_folders(tools, run, export):
    """Whoever may configure a source is not thereby somebody who may read whatever the worker can."""
    configured(tools, run, "mails", "mailbox", str(export(letter(1, "A", "Text."))))
    with pytest.raises(FolderClosed):
        source_of(tools, dataclasses.replace(run, dag_id="ingest_documents"), None, "mails")


def test_sources_of_one_tenant_are_nothing_to_another(stored, run):
    """Not even their names."""
    configured(stored, run)
    with pytest.raises(UnknownSource, match="are: none"):
        source_of(stored, dataclasses.replace(run, tenant="acme"), None, "kb")


def test_two_looks_at_once_are_one(stored, run, shelf):
    """A site would be asked twice otherwise; it is not due either."""
    configured(stored, run)
    looking, go_on = threading.Event(), threading.Event()
    genuine = shelf.list

    def slow():
        looking.set()
        go_on.wait(20)
        return genuine()

    shelf.list = slow
    first = threading.Thread(target=refresh_source, args=(stored, run), kwargs={"source": "kb"})
    first.start()
    assert looking.wait(20)
    with pytest.raises(SourceBusy, match="is being looked at by another run"):
        refresh_source(stored, run, source="kb")
    assert [] == due_sources(stored, run)["sources"]
    go_on.set()
    first.join(20)

    shelf.list = genuine
    assert {"taken": 0, "same": 2} == {
        name: refresh_source(stored, run, source="kb")[name] for name in ("taken", "same")
    }


def test_what_is_forgotten_while_it_is_looked_at_does_not_come_back(stored, run, read, shelf, rows):
    """Neither what was fetched before nor what would be fetched after."""
    configured(stored, run)
    read("kb", tools=stored)
    genuine = shelf.list

    def meanwhile():
        yield from genuine()
        forget(stored, dataclasses.replace(run, dag_run_id="forgetting"), source="kb")

    shelf.list = meanwhile
    shelf.put("hr/new.md", b"New text.\n")

    with pytest.raises(Forgotten):
        read("kb", tools=stored)

    assert [] == rows("select path from corpus.source_item")
    assert [] == rows("select path from corpus.document")
    assert [("", {}, None)] == [
        tuple(row.values()) for row in rows("select location, options, problem from corpus.source")
    ]


def test_a_forgotten_name_is_free_again(stored, run, read, inbox):
    """For a source of any kind."""
    configured(stored, run)
    read("kb", tools=stored)
    forget(stored, dataclasses.replace(run, dag_run_id="forgetting"), source="kb")

    configured(stored, run, "kb", "folder", str(inbox))
    assert 3 == read("kb", tools=stored)["stored"]


def test_one_object_that_cannot_be_read_does_not_keep_the_others_out(stored, run, read, shelf):
    """It is refused, for now; when nothing can be read, it is the store."""
    genuine = shelf.read

    def locked(key, at_most):
        if key == "hr/leave.md":
            raise StoreUnusable("The key of hr/leave.md is gone.")
        return genuine(key, at_most)

    shelf.read = locked
    configured(stored, run)
    summary = read("kb", tools=stored)
    assert {"found": 2, "stored": 1, "unchanged": 0, "refused": 1, "removed": 0} == counts(summary)
    assert ["The key of hr/leave.md is gone."] == [refusal["reason"] for refusal in summary["refusals"]]

    def down(key, at_most):
        raise StoreAway("The store is down.")

    for number in range(30):
        shelf.put(f"more/{number:02}.md", b"text")
    shelf.read = down
    assert "The store is down." == read("kb", tools=stored)["problem"]
    shelf.read = genuine
    assert 32 == read("kb", tools=stored)["documents"]


@pytest.mark.parametrize("odd", ["a\0b.md", "a\ud800b.md"], ids=["nul", "surrogate"])
def test_a_key_that_cannot_be_stored_does_not_keep_the_others_out(stored, run, read, shelf, odd):
    """It is refused under a name that can be shown."""
    shelf.put(odd, b"text")
    configured(stored, run)

    assert {"found": 3, "stored": 2, "unchanged": 0, "refused": 1, "removed": 0} == counts(
        read("kb", tools=stored)
    )


def test_what_a_failed_look_has_fetched_is_not_fetched_again(stored, run, read, shelf):
    """Also what was not yet written down when it failed."""
    configured(stored, run)
    genuine = shelf.list

    def cut():
        yield next(genuine())
        raise StoreAway("The list was cut off.")

    shelf.list = cut
    with pytest.raises(StoreAway):
        refresh_source(stored, run, source="kb")
    shelf.list = genuine
    shelf.reads.clear()
    assert 1 == refresh_source(stored, run, source="kb")["same"]
    assert ["hr/travel.txt"] == shelf.reads


def test_a_part_of_a_sitemap_that_is_refused_takes_nothing_for_gone(tools, run, read, docs):
    """Nobody knows what it lists."""
    nested = "".join(
        f"<sitemap><loc>http://docs.example.com{path}</loc></sitemap>" for path in ("/a.xml", "/b.xml")
    )
    index = f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{nested}</sitemapindex>'
    docs.pages |= {
        "/sitemap.xml": index,
        "/a.xml": sitemap("/guide/install"),
        "/b.xml": sitemap("/guide/run", "/blog/news"),
    }
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    assert 3 == read("site")["stored"]
    docs.pages["/sitemap.xml"] = index.replace("docs.example.com/b.xml", "cdn.example.com/b.xml")

    summary = read("site")

    assert {"found": 3, "stored": 0, "unchanged": 3, "refused": 0, "removed": 0} == counts(summary)
    assert "cannot be read to its end" in summary["problem"]


def test_a_sitemap_is_believed_for_some_days_only(tools, run, read, docs):
    """A date that nobody keeps would hide changes for ever."""
    docs.pages["/sitemap.xml"] = sitemap("/guide/run").replace(
        "</loc>", "</loc><lastmod>2020-01-01</lastmod>"
    )
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml")
    read("site")
    docs.status["/guide/run"] = 404
    assert {"unchanged": 1, "removed": 0} == {name: read("site")[name] for name in ("unchanged", "removed")}
    with tools.db.transaction("main") as session:
        session.execute("update corpus.source_item set confirmed_at = now() - interval '8 days'")

    with pytest.raises(SourceEmptied):
        read("site")


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "rot13", "no-such", "utf-7"])
def test_an_encoding_that_is_none_leaves_the_bytes_as_they_are(charset):
    """What a site calls its encoding must not break a look, or hold it up."""
    content = "<p>ä</p>".encode() * 20_000
    assert content == pages.in_utf8(content, charset)


def test_an_encoding_that_browsers_know_is_read():
    """Latin 1 is Windows 1252, as everywhere on the web."""
    assert "\ufeff<p>ä€</p>".encode() == pages.in_utf8(b"<p>\xe4\x80</p>", "ISO-8859-1")
    assert "\ufeff<p>привет</p>".encode() == pages.in_utf8("<p>привет</p>".encode("koi8-r"), "KOI8-R")


def test_bytes_of_a_page_that_never_became_a_document_go_with_their_time(tools, run, read, docs, rows):
    """A page without text is refused, and its bytes are personal data all the same."""
    docs.pages = {"/sitemap.xml": sitemap("/guide/run"), "/guide/run": "<html><body></body></html>"}
    configured(tools, run, "site", "sitemap", "http://docs.example.com/sitemap.xml", keep_days=10)
    assert 1 == read("site")["refused"]
    with tools.db.transaction("main") as session:
        session.execute("update corpus.source_item set modified_at = now() - interval '11 days'")

    read("site")

    assert [{"kept": 0}] == rows("select count(content) as kept from corpus.source_item")


def test_a_source_that_cannot_be_reached_can_be_paused(stored, run, shelf):
    """That is what one wants to do with it."""
    configured(stored, run)
    shelf.away = True
    change_source(stored, run, "kb", {"enabled": False})
    assert [] == due_sources(stored, run)["sources"]


def test_a_folder_without_a_name_can_have_an_owner_and_a_time(tools, run, ingest, inbox, rows):
    """The inbox is one; it stays what the DAG ingest_documents reads, and nobody else does."""
    ingest()
    change_source(tools, run, str(inbox), {"owner": "harbour", "keep_days": 5})
    assert [("harbour", 5, None)] == [
        tuple(row.values()) for row in rows("select owner, keep_days, configured_at from corpus.source")
    ]
    old = time.time() - 8 * 86_400
    os.utime(inbox / "prices.txt", (old, old))
    assert 1 == ingest()["removed"]
    assert "harbour" == rows("select owner from corpus.source")[0]["owner"]


def test_an_option_that_a_kind_has_not_is_refused(tools, run, inbox):
    """An option that does nothing would be a promise."""
    with pytest.raises(SourceRefused, match="of the kind folder has no delay and no take"):
        configured(tools, run, "f", "folder", str(inbox), options={"take": ["*"], "delay": 1})


def test_a_folder_that_is_closed_to_dags_is_added_with_a_remark(tools, run, inbox):
    """Whoever adds it would wait for a DAG that fails each hour."""
    assert "DAGs may not read it" in configured(tools, run, "f", "folder", str(inbox))["remark"]
