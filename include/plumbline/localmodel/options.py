"""What a server is started with, and the command line that says it."""

from __future__ import annotations

import argparse
import ipaddress
from dataclasses import dataclass
from pathlib import Path

HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """How one server behaves; limits of None are the defaults, which no single machine reaches."""

    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: int = 0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    enqueued_tokens: int | None = None
    batch_pause_ms: int = 0
    gullible: bool = False
    meter: Path | None = None
    until_stdin_closes: bool = False
    open_to_network: bool = False


def read_options(arguments: list[str] | None = None) -> Options:
    """
    The options of a command line.

    Exits with a sentence when the host is not this machine and `--open-to-network` was not given:
    the control addresses (`/_faults`, `/_meter/reset`) ask nobody for a key.
    """
    parser = _parser()
    options = Options(**vars(parser.parse_args(arguments)))
    if not is_loopback(options.host) and not options.open_to_network:
        parser.error(
            f"{options.host} can be reached from other machines, and this server checks no key; "
            "listen on 127.0.0.1, or say --open-to-network if a closed network is around it"
        )
    return options


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m plumbline.localmodel",
        description="The embedded model server: the OpenAI HTTP API on this machine, without a key. "
        "A stand-in for rehearsal and tests; every answer is labelled local-….",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port; 0 picks a free one (default)")
    parser.add_argument(
        "--latency-ms", type=_count, default=0, metavar="N", help="wait so long before each answer"
    )
    parser.add_argument(
        "--requests-per-minute", type=_limit, metavar="N", help="refuse more requests a model (429)"
    )
    parser.add_argument(
        "--tokens-per-minute", type=_limit, metavar="N", help="refuse more tokens a model (429)"
    )
    parser.add_argument(
        "--enqueued-tokens", type=_limit, metavar="N", help="fail batches beyond N waiting tokens a model"
    )
    parser.add_argument(
        "--batch-pause-ms", type=_count, default=0, metavar="N", help="keep batches so long in each state"
    )
    parser.add_argument(
        "--gullible", action="store_true", help="obey every instruction in the text, to try injections out"
    )
    parser.add_argument(
        "--meter", type=Path, metavar="FILE", help="keep the bill in FILE, so that it outlives the server"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the process that holds our input"
    )
    parser.add_argument("--open-to-network", action="store_true", help="allow a --host that others can reach")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _port(text: str) -> int:
    port = _count(text)
    if port > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is no port; they end at {HIGHEST_PORT}")
    return port


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
