"""
The process that reads what is not short and plain: `python -m plumbline.corpus.extraction.worker`.

It is made to die well.  It may use so much memory and so many seconds and no more; it ends when its parent does,
however that ended, because its standard input closes then; an alarm ends it where a parser will not let it notice; and
a document that kills it takes nothing else with it.

Both ways, a message is a length (4 bytes, big endian) and as many bytes: first a JSON object, then, in a request, the
document.  The parent trusts none of it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
import threading
from typing import Any, BinaryIO

from plumbline.corpus.extraction.formats import read_format
from plumbline.corpus.extraction.model import Limits, Unreadable

LENGTH = struct.Struct(">I")
ALARM_GRACE = 5


def main() -> None:
    """Answer requests until standard input closes."""
    requests = sys.stdin.buffer
    # What a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, args=(requests.fileno(),), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    limited = False
    while (request := _receive(requests)) is not None:
        content = _receive(requests)
        if content is None:
            return
        order = json.loads(request)
        limits = Limits(**order["limits"])
        if not limited:
            resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            limited = True
        signal.alarm(int(limits.seconds) + ALARM_GRACE)
        answer = json.dumps(_answer(content, order["kind"], limits), separators=(",", ":")).encode()
        signal.alarm(0)
        answers.write(LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


def _end_with_parent(requests: int) -> None:
    """End at once when nobody holds the other end of our input any more, even in the middle of a document."""
    waiting = select.poll()
    waiting.register(requests, 0)  # a hang-up is reported in any case
    waiting.poll()
    os._exit(0)


def _answer(content: bytes, kind: str, limits: Limits) -> dict[str, Any]:
    try:
        text, title, parts, metadata = read_format(content, kind, limits)
    except Unreadable as error:
        return {"code": error.code, "reason": error.reason}
    except MemoryError:
        return {"code": "out_of_memory", "reason": out_of_memory(limits)}
    except Exception as error:  # noqa: BLE001 - whatever a parser stumbles over, the document is at fault
        return {
            "code": "malformed",
            "reason": f"The file cannot be read: its parser failed ({type(error).__name__}).",
        }
    return {"text": text, "title": title, "parts": parts, "metadata": metadata}


def out_of_memory(limits: Limits) -> str:
    """The sentence for a document that needed too much."""
    return f"Reading the file needed more than {limits.memory_bytes / 2**20:,.0f} MB of memory."


def _receive(stream: BinaryIO) -> bytes | None:
    """The next message; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


if __name__ == "__main__":
    main()
