"""
Where the documents of a source come from.

A folder is read where it lies.  From an object store, the web or a mailbox, `refresh_source` first finds out what is
new, changed or gone, and notes it in `corpus.source_item`; what follows reads from there, and is the same for all.
"""

from plumbline.corpus.origins.origin import Folder, Origin, origin_of
from plumbline.corpus.origins.refreshing import problem_of, refresh, refresh_source, require_refreshed

__all__ = ["Folder", "Origin", "origin_of", "problem_of", "refresh", "refresh_source", "require_refreshed"]
