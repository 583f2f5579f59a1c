"""
The runbooks, as pages inside Airflow, so that the link on a DAG's page leads somewhere at three in the morning.

A page is open to whoever is signed in, and to nobody else: a plugin's routes are public unless they say otherwise.
"""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Path, status
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from plumbline.core.settings import PROJECT_ROOT

RUNBOOKS = PROJECT_ROOT / "docs" / "runbooks"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · runbook</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
code, pre {{ font: 0.9em ui-monospace, monospace; background: color-mix(in srgb, currentColor 8%, transparent); }}
code {{ padding: 0.1em 0.3em; border-radius: 4px; }}
pre {{ padding: 0.8em 1em; border-radius: 6px; overflow-x: auto; }}
pre code {{ background: none; padding: 0; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: 0.4em 0.7em; }}
th, td {{ text-align: left; vertical-align: top; }}
</style>
<body>{body}</body>
</html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-cache",
}

app = FastAPI(
    title="Plumbline", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None
)


@app.get("/runbooks/{name}", response_class=HTMLResponse)
def runbook(name: Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,60}$")]) -> HTMLResponse:
    """Return the runbook of a DAG as a page."""
    try:
        text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no runbook called {name}.") from None
    return HTMLResponse(page(name, text), headers=_HEADERS)


def page(name: str, text: str) -> str:
    """Return the page for a runbook in Markdown; HTML in it is shown, not obeyed.  Pure."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return _PAGE.format(title=name.replace("_", " "), body=body)
