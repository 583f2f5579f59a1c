"""Plan, submit, land and clean up so many structured questions, in a process of its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from itertools import pairwise

import openai  # noqa: F401 - its import is not what is measured here
import psycopg  # noqa: F401

from benchmarks.calls_step import MOST_TOKENS, SCHEMA, SYSTEM, TICKET
from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools
from plumbline.models import ChatRequest, Door, Message, PromptRef, Schema
from plumbline.models.batches import Work, advance
from plumbline.models.batches.ending import clean_up
from plumbline.models.batches.landing import land
from plumbline.models.batches.polling import look
from plumbline.models.batches.submitting import submit


def main() -> None:
    """Measure each part, and print what it took."""
    lines = int(sys.argv[1])
    schema, system = Schema("label", SCHEMA), Message("system", SYSTEM)
    prompt = PromptRef("classify_ticket", "v1", b"0" * 32, "benchmark")
    with open_tools() as tools:
        run = Run(tenant="main", job="benchmark.batch")
        began, cpu = time.perf_counter(), time.process_time()
        with Door(tools, run).chat_batch("classify_ticket", prompt=prompt) as planned:
            for number in range(lines):
                planned.ask(
                    ChatRequest((system, Message("user", f"Ticket {number}: {TICKET}")), MOST_TOKENS, schema)
                )
        moments = [began, time.perf_counter()]
        work = Work.of(tools, run.tenant)
        for steps in ((submit, look), (land, clean_up)):
            for part in planned.parts:
                for step in steps:
                    step(work, part.batch_id)
            moments.append(time.perf_counter())
        cpu = time.process_time() - cpu
        done = advance(work, planned.plan_id)
    assert done.done  # noqa: S101
    assert dict(done.lines) == {"settled": lines}  # noqa: S101
    plan_s, build_s, land_s = (round(end - start, 2) for start, end in pairwise(moments))
    measured = {
        "plan_s": plan_s,
        "build_s": build_s,
        "land_s": land_s,
        "total_s": round(moments[-1] - began, 2),
        "client_cpu_s": round(cpu, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "batches": done.batches,
        "cost_usd": f"{done.cost_usd:f}",
    }
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
