"""
Arrays for Postgres in its binary form, made as one piece.

Keys travel by the hundred with every statement; dumping them one by one costs more than all else that a claim does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BYTEA, _BYTEA_ARRAY = 17, 1001
_INTEGER, _INTEGER_ARRAY = 23, 1007


class BinaryArray(bytes):
    """An array as Postgres receives it."""

    __slots__ = ()


class ByteaArray(BinaryArray):
    """A `bytea[]`."""

    __slots__ = ()


class IntegerArray(BinaryArray):
    """An `integer[]`."""

    __slots__ = ()


class HalfvecArray(BinaryArray):
    """A `halfvec[]`; a session knows the number of its type once `adapt_vectors` was called."""

    __slots__ = ()


def bytea_array(values: Sequence[bytes]) -> ByteaArray:
    """Return a `bytea[]`."""
    parts = [_header(len(values), _BYTEA)]
    for value in values:
        parts += (len(value).to_bytes(4, "big"), value)
    return ByteaArray(b"".join(parts))


def integer_array(values: Sequence[int]) -> IntegerArray:
    """Return an `integer[]`."""
    pairs = [number for value in values for number in (4, value)]
    return IntegerArray(_header(len(values), _INTEGER) + struct.pack(f">{len(pairs)}i", *pairs))


def halfvec_array(elements: bytes, count: int, type_number: int) -> HalfvecArray:
    """Return a `halfvec[]` of elements that are in binary form already, each with its length."""
    return HalfvecArray(_header(count, type_number) + elements)


def adapt_vectors(session: psycopg.Connection[object], array_type_number: int) -> None:
    """Teach a session the number that this database gave the type `halfvec[]`."""
    dumper = type("HalfvecArrayDumper", (_BinaryArrayDumper,), {"oid": array_type_number})
    session.adapters.register_dumper(HalfvecArray, dumper)


def _header(count: int, type_number: int) -> bytes:
    if not count:
        return struct.pack(">iiI", 0, 0, type_number)
    return struct.pack(">iiIii", 1, 0, type_number, count, 1)


class _BinaryArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> bytes:
        """Hand over what is in binary form already."""
        return obj


class _ByteaArrayDumper(_BinaryArrayDumper):
    oid = _BYTEA_ARRAY


class _IntegerArrayDumper(_BinaryArrayDumper):
    oid = _INTEGER_ARRAY


psycopg.adapters.register_dumper(ByteaArray, _ByteaArrayDumper)
psycopg.adapters.register_dumper(IntegerArray, _IntegerArrayDumper)
