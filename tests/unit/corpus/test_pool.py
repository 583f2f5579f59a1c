from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import psutil
import pytest

from plumbline.corpus import extraction
from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.pool import Pool, Worker, _checked

PAGE = b"<p>Hello there, this is a page.</p>"
PAGE_TEXT = "Hello there, this is a page."
PACKAGES = str(Path(extraction.__file__).parents[3])


@pytest.fixture
def worker():
    """A worker of this test's own."""
    with Worker() as made:
        yield made


def process_of(worker: Worker) -> psutil.Process:
    """The process behind a worker."""
    assert worker._process is not None
    return psutil.Process(worker._process.pid)


def gone(process: psutil.Process, seconds: float) -> bool:
    """Whether a process ends within this time, waiting on the fact and not on the clock."""
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        return False
    return True


def test_one_process_reads_many_documents(worker):
    """Starting one for each would cost more than reading."""
    worker.read(PAGE, "html", Limits())
    first = process_of(worker).pid
    for _ in range(20):
        assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]
    assert first == process_of(worker).pid


def test_the_worker_is_light(worker):
    """It imports neither Airflow nor numpy nor anything else that a parser does not need."""
    worker.read(PAGE, "html", Limits())
    assert process_of(worker).memory_info().rss < 60_000_000
    loaded = {Path(one.path).name for one in process_of(worker).memory_maps()}
    assert not [name for name in loaded if "numpy" in name or "bpe" in name or "fasttext" in name]


def test_no_secret_reaches_the_worker(worker, monkeypatch):
    """It reads what strangers wrote."""
    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI", "sk-secret")
    worker.read(PAGE, "html", Limits())
    assert "AIRFLOW_CONN_PLUMBLINE_OPENAI" not in process_of(worker).environ()


def test_a_document_that_takes_too_long_is_refused_and_the_next_one_read(worker, make_pdf, page_of):
    """The worker is killed, whatever it is doing."""
    slow = make_pdf(page_of(*["word " * 15] * 40), shared=4_900)
    worker.read(PAGE, "html", Limits())
    busy = process_of(worker)
    with pytest.raises(Unreadable, match=r"took more than 0\.2 seconds") as caught:
        worker.read(slow, "pdf", Limits(seconds=0.2))
    assert "timeout" == caught.value.code
    assert gone(busy, 5)
    assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]


def test_a_document_that_needs_too_much_memory_is_refused_and_the_next_one_read(worker, make_pdf):
    """A few kilobytes that unpack to more than we have."""
    bomb = make_pdf(compressed=zlib.compress(b"q " * 100_000_000))
    assert len(bomb) < 300_000
    with pytest.raises(Unreadable, match="needed more than 256 MB of memory") as caught:
        worker.read(bomb, "pdf", Limits(memory_bytes=256 * 2**20))
    assert "out_of_memory" == caught.value.code
    assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]


def test_a_document_that_kills_its_reader_is_refused_and_the_next_one_read(worker, make_pdf, page_of):
    """Never tried again in the next worker."""
    slow = make_pdf(page_of(*["word " * 15] * 40), shared=4_900)
    worker.read(PAGE, "html", Limits())
    victim = process_of(worker)
    killer = threading.Timer(0.1, lambda: victim.send_signal(signal.SIGSEGV))
    killer.start()
    with pytest.raises(Unreadable) as caught:
        worker.read(slow, "pdf", Limits())
    killer.join()
    assert "crashed" == caught.value.code
    assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]


def test_a_worker_that_died_between_documents_is_replaced(worker):
    """No document pays for what happened before it."""
    worker.read(PAGE, "html", Limits())
    process_of(worker).kill()
    assert gone(process_of(worker), 5)
    assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]


def test_a_worker_is_replaced_after_many_bytes(worker):
    """A parser that leaks does not leak for ever."""
    worker.read(PAGE, "html", Limits())
    first = process_of(worker).pid
    worker._bytes = 10**9
    worker.read(PAGE, "html", Limits())
    assert first != process_of(worker).pid


def test_threads_share_a_worker_in_turn(worker):
    """Each gets its own answer."""
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        for _ in range(20):
            answers[number] = worker.read(b"<p>Page number %d.</p>" % number, "html", Limits())[0]
            assert f"Page number {number}." == answers[number]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: f"Page number {number}." for number in range(4)} == answers


def test_a_forked_process_starts_a_worker_of_its_own(worker):
    """Two processes talking to one worker would get each other's documents."""
    worker.read(PAGE, "html", Limits())
    parents = process_of(worker).pid
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        worker.read(PAGE, "html", Limits())
        os.write(tell, str(process_of(worker).pid).encode())
        worker.close()
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(told) as answer:
        assert str(parents) != answer.read()
    assert parents == process_of(worker).pid
    assert "Hello there, this is a page." == worker.read(PAGE, "html", Limits())[0]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"text": "a", "title": None, "parts": [], "metadata": None},
        {"text": "a\0b", "title": None, "parts": [], "metadata": {}},
        {"text": "ab", "title": 3, "parts": [], "metadata": {}},
        {"text": "ab", "title": None, "parts": [[0, 3, "paragraph"]], "metadata": {}},
        {"text": "ab", "title": None, "parts": [[-1, 1, "paragraph"]], "metadata": {}},
        {"text": "ab", "title": None, "parts": [[0, 1, "spell"]], "metadata": {}},
        {"text": "ab", "title": None, "parts": [["0", "1", "paragraph"]], "metadata": {}},
        {"text": "ab", "title": None, "parts": [], "metadata": {"a": {"b": 1}}},
        {"text": "ab", "title": "a\0b", "parts": [], "metadata": {}},
        {"text": "ab", "title": None, "parts": [], "metadata": {"a": ["b", 1]}},
        {"text": "ab", "title": None, "parts": [], "metadata": {"a": float("nan")}},
        {"text": "ab", "title": None, "parts": [], "metadata": {"\ud800": 1}},
        {"text": "ab", "title": None, "parts": [[0, 1.0, "paragraph"]], "metadata": {}},
        {"text": "ab", "title": None, "parts": [[0, 1, "heading", 1, None, "\0"]], "metadata": {}},
        {"code": "none of ours", "reason": "x"},
    ],
)
def test_an_answer_that_no_reader_gives_is_refused(answer):
    """A document may have taken over the process that read it."""
    with pytest.raises(Unreadable, match="no usable answer"):
        _checked(answer)


@pytest.fixture
def pool():
    """A pool of this test's own, of two workers."""
    made = Pool(2)
    yield made
    made.close()


def test_one_reader_alone_keeps_to_one_worker(pool):
    """A second process would only cost memory."""
    for _ in range(5):
        pool.read(PAGE, "html", Limits())

    assert 1 == sum(worker._process is not None for worker in pool._workers)


def test_as_many_read_at_once_as_there_are_workers(pool, make_pdf, page_of):
    """Each document has a process for itself; whoever comes when all are at work waits, and all are read."""
    slow = make_pdf(page_of(*["word " * 15] * 40), shared=300)
    pages: list[int] = []
    threads = [
        threading.Thread(target=lambda: pages.append(len(pool.read(slow, "pdf", Limits())[2])))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 5 == len(pages)
    assert 2 == sum(worker._process is not None for worker in pool._workers)
    assert {0} != {worker._documents for worker in pool._workers}
    assert 5 == sum(worker._documents for worker in pool._workers)


def test_a_document_that_kills_its_worker_leaves_the_others(pool):
    """The next one gets a new worker."""
    with pytest.raises(Unreadable, match="more than 0 seconds"):
        pool.read(PAGE, "html", Limits(seconds=0))

    assert [PAGE_TEXT] * 4 == [pool.read(PAGE, "html", Limits())[0] for _ in range(4)]


@pytest.mark.parametrize("busy", [False, True])
def test_no_worker_outlives_a_parent_that_is_killed(busy, tmp_path, make_pdf, page_of):
    """A kill -9 leaves no time to clean up, so the worker looks after itself."""
    (tmp_path / "slow.pdf").write_bytes(make_pdf(page_of(*["word " * 15] * 40), shared=4_900))
    script = f"""
import sys, threading, time
from pathlib import Path
from plumbline.corpus.extraction import Limits
from plumbline.corpus.extraction.pool import SHARED
SHARED.read(b"<p>x</p>", "html", Limits())
print(SHARED._idle[-1]._process.pid, flush=True)
if {busy}:
    SHARED.read(Path("slow.pdf").read_bytes(), "pdf", Limits(seconds=1))
sys.stdin.read()
"""
    environment = {**os.environ, "PYTHONPATH": PACKAGES}
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=tmp_path,
        text=True,
    )
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    if busy:
        deadline = time.monotonic() + 10
        while child.cpu_times().user < 0.15 and time.monotonic() < deadline:
            os.sched_yield()
    parent.kill()
    parent.communicate()
    assert gone(child, 15)


def test_the_shared_worker_ends_with_its_process():
    """A command that is done leaves nothing behind."""
    script = """
from plumbline.corpus.extraction import extract
from plumbline.corpus.extraction.pool import SHARED
extract(b"<p>Hello</p>", "html", "a.html")
print(SHARED._idle[-1]._process.pid)
"""
    environment = {**os.environ, "PYTHONPATH": PACKAGES}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert not psutil.pid_exists(int(done.stdout))
