"""
The one door to a model.

Every area buys its answers here and nowhere else.  An answer that was bought is found, not bought again; what
is sent was minimised first and written down first; what it cost is in the book, to the token.

    minimise -> identify -> cap -> (answered already?) -> throttle -> claim, reserve and intend -> send -> settle
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from plumbline.core import db
from plumbline.core.arrays import bytea_array
from plumbline.core.receipts import Run
from plumbline.core.sql import statement
from plumbline.core.tokenizer import EMBEDDING_ENCODING, tokenizer
from plumbline.core.tools import Tools
from plumbline.models import wire
from plumbline.models.asked import Questions, Texts
from plumbline.models.asking import ChatStream, to_be_sent
from plumbline.models.batches.planning import BatchPlan
from plumbline.models.calls import PromptRef
from plumbline.models.chatting import Chatting
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended, request_of
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint, endpoint_of
from plumbline.models.errors import AnswerUnusable
from plumbline.models.identity import Keys
from plumbline.models.ledger import to_be_bought, unanswered
from plumbline.models.moderating import Judgement, Moderation, judgements
from plumbline.models.policy import Policy
from plumbline.models.prices import Service, estimate
from plumbline.models.requests import Input
from plumbline.models.spending import PlannedCall, Spend, plan_calls, plan_texts
from plumbline.models.streams import TextStream
from plumbline.privacy.minimise import Minimiser

_QUESTION = "Which model answers?"
_COUNTED = "Three boats lie in the harbour."


@dataclass(frozen=True, slots=True)
class Proof:
    """What one small paid call showed."""

    endpoint: str
    model: str
    answered_by: str
    dimensions: int | None
    tokens: int
    cost_usd: Decimal
    latency_ms: int


class Door:
    """
    The door as one step uses it: the endpoint comes from the tools, the bill goes to the run.

    With `planning` nothing is to be bought, and not even a pseudonym is written down.
    """

    def __init__(
        self,
        tools: Tools,
        run: Run,
        *,
        endpoint: Endpoint | None = None,
        policy: Policy | None = None,
        planning: bool = False,
    ) -> None:
        self.endpoint = endpoint or endpoint_of(tools.settings, tools.provider)
        self._database = tools.db
        self._run = run
        self._policy = policy or Policy(patience=self.endpoint.patience)
        self._minimiser = Minimiser(tools, run.tenant, keep=not planning)

    @property
    def model(self) -> str:
        """The embedding model, by the provider's name."""
        return self.endpoint.model

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        return self.endpoint.dimensions

    def embedding(self, use: str, sensitivity: str = "internal") -> TextStream:
        """Return a stream of texts to embed, for a `with` block; see `TextStream`."""
        return self._texts(self.endpoint, Embedding, use, sensitivity)

    def moderate(self, use: str, texts: Sequence[str], sensitivity: str = "internal") -> list[Judgement]:
        """
        Return what the rules say of each text, by what the moderation says of it now, or said before.

        Raises:
            PlumblineError: As drawn in `plumbline.models.errors`.
        """
        endpoint = self.endpoint.for_moderation()
        with self._texts(endpoint, Moderation, use, sensitivity) as stream:
            keys = [stream.add(text, _counted(text, endpoint)) for text in texts]
        # What may not be used again may be used now.
        judged = self._judged(use, keys, "ledger/select_answers")
        return [judged[key] for key in keys]

    def to_moderate(self, use: str, text: str) -> Input:
        """
        Return a text as it would be moderated: minimised, under the key of its judgement.  Nothing is sent.

        Raises:
            InputRefused: It is empty, or longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.
        """
        endpoint = self.endpoint.for_moderation()
        texts = Texts(self._run, endpoint, Moderation, use, self._minimiser)
        return texts.input(text, _counted(text, endpoint))

    def judged(self, use: str, keys: Sequence[bytes]) -> dict[bytes, Judgement]:
        """Return what the rules say of texts whose judgements are kept, and may be used, under these keys."""
        return self._judged(use, keys, "ledger/select_usable")

    def _judged(self, use: str, keys: Sequence[bytes], query: str) -> dict[bytes, Judgement]:
        with self._database.transaction(self._run.tenant) as session:
            found = db.rows(session, query, keys=bytea_array(keys))
        return {judgement.key: judgement for judgement in judgements(use, found)}

    def embed(
        self,
        use: str,
        texts: Sequence[str],
        tokens: Sequence[int] | None = None,
        sensitivity: str = "internal",
    ) -> list[list[float]]:
        """
        Return the vectors of a few texts, such as the words of a search; answers are reused.

        `tokens` are those of each text where they are known; otherwise the most that they can be.

        Raises:
            PlumblineError: As drawn in `plumbline.models.errors`.
        """
        keys = Keys(self._run.tenant, use, self.model, {"dimensions": self.dimensions})
        wanted = [keys.of(minimised) for minimised in self._minimiser.minimise_all(texts)]
        if unanswered(self._database, self._run.tenant, wanted):
            with self.embedding(use, sensitivity) as stream:
                for number, text in enumerate(texts):
                    stream.add(text, tokens[number] if tokens else self._most_tokens(text))
        with self._database.transaction(self._run.tenant) as session:
            query = statement("ledger/select_vectors").encode()
            found = session.cursor(binary=True).execute(query, {"keys": wanted}).fetchall()
        vectors = {bytes(row["key"]): wire.vector_of(bytes(row["vector"])) for row in found}
        return [vectors[key] for key in wanted]

    def chats(
        self, use: str, *, prompt: PromptRef | None = None, sensitivity: str = "internal"
    ) -> ChatStream:
        """Return a stream of questions to the chat model, for a `with` block; see `ChatStream`."""
        return ChatStream(
            self._database,
            self._run,
            self.endpoint.for_chat(),
            self._policy,
            use=use,
            prompt=prompt,
            sensitivity=sensitivity,
            minimiser=self._minimiser,
        )

    def chat(
        self,
        use: str,
        request: ChatRequest,
        *,
        prompt: PromptRef | None = None,
        sensitivity: str = "internal",
        user: str | None = None,
        session: str | None = None,
    ) -> ChatAnswer:
        """
        Ask one question and return its answer, bought now or before.

        Raises:
            PlumblineError: As drawn in `plumbline.models.errors`.
        """
        with self.chats(use, prompt=prompt, sensitivity=sensitivity) as stream:
            key = stream.add(request, user=user, session=session)
        return stream.answers([key])[key]

    def chat_batch(
        self, use: str, *, prompt: PromptRef | None = None, sensitivity: str = "internal"
    ) -> BatchPlan:
        """Return a plan of questions to the chat model to be bought in batches, for a `with` block."""
        return self._plan(Chatting, self.endpoint.for_chat(), use, prompt, sensitivity)

    def embedding_batch(self, use: str, sensitivity: str = "internal") -> BatchPlan:
        """Return a plan of texts to embed in batches, for a `with` block."""
        return self._plan(Embedding, self.endpoint, use, None, sensitivity)

    def moderation_batch(self, use: str, sensitivity: str = "internal") -> BatchPlan:
        """Return a plan of texts to moderate in batches, for a `with` block."""
        return self._plan(Moderation, self.endpoint.for_moderation(), use, None, sensitivity)

    def _plan(
        self,
        kind: type[Chatting | Embedding | Moderation],
        endpoint: Endpoint,
        use: str,
        prompt: PromptRef | None,
        sensitivity: str,
    ) -> BatchPlan:
        return BatchPlan(
            self._database,
            self._run,
            endpoint,
            kind,
            use=use,
            prompt=prompt,
            sensitivity=sensitivity,
            minimiser=self._minimiser,
        )

    def minimise(self, text: str) -> str:
        """
        Return a text as it would be sent: the very same where nothing personal or secret is in it.

        Raises:
            NoKeys: Something personal is in it, and there is no key to replace it with.
        """
        return self._minimiser.minimise(text)

    def key(self, use: str, minimised: str) -> bytes:
        """Return the key under which the embedding of a text is bought, or was; the text is as it would be sent."""
        return Keys(self._run.tenant, use, self.model, {"dimensions": self.dimensions}).of(minimised)

    def unanswered(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that a run would have to buy, less what a batch is buying.  Nothing is sent."""
        return to_be_bought(self._database, self._run.tenant, keys)

    def in_doubt(self, keys: Container[bytes]) -> int:
        """Return how many of the keys are held by calls in doubt: a person decides before they can be bought."""
        with self._database.transaction(self._run.tenant) as session:
            held = db.rows(session, "ledger/select_doubtful_keys", model=self.model)
        return sum(row["key"] in keys for row in held)

    def estimate(self, tokens: int, *, in_batches: bool = False) -> Decimal:
        """
        Return what embedding so many tokens would cost now, in US dollars.  Nothing is sent.

        Raises:
            PriceUnknown: The model has no price.
        """
        service: Service = "batch" if in_batches else "standard"
        return estimate(self._database, self.model, tokens, service=service)

    def plan(self, use: str, streams: Iterable[Iterable[int]]) -> Spend:
        """
        Return what embedding texts of so many tokens would come to, stream by stream.  Nothing is sent or written.

        Raises:
            PriceUnknown: The model has no price.
        """
        return plan_texts(self._database, self._run, self.endpoint, use, streams)

    def plan_chats(
        self, use: str, requests: Iterable[ChatRequest], *, prompt: PromptRef | None = None
    ) -> Spend:
        """
        Return what asking the chat model these questions would come to at most, less those that have an answer.

        What an open batch is buying is reserved already, and not counted again.  An answer that is there and has to be
        put right is a call; that one will have to be, nobody can plan.  Nothing is sent or written.

        Raises:
            InputRefused: One is longer than the model reads or its use allows.
            PriceUnknown: The model has no price.
        """
        endpoint = self.endpoint.for_chat()
        questions = Questions(self._run, endpoint, use, prompt, self._minimiser)
        asked = {}
        for request in requests:
            item = questions.input(request)
            asked[item.key] = (item, request.max_output_tokens)
        sent = to_be_sent(self._database, self._run.tenant, endpoint, use, list(asked.values()))
        wanted = [PlannedCall(1, item.tokens, most) for item, most in sent]
        return plan_calls(self._database, self._run, endpoint.model, use, wanted)

    def verify(self) -> Proof:
        """
        Make one small call, paid anew each time, and return what it showed.

        Raises:
            PlumblineError: As drawn in `plumbline.models.errors`: what stands between us and the model.
        """
        with self.embedding("verify", "public") as stream:
            key = stream.add(_QUESTION, self._most_tokens(_QUESTION))
        return self._proof(self.endpoint, key)

    def verify_chat(self) -> Proof:
        """
        Ask the chat model one small question by schema, paid anew each time, and return what it showed.

        Raises:
            AnswerUnusable: What it answered does not fit, or it would not answer.
            PlumblineError: As drawn in `plumbline.models.errors`.
        """
        from plumbline.core.prompts import load_prompt

        prompt = load_prompt("verify_model")
        asked = request_of(prompt, text=_COUNTED)
        answer = self.chat("verify", asked, prompt=PromptRef.of(prompt), sensitivity="public")
        endpoint = self.endpoint.for_chat()
        if answer.ended is not Ended.ANSWERED:
            raise AnswerUnusable(f"{endpoint.label}: the answer to a small question ended as {answer.ended}.")
        return self._proof(endpoint, answer.key)

    def _proof(self, endpoint: Endpoint, key: bytes) -> Proof:
        with self._database.transaction(self._run.tenant) as session:
            found = db.row(session, "ledger/select_proof", key=key) or {}
        return Proof(endpoint=endpoint.base_url, model=endpoint.model, **found)

    def _texts(
        self, endpoint: Endpoint, kind: type[Embedding | Moderation], use: str, sensitivity: str
    ) -> TextStream:
        return TextStream(
            self._database, self._run, endpoint, self._policy, kind, use, sensitivity, self._minimiser
        )

    def _most_tokens(self, text: str) -> int:
        # A token is at least one byte; what is longer than the model reads, the provider refuses.
        return min(len(text.encode()), self.endpoint.limits.tokens_an_input)


def _counted(text: str, endpoint: Endpoint) -> int:
    """The tokens of a text to moderate; of one that is longer than the model reads, the provider says so."""
    # What is no valid Unicode is refused where its key is made.
    readable = text.encode(errors="replace").decode()
    return min(tokenizer(EMBEDDING_ENCODING).count(readable), endpoint.limits.tokens_an_input)
