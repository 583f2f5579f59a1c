"""
The human queue: whatever needs a person is asked here, decided here, and remembered here.

    with tools.db.transaction(run.tenant) as session:
        item_id = ask(session, run, Question("flagged_input", "flagged", subject_id=key, summary="…"))
"""

from plumbline.review.calls import ask_about_unknown_calls, release_call, release_lines
from plumbline.review.chats import ScreenedBatch, ScreenedChats, screened_chat
from plumbline.review.errors import (
    AlreadyEnded,
    AtSomebodyElse,
    DecidedElsewhere,
    InputFlagged,
    InputHeld,
    NoSuchItem,
    NotInTheRules,
    Unsaid,
)
from plumbline.review.items import Item, Question
from plumbline.review.queue import (
    answer_waiting,
    ask,
    ask_anew,
    assign,
    decide,
    find,
    history,
    list_all,
    list_open,
    overdue,
    remark,
    take,
    withdraw,
    withdraw_waiting,
)
from plumbline.review.reconciling import reconcile_calls
from plumbline.review.screening import Screened, screen

__all__ = [
    "AlreadyEnded",
    "AtSomebodyElse",
    "DecidedElsewhere",
    "InputFlagged",
    "InputHeld",
    "Item",
    "NoSuchItem",
    "NotInTheRules",
    "Question",
    "Screened",
    "ScreenedBatch",
    "ScreenedChats",
    "Unsaid",
    "answer_waiting",
    "ask",
    "ask_about_unknown_calls",
    "ask_anew",
    "assign",
    "decide",
    "find",
    "history",
    "list_all",
    "list_open",
    "overdue",
    "reconcile_calls",
    "release_call",
    "release_lines",
    "remark",
    "screen",
    "screened_chat",
    "take",
    "withdraw",
    "withdraw_waiting",
]
