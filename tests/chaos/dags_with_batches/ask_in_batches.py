"""
# Ask in batches

A DAG of the tests: three questions, bought through the Batch API.
"""

from airflow.sdk import dag
from pendulum import datetime

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.models import ChatRequest, Door, Message
from plumbline_airflow.batches import BatchOperator

QUESTIONS = 3


def plan_questions(tools: Tools, run: Run, *, first: int = 0) -> Receipt:
    """Plan a batch of questions."""
    with Door(tools, run).chat_batch("classify") as planned:
        for number in range(first, first + QUESTIONS):
            planned.ask(ChatRequest((Message("user", f"Invoice number {number} is wrong."),), 50))
    return planned.receipt


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, params={"first": 0})
def ask_in_batches() -> None:
    """One task, which waits."""
    BatchOperator(planning=plan_questions, inputs={"first": "{{ params.first }}"})


ask_in_batches()
