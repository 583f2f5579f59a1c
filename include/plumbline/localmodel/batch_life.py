"""
The life of a batch, in the background: validating, in progress, finalizing, completed.

Or failed, expired, cancelled: whatever happens, every line that was accepted stands in exactly one of
the two files at the end, and what was answered was billed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.batch_lines import Checked, check_lines
from plumbline.localmodel.batch_work import PORTION, Work
from plumbline.localmodel.batches import Batch, Batches
from plumbline.localmodel.errors import ApiError
from plumbline.localmodel.faults import Faults, Kind, manner_of
from plumbline.localmodel.files import FileStore
from plumbline.localmodel.limits import Limits

log = logging.getLogger(__name__)

CANCELLABLE = frozenset({"validating", "in_progress", "finalizing"})


class Lives:
    """
    All batches under way.

    One thread answers their lines, a portion of each in turn: a batch never takes both cores from the
    single calls.
    """

    def __init__(
        self,
        files: FileStore,
        batches: Batches,
        faults: Faults,
        limits: Limits,
        bill: Callable[[str, Bill], None],
        *,
        gullible: bool,
        pause: float,
    ) -> None:
        self._files = files
        self._batches = batches
        self._faults = faults
        self._limits = limits
        self._bill = bill
        self._gullible = gullible
        self._pause = pause
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, batch: Batch, source: BinaryIO) -> None:
        """Begin the life of a new batch; `source` is its input file and will be closed."""
        batch.faults = {fault.kind: fault for fault in self._faults.strike_batch()}
        self._batches.add(batch)
        task = asyncio.get_running_loop().create_task(
            self._live(batch, source, self._faults.cleared), name=batch.id
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self, batch: Batch) -> None:
        """
        Stop a batch; what has been answered stays answered, and billed.

        Raises:
            ApiError: It has ended, or is being stopped already (409).
        """
        if batch.status == "cancelling":
            return
        if batch.status not in CANCELLABLE:
            raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
        batch.enter("cancelling")
        batch.cancelled.set()

    async def clear(self) -> None:
        """End all lives at once, as if they had never been."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End all lives, and the thread."""
        await self.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- one life ----------------------------------------------------------------------------

    async def _live(self, batch: Batch, source: BinaryIO, cleared: asyncio.Event) -> None:
        folder = self._files.folder
        output, errors = folder / f"output-{uuid4().hex}", folder / f"errors-{uuid4().hex}"
        work = Work(batch.id, batch.endpoint, source, output, errors, batch.faults)
        try:
            await self._wait(batch, "validating", cleared)
            if await self._validated(batch, source):
                await self._answer(batch, work, cleared)
                await self._finish(batch, work, cleared)
        except asyncio.CancelledError:
            output.unlink(missing_ok=True)
            errors.unlink(missing_ok=True)
            raise
        except Exception:
            log.exception("batch %s broke", batch.id)
            batch.errors = [
                {"code": "server_error", "message": "The batch broke.", "param": None, "line": None}
            ]
            batch.enter("failed")
        finally:
            work.close()

    async def _validated(self, batch: Batch, source: BinaryIO) -> bool:
        """Whether the file can be answered; if not, the batch has failed."""
        loop = asyncio.get_running_loop()
        checked = await loop.run_in_executor(self._pool, check_lines, source, batch.endpoint)
        self._judge(batch, checked)
        batch.errors, batch.model = checked.errors, checked.model
        if checked.errors:
            batch.enter("failed")
            return False
        batch.total, batch.enqueued_tokens = checked.total, checked.tokens
        return True

    def _judge(self, batch: Batch, checked: Checked) -> None:
        """Errors that are not those of a line: the limit of enqueued tokens, and a fault that was asked for."""
        fault, most = batch.faults.get(Kind.BATCH_FAIL), self._limits.enqueued_tokens
        if fault is not None:
            checked.wrong(fault.code or "invalid_request", "The batch failed, as it was asked to.", 1)
        if checked.model is None or checked.errors or most is None:
            return
        if self._batches.enqueued(checked.model) + checked.tokens > most:
            checked.wrong(
                "token_limit_exceeded",
                f"Enqueued token limit reached for {checked.model}. Limit: {most} enqueued tokens. "
                "Please try again once some in_progress batches have been completed.",
                None,
            )

    async def _answer(self, batch: Batch, work: Work, cleared: asyncio.Event) -> None:
        """Answer lines until there are no more, the batch is cancelled, or its time is up."""
        if batch.status != "validating":
            return
        batch.enter("in_progress")
        held, late = batch.faults.get(Kind.BATCH_HOLD), batch.faults.get(Kind.BATCH_EXPIRE)
        hold = held.lines if held is not None and held.state == "in_progress" else 0
        expire = None if late is None else late.lines
        if not hold:
            await self._wait(batch, "in_progress", cleared)
        loop = asyncio.get_running_loop()
        while batch.status == "in_progress" and work.done != expire:
            ends = [end - work.done for end in (hold, expire) if end and end > work.done]
            manner = manner_of(self._faults.of_lines(), gullible=self._gullible)
            portion = await loop.run_in_executor(self._pool, work.answer_some, min([PORTION, *ends]), manner)
            for bill in portion.bills:
                batch.settle(bill)
                if bill is not None:
                    self._bill(batch.endpoint, bill)
            if not portion.bills:
                break
            if work.done == hold:
                await self._wait(batch, "in_progress", cleared)

    async def _finish(self, batch: Batch, work: Work, cleared: asyncio.Event) -> None:
        """Write down what was not answered, hand out the files, and end."""
        loop = asyncio.get_running_loop()
        expired = batch.status == "in_progress" and work.done < batch.total
        if batch.status == "in_progress":
            batch.enter("finalizing")
            await self._wait(batch, "finalizing", cleared)
        if batch.status == "cancelling":
            await self._wait(batch, "cancelling", cleared)
            expired = False
        code = "batch_expired" if expired else "batch_cancelled"
        batch.failed += await loop.run_in_executor(self._pool, work.give_up, code)
        batch.output_file_id = self._publish(work.output, batch, "output")
        batch.error_file_id = self._publish(work.errors, batch, "error")
        end = "cancelled" if batch.status == "cancelling" else "expired" if expired else "completed"
        batch.enter(end)

    def _publish(self, path: Path, batch: Batch, name: str) -> str | None:
        if not path.exists():
            return None
        return self._files.add(path, f"{batch.id}_{name}.jsonl", "batch_output", batch.output_life).id

    async def _wait(self, batch: Batch, state: str, cleared: asyncio.Event) -> None:
        """Stay in a state as long as a fault or the options ask for; a cancelled batch stays in no other."""
        slow, hold = batch.faults.get(Kind.BATCH_SLOW), batch.faults.get(Kind.BATCH_HOLD)
        seconds = self._pause if slow is None else slow.seconds
        if seconds:
            await _any_of(batch, state, asyncio.sleep(seconds))
        if hold is not None and hold.state == state:
            await _any_of(batch, state, cleared.wait())


async def _any_of(batch: Batch, state: str, what: Coroutine[None, None, object]) -> None:
    """Wait for `what`, or for the order to stop; one who is stopping already waits for `what` alone."""
    waited = [asyncio.ensure_future(what)]
    if state != "cancelling":
        waited.append(asyncio.ensure_future(batch.cancelled.wait()))
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waited:
            one.cancel()
        await asyncio.gather(*waited, return_exceptions=True)
