"""What whoever starts a run may ask for: the parameters of a DAG, and how a task is given them."""

from __future__ import annotations

from airflow.sdk import Param


def text(title: str, description: str) -> Param:
    """Return a parameter that is text, and may be left empty."""
    return Param("", type="string", title=title, description=description)


def switch(title: str, description: str) -> Param:
    """Return a parameter that is off unless somebody turns it on."""
    return Param(default=False, type="boolean", title=title, description=description)


def asked(*names: str) -> dict[str, str]:
    """Return the parameters of the DAG by these names, as inputs of a task."""
    return {name: f"{{{{ params.{name} }}}}" for name in names}
