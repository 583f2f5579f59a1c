"""
The one plugin that Airflow registers.

Every component of Airflow executes this file at its start, tasks included, so it imports nothing heavy: the pages are
loaded by the api-server when the first request comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve our pages (an ASGI application)."""
    from plumbline_airflow.web.runbooks import app

    await app(scope, receive, send)


class PlumblinePlugin(AirflowPlugin):
    """Pages under /plumbline."""

    name = "plumbline"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"name": "plumbline", "app": pages, "url_prefix": "/plumbline"}
    ]
