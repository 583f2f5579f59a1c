"""
`python -m plumbline.localmodel`: run the embedded model server until it is told to stop.

It prints one line, `listening on http://127.0.0.1:N`, when it is ready to answer, and leaves with
status 0 on SIGTERM or SIGINT, after the answers under way.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from plumbline.core.tokenizer import tokenizer
from plumbline.localmodel.options import Options, read_options
from plumbline.localmodel.server import Service
from plumbline.localmodel.vectors import word_vectors
from plumbline.localmodel.wire import Listener

PATIENCE_SECONDS = 3.0


async def serve(options: Options) -> None:
    """Load the models, listen, answer, and stop when told to."""
    word_vectors()
    tokenizer()
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, stop.set)
    service = Service(options)
    listener = Listener(service.handle, service.sink)
    port = await listener.listen(options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"listening on http://{host}:{port}", flush=True)
    if options.until_stdin_closes:
        _watch_stdin(loop, stop)
    await stop.wait()
    await listener.close(PATIENCE_SECONDS)
    await service.close()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), read)


def main() -> int:
    """Run the server; 1 with one sentence when it cannot listen."""
    options = read_options()
    try:
        asyncio.run(serve(options))
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
