"""The folder of documents that a person named; looked at before anything is downloaded or started."""

from __future__ import annotations

import os
from pathlib import Path

from plumbline.embedded.errors import EmbeddedError


class NoDocuments(EmbeddedError):
    """There is no such folder, or we may not read it."""


def documents_folder(named: str, project: Path) -> Path:
    """
    Return the folder called `named`, absolute; a relative name begins at the project.

    Raises:
        NoDocuments: There is none, or it cannot be read.
    """
    folder = project / Path(named).expanduser()
    if not named or not folder.is_dir():
        what = "is not a folder" if named and folder.exists() else "does not exist"
        raise NoDocuments(
            f"{folder if named else 'The folder'} {what}: name one with `make demo DOCUMENTS=folder`."
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise NoDocuments(
            f"{folder} is closed to you: open it, or name another with `make demo DOCUMENTS=folder`."
        )
    return folder.resolve()
