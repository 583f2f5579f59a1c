"""
Object stores as the domain reads them, through Airflow's `ObjectStoragePath`: its connections, its providers.

An address is `<scheme>://<connection>@<bucket>/<folder>`; without a connection, the provider's own defaults count.
Files of the worker are no object store: a folder is a source of its own kind, held to the folders open to DAGs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plumbline.core.stores import Listed, ObjectGone, StoreAway, StoreUnusable, UnknownConnection

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_LOCAL = frozenset({"", "file", "local"})
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "mtime")
"""What stores tell versions by, the surest first."""
_MOMENTS = ("LastModified", "last_modified", "updated", "mtime", "created")
_PROVIDERS = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
}


def open_store(address: str) -> AirflowStore:
    """
    Open the store at an address.

    Raises:
        StoreUnusable: Its scheme belongs to no installed provider, or there is no such connection.
    """
    address = address.strip()
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if scheme in _LOCAL:
        raise StoreUnusable(f"{address} is no object store; a folder is a source of the kind folder.")
    from airflow.sdk import Connection, ObjectStoragePath
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.sdk.io import has_fs
    from fsspec.implementations.local import LocalFileSystem

    if not has_fs(scheme):  # before the connection: without the provider, no connection helps
        needed = _PROVIDERS.get(scheme)
        advice = f": install {needed}" if needed else ""
        raise StoreUnusable(f"No installed provider of Airflow opens {scheme}://{advice}.")
    try:
        path = ObjectStoragePath(address)
        if path.conn_id:
            Connection.get(path.conn_id)  # a provider would go on with the defaults of the machine instead
        if isinstance(path.fs, LocalFileSystem):  # whatever the address calls it
            raise StoreUnusable(f"{address} is no object store; a folder is a source of the kind folder.")
        return AirflowStore(address, path.fs, path.path.rstrip("/"))
    except AirflowNotFoundException as error:
        message = f"{address} names a connection that Airflow does not know; AIRFLOW_CONN_… in .env is one way to it."
        raise UnknownConnection(message) from error


@dataclass(frozen=True, slots=True)
class AirflowStore:
    """The objects below one address."""

    address: str
    files: AbstractFileSystem
    root: str

    def list(self) -> Iterator[Listed]:
        """Yield every object; memory holds the list, about a kilobyte an object."""
        try:
            self.files.invalidate_cache()
            # Not folder by folder: a key with an empty part (`a//b`) would be passed over.
            found: Mapping[str, Any] = self.files.find(self.root, detail=True)
            if not found:
                self.files.ls(self.root)  # raises where there is nothing of this name
        except FileNotFoundError as error:
            raise StoreUnusable(f"There is nothing at {self.address}.") from error
        except PermissionError as error:
            raise StoreUnusable(f"{self.address} may not be listed: {_plainly(error)}") from error
        except Exception as error:  # each store has errors of its own; none may pass for an empty list
            raise StoreAway(f"{self.address} could not be listed: {_plainly(error)}") from error
        yield from (_listed(info, self.root) for info in found.values() if info.get("type") == "file")

    def read(self, key: str, at_most: int) -> bytes:
        """Return an object's bytes, or the first `at_most` of them."""
        try:
            with self.files.open(f"{self.root}/{key}", "rb") as file:
                content: bytes = file.read(at_most)
                return content
        except FileNotFoundError as error:
            raise ObjectGone(f"{key} is not at {self.address} any more.") from error
        except PermissionError as error:
            raise StoreUnusable(f"{key} at {self.address} may not be read: {_plainly(error)}") from error
        except Exception as error:
            raise StoreAway(f"{key} at {self.address} could not be read: {_plainly(error)}") from error


def _listed(info: Mapping[str, Any], root: str) -> Listed:
    version = next((str(info[name]) for name in _VERSIONS if info.get(name)), None)
    return Listed(
        key=str(info["name"]).removeprefix(root).removeprefix("/"),
        size=int(info.get("size") or 0),
        version=version,
        modified_at=_moment(next((info[name] for name in _MOMENTS if info.get(name)), None)),
    )


def _moment(said: object) -> datetime | None:
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    if isinstance(said, (int, float)):
        return datetime.fromtimestamp(said, UTC)
    if isinstance(said, str):
        try:
            found = datetime.fromisoformat(said)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _plainly(error: Exception) -> str:
    """The first line of what a store says; a longer text may hold a request with its signature."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
