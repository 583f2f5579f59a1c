"""
Which hosts belong to the public internet.

Whoever may name a URL must not reach what only this machine or its network can reach: services without a password,
and the addresses at which clouds hand out the keys of the machine.  Nothing here can be configured.  Pure.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from plumbline.web.outcomes import refusal

_LOCAL_ENDINGS = frozenset(
    {
        "localhost",  # RFC 6761: this machine
        "localdomain",  # the same, by an old habit
        "local",  # RFC 6762: whatever answers on the local link
        "internal",  # reserved for private networks by ICANN; metadata.google.internal
        "arpa",  # infrastructure, and home.arpa (RFC 8375): a home network
        "onion",  # RFC 7686: not of the DNS
        "alt",  # RFC 9476: not of the DNS
        "test",  # RFC 6761: never public
        "invalid",  # RFC 6761: never anything
        "corp",  # never given to anybody, because private networks use it
        "home",  # the same
        "intranet",  # the same
        "lan",  # the same
        "private",  # the same
    }
)

# The machine's own list (`is_global`) is asked as well, but what it knows changes from one Python to the next.
_NOT_PUBLIC_4 = {
    IPv4Network(network): what
    for network, what in (
        ("0.0.0.0/8", "unspecified"),  # RFC 791: this host; Linux connects it to itself
        ("10.0.0.0/8", "private"),  # RFC 1918
        ("100.64.0.0/10", "carrier-grade NAT"),  # RFC 6598; 100.100.100.200 has the metadata of Alibaba Cloud
        ("127.0.0.0/8", "loopback"),  # RFC 1122
        (
            "168.63.129.16/32",
            "metadata",
        ),  # public by its number, but each Azure machine meets its own host there
        ("169.254.0.0/16", "link-local"),  # RFC 3927; 169.254.169.254 has the metadata of most clouds
        ("172.16.0.0/12", "private"),  # RFC 1918
        ("192.0.0.0/24", "reserved"),  # RFC 6890; 192.0.0.192 has the metadata of Oracle Cloud
        ("192.0.2.0/24", "documentation"),  # RFC 5737
        ("192.88.99.0/24", "6to4 relay"),  # RFC 7526: leads to whoever runs one
        ("192.168.0.0/16", "private"),  # RFC 1918
        ("198.18.0.0/15", "benchmarking"),  # RFC 2544
        ("198.51.100.0/24", "documentation"),  # RFC 5737
        ("203.0.113.0/24", "documentation"),  # RFC 5737
        ("224.0.0.0/4", "multicast"),  # RFC 5771
        ("240.0.0.0/4", "reserved"),  # RFC 1112, with the broadcast address
    )
}

# Of IPv6, only 2000::/3 is assigned for the public.  That alone keeps out ::, ::1, fc00::/7 (fd00:ec2::254 has the
# metadata of AWS), fe80::/10, fec0::/10, ff00::/8, 100::/64, 5f00::/16, and these, which carry an IPv4 address inside:
# ::/96 (compatible), ::ffff:0:0/96 (mapped), ::ffff:0:0:0/96 (translated), 64:ff9b:1::/48 (NAT64 of one's own network).
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = {
    IPv6Network(network): what
    for network, what in (
        ("2001::/32", "Teredo"),  # RFC 4380: carries an IPv4 address
        ("2001::/23", "reserved"),  # RFC 2928: protocols, benchmarking, identifiers
        ("2001:db8::/32", "documentation"),  # RFC 3849
        ("2002::/16", "6to4"),  # RFC 3056: carries an IPv4 address
        ("3ffe::/16", "reserved"),  # RFC 3701: the former 6bone
        ("3fff::/20", "documentation"),  # RFC 9637
    )
}
# RFC 6052: the public IPv4 internet as a network without IPv4 sees it.  Its resolvers make such an address for every
# site that has no other, so the address inside is what is looked at.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 5214: the second half of an ISATAP address carries an IPv4 address, whatever its first half.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def demand_public_name(host: str) -> None:
    """
    Refuse names that lead into a private network by their form, whatever they would resolve to.

    Raises:
        Ended: The name is one (`forbidden_address`).
    """
    if is_number(host):
        return
    _, dot, ending = host.rpartition(".")
    if not dot or ending in _LOCAL_ENDINGS:
        raise refusal("forbidden_address", f"{host} is a name within a private network.")


def demand_public(host: str, numbers: tuple[str, ...]) -> None:
    """
    Refuse a host when one of its addresses is not public: the others may be there to hide it.

    Raises:
        Ended: One is not (`forbidden_address`).
    """
    for number in numbers:
        if what := objection(number):
            # The number is not told: it would show whoever chose the name what the private network looks like.
            raise refusal("forbidden_address", f"{host} leads to an address that is not public ({what}).")


def is_number(host: str) -> bool:
    """Whether a host is an address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def objection(number: str) -> str | None:
    """Return why an IP address is not of the public internet, or None where it is."""
    try:
        address = ip_address(number)
    except ValueError:
        return "not understood"
    if isinstance(address, IPv6Address):
        return _objection_6(address)
    return _objection_4(address)


def _objection_4(address: IPv4Address) -> str | None:
    for network, what in _NOT_PUBLIC_4.items():
        if address in network:
            return what
    return None if address.is_global else "reserved"


def _objection_6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    if address in _NAT64:
        return _objection_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _PUBLIC_6:
        return "not of the public part of IPv6"
    for network, what in _NOT_PUBLIC_6.items():
        if address in network:
            return what
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return "ISATAP"
    return None if address.is_global else "reserved"
