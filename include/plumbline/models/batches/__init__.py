"""
The Batch API through the same door, at half the price.

    with door.chat_batch("classify_ticket") as planned:
        key = planned.ask(request)
    advance(work, planned.plan_id)   # again and again, until it is done

A plan is written, submitted, waited for without a worker, landed and cleaned up; whatever dies on the way, the next
turn goes on, and nothing is bought twice.
"""

from plumbline.models.batches.advancing import Progress, advance, progress, turn, watch
from plumbline.models.batches.ending import Swept, cancel, give_up, sweep
from plumbline.models.batches.listing import BatchRow, list_batches, open_plans, plans_under_way
from plumbline.models.batches.losing import say_lost
from plumbline.models.batches.planning import BatchPlan
from plumbline.models.batches.work import NoSuchBatch, Work

__all__ = [
    "BatchPlan",
    "BatchRow",
    "NoSuchBatch",
    "Progress",
    "Swept",
    "Work",
    "advance",
    "cancel",
    "give_up",
    "list_batches",
    "open_plans",
    "plans_under_way",
    "progress",
    "say_lost",
    "sweep",
    "turn",
    "watch",
]
