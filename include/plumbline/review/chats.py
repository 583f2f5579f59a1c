"""
Questions to a chat model with text of people in them: each passes the moderation first, and one that is held or blocked
does not stop the others.

    with ScreenedChats(tools, run, door, "label_ticket", prompt=ref) as chats:
        chats.add(ticket_id, request, [ticket_text])
    answers = chats.answers(chats.sent.values())
    receipt |= chats.receipt
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.models.asking import ChatStream
from plumbline.models.batches.planning import BatchPlan
from plumbline.models.calls import About, PromptRef
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended
from plumbline.models.door import Door
from plumbline.models.moderating import Action, asks_about_refusals
from plumbline.models.requests import Input
from plumbline.review.errors import InputFlagged, InputHeld
from plumbline.review.items import Question
from plumbline.review.once import ask_once
from plumbline.review.screening import Screened, screen_inputs

REFUSED = "model_refusal"
_AT_ONCE = 256
"""Requests whose texts are moderated, and answers that are looked through, at once."""
_REASONS = {Ended.REFUSAL: "refused", Ended.FILTERED: "filtered"}


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: str
    request: Input
    about: About
    texts: tuple[Input, ...]


class _Screening:
    """What both ways to buy share: `sent`, `held` and `blocked`, complete when the block has been left."""

    def __init__(
        self, tools: Tools, run: Run, door: Door, use: str, sensitivity: str, way: ChatStream | BatchPlan
    ) -> None:
        self.sent: dict[str, bytes] = {}
        self.held: dict[str, tuple[uuid.UUID, ...]] = {}
        self.blocked: dict[str, tuple[str, ...]] = {}
        self._tools, self._run, self._door = tools, run, door
        self._use, self._sensitivity, self._way = use, sensitivity, way
        self._waiting: list[_Waiting] = []
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        """Begin as the stream, or the plan, does."""
        self._way.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Screen what is left, and end as the stream, or the plan, does."""
        try:
            if kind is None:
                self._screen()
        except BaseException as late:
            self._way.__exit__(type(late), late, late.__traceback__)
            raise
        self._way.__exit__(kind, error, trace)

    def add(
        self,
        name: str,
        request: ChatRequest,
        texts: Sequence[str],
        *,
        user: str | None = None,
        session: str | None = None,
    ) -> None:
        """
        Take a request, and the texts in it that people wrote; without the prompt, so that a decision outlives it.

        An empty text says nothing; a request with no text of people in it is asked at the door.

        Raises:
            ValueError: The stream has a request of this name, or no text is named.
            InputRefused: Request or text is longer than its model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.  It is not sent.
            PlumblineError: A request of this stream went wrong, or the moderation does not answer and the rule is to
                wait until it does.
        """
        if name in self._names:
            raise ValueError(f"the stream has a request of the name {name!r}")
        if not texts:
            raise ValueError(f"the request {name!r} names no text that people wrote")
        about = About(tokens_out=request.max_output_tokens, user=user, session=session)
        written = tuple(self._door.to_moderate(self._use, text) for text in texts if text)
        self._waiting.append(_Waiting(name, self._way.ready(request), about, written))
        self._names.add(name)
        if len(self._waiting) >= _AT_ONCE:
            self._screen()

    @property
    def receipt(self) -> Receipt:
        """How many were asked; how many of them were sent, held and blocked, which add up once the block is left."""
        return {
            "asked": len(self._names),
            "sent": len(self.sent),
            "held": len(self.held),
            "blocked": len(self.blocked),
        }

    def _screen(self) -> None:
        waiting, self._waiting = self._waiting, []
        texts = [(text, one.name) for one in waiting for text in one.texts]
        found: dict[bytes, Screened] = {}
        if texts:
            screened = screen_inputs(
                self._tools,
                self._run,
                self._door,
                self._use,
                [text for text, _ in texts],
                sensitivity=self._sensitivity,
                about=[name for _, name in texts],
            )
            found = {one.key: one for one in screened}
        for one in waiting:
            self._pass(one, [found[text.key] for text in one.texts])

    def _pass(self, one: _Waiting, screened: Sequence[Screened]) -> None:
        """Do with a request what the strictest of its texts demands."""
        blocking = [text for text in screened if text.action is Action.BLOCK]
        holding = [text.item_id for text in screened if text.action is Action.REVIEW and text.item_id]
        if blocking:
            flagged = (category for text in blocking for category in text.categories or ())
            self.blocked[one.name] = tuple(dict.fromkeys(flagged))
        elif holding:
            self.held[one.name] = tuple(dict.fromkeys(holding))
        else:
            self.sent[one.name] = self._way.take(one.request, one.about)


class ScreenedChats(_Screening):
    """
    A stream of requests with text of people in them, for a `with` block; each has a name, an id of the area's own.

    `sent` has the keys of the answers, `held` the items that a person decides first, `blocked` the categories that the
    moderation flagged, and `refused` the items about answers that a model refused, where the rules ask about them.
    They are complete when the block has been left.  For one thread.
    """

    def __init__(
        self,
        tools: Tools,
        run: Run,
        door: Door,
        use: str,
        *,
        prompt: PromptRef | None = None,
        sensitivity: str = "internal",
    ) -> None:
        self.refused: dict[str, uuid.UUID] = {}
        self._chats = door.chats(use, prompt=prompt, sensitivity=sensitivity)
        super().__init__(tools, run, door, use, sensitivity, self._chats)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Screen and send what is left, settle everything, and ask about what was refused."""
        super().__exit__(kind, error, trace)
        if kind is None and asks_about_refusals(self._use):
            for names in _pieces(self.sent, _AT_ONCE):
                self._ask_about_refusals(names)

    def answers(self, keys: Collection[bytes]) -> dict[bytes, ChatAnswer]:
        """Return the answers that are there, by key."""
        return self._chats.answers(list(keys))

    def _ask_about_refusals(self, names: Sequence[str]) -> None:
        answers = self._chats.answers([self.sent[name] for name in names])
        about: dict[str, list[str]] = {}
        for name in names:
            answer = answers.get(self.sent[name])
            if answer is not None and answer.ended in _REASONS:
                about.setdefault(answer.key.hex(), []).append(name)
        questions = {
            subject: _refusal(self._use, self._door, answers[bytes.fromhex(subject)], same[0])
            for subject, same in about.items()
        }
        asked = ask_once(self._tools.db, self._run, REFUSED, questions)
        self.refused |= {name: asked[subject].item_id for subject, same in about.items() for name in same}


class ScreenedBatch(_Screening):
    """
    The same for requests that are bought in batches: `plan` is what is to be bought, see `BatchPlan`.

    What is held is in the plan that is made after the decision.  About answers that a model refused nobody is asked:
    they come later, to whoever reads them.
    """

    def __init__(
        self,
        tools: Tools,
        run: Run,
        door: Door,
        use: str,
        *,
        prompt: PromptRef | None = None,
        sensitivity: str = "internal",
    ) -> None:
        self.plan = door.chat_batch(use, prompt=prompt, sensitivity=sensitivity)
        super().__init__(tools, run, door, use, sensitivity, self.plan)


def screened_chat(
    tools: Tools,
    run: Run,
    door: Door,
    use: str,
    request: ChatRequest,
    texts: Sequence[str],
    *,
    name: str,
    prompt: PromptRef | None = None,
    sensitivity: str = "internal",
    user: str | None = None,
    session: str | None = None,
) -> ChatAnswer:
    """
    Ask one question with text of people in it, and return its answer, bought now or before.

    Raises:
        InputFlagged: It is blocked.  It was not sent.
        InputHeld: A person decides first.  It was not sent.
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    with ScreenedChats(tools, run, door, use, prompt=prompt, sensitivity=sensitivity) as chats:
        chats.add(name, request, texts, user=user, session=session)
    if name in chats.blocked:
        raise InputFlagged(use, chats.blocked[name])
    if name in chats.held:
        raise InputHeld(use, chats.held[name])
    return chats.answers([chats.sent[name]])[chats.sent[name]]


def _refusal(use: str, door: Door, answer: ChatAnswer, name: str) -> Question:
    said = (
        door.minimise(answer.content)[:2_000].replace("\0", "\ufffd")
        if isinstance(answer.content, str)
        else ""
    )
    how = "refused to answer" if answer.ended is Ended.REFUSAL else "was cut off by the provider's filter"
    context = {"use": use, "about": name, "call_id": str(answer.call_id), "said": said}
    return Question(
        kind=REFUSED,
        reason=_REASONS[answer.ended],
        subject_id=answer.key.hex(),
        summary=f"A model {how} for {use}: what becomes of the input?",
        context={key: value for key, value in context.items() if value},
    )


def _pieces(names: Collection[str], size: int) -> Iterator[list[str]]:
    left = iter(names)
    while piece := list(islice(left, size)):
        yield piece
