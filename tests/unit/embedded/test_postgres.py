"""The settings of the embedded PostgreSQL fit the machine and keep it to itself."""

from __future__ import annotations

import pytest

from plumbline.embedded.postgres import configuration, settings

GIGABYTE = 2**30


def test_it_listens_on_the_loopback_address_and_on_no_socket_file():
    """And asks for a password in the one way that never sends it."""
    chosen = settings(5432, 8 * GIGABYTE, 4 * GIGABYTE, durable=True)

    assert ("127.0.0.1", "", "scram-sha-256") == (
        chosen["listen_addresses"],
        chosen["unix_socket_directories"],
        chosen["password_encryption"],
    )


@pytest.mark.parametrize(("memory", "buffers"), [(1, "128MB"), (8, "256MB"), (64, "512MB")])
def test_memory_grows_with_the_machine_within_bounds(memory: int, buffers: str):
    """A small machine is left room to breathe, and a large one is not filled."""
    assert buffers == settings(5432, memory * GIGABYTE, GIGABYTE, durable=True)["shared_buffers"]


def test_a_small_shared_memory_is_left_alone():
    """Containers often have 64 MB there, and an index that is built in parallel needs more."""
    assert "mmap" == settings(5432, 8 * GIGABYTE, 64 * 2**20, durable=True)["dynamic_shared_memory_type"]
    assert "posix" == settings(5432, 8 * GIGABYTE, 4 * GIGABYTE, durable=True)["dynamic_shared_memory_type"]


def test_only_a_server_for_tests_forgets_durability():
    """A power cut may cost a test its database, and nobody else."""
    assert "fsync" not in settings(5432, GIGABYTE, GIGABYTE, durable=True)
    assert "off" == settings(5432, GIGABYTE, GIGABYTE, durable=False)["fsync"]


def test_values_are_quoted_in_the_file():
    """An apostrophe in a value stays a value."""
    assert (
        "port = '5432'\nname = 'it''s'\n" == configuration({"port": 5432, "name": "it's"}).split("\n", 1)[1]
    )
