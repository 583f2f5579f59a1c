"""Whoever answers must show a certificate for the name that was asked for."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plumbline.web import Away, Page

YEAR = timedelta(days=365)


def certificate(name, *, issuer=None, expired=False, number=None):
    """Make a key and a certificate for the name; without an issuer it is its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = datetime.now(UTC) - (3 * YEAR if expired else timedelta(days=1))
    alternative = x509.IPAddress(ipaddress.ip_address(number)) if number else x509.DNSName(name)
    authority_key, authority = issuer or (key, None)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + YEAR)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    return key, made


@pytest.fixture(scope="module")
def authority():
    """An authority of the test's own."""
    return certificate("authority.example.com")


@pytest.fixture
def trusting(authority):
    """What trusts that authority, and nobody else."""
    return ssl.create_default_context(cadata=authority[1].public_bytes(serialization.Encoding.PEM).decode())


@pytest.fixture
def secured(site, tmp_path):
    """Make the site speak TLS with a certificate; gives the names that it is asked for."""

    def secure(pair):
        key, made = pair
        file = tmp_path / "certificate.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        named = []
        context.sni_callback = lambda _, name, __: named.append(name)
        site.socket = context.wrap_socket(site.socket, server_side=True)
        return named

    return secure


def test_a_certificate_of_a_trusted_authority_for_the_name_is_accepted(
    open_web, site, secured, authority, trusting
):
    """The connection goes to the address, the name to the certificate."""
    named = secured(certificate("docs.example.com", issuer=authority))
    site.put("docs.example.com/", "page")

    assert isinstance(open_web(ssl_context=trusting).get("https://docs.example.com/"), Page)
    assert ["docs.example.com"] * 2 == named
    assert ["93.184.216.34"] * 2 == site.dialled


def test_a_certificate_for_another_name_is_not_trusted(open_web, secured, authority, trusting):
    """Although it is a good one: it is somebody else's."""
    secured(certificate("other.example.com", issuer=authority))

    outcome = open_web(ssl_context=trusting).get("https://docs.example.com/")

    assert isinstance(outcome, Away)
    assert "The certificate of docs.example.com is not trusted: Hostname mismatch" in outcome.reason


@pytest.mark.parametrize("pair", ["own", "expired"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(pair, open_web, secured, authority, trusting):
    """Signed by itself, or out of date; with the authorities of the system or with given ones."""
    secured(
        certificate("docs.example.com")
        if pair == "own"
        else certificate("docs.example.com", issuer=authority, expired=True)
    )

    for context in (None, trusting):
        outcome = open_web(ssl_context=context).get("https://docs.example.com/")
        assert isinstance(outcome, Away)
        assert "The certificate of docs.example.com is not trusted: " in outcome.reason


def test_a_site_without_tls_on_its_port_is_away(open_web, site):
    """It is not asked in clear instead."""
    outcome = open_web().get("https://docs.example.com/")

    assert isinstance(outcome, Away)
    assert [] == site.asked


def test_a_handshake_that_does_not_end_is_left(open_web, monkeypatch):
    """The limit is real time for the whole of it, made short for the test."""
    monkeypatch.setattr("plumbline.web.guard.CONNECT_SECONDS", 0.05)
    ours, theirs = socket.socketpair()

    outcome = open_web(dial=lambda *_: ours).get("https://docs.example.com/")
    theirs.close()

    assert Away("The robots.txt cannot be read: docs.example.com did not answer in time.") == outcome


def test_a_redirect_from_https_to_http_is_refused(open_web, site, secured, authority, trusting):
    """What was asked for in secret would be asked for in clear."""
    secured(certificate("docs.example.com", issuer=authority))
    site.put("docs.example.com/", status=301, Location="http://docs.example.com/plain")

    outcome = open_web(ssl_context=trusting).get("https://docs.example.com/")

    assert "forbidden_scheme" == outcome.code
    assert ["docs.example.com/robots.txt", "docs.example.com/"] == site.asked


def test_an_address_in_numbers_needs_a_certificate_for_itself(open_web, site, secured, authority, trusting):
    """And has one rarely."""
    secured(certificate("numbers", issuer=authority, number="2606:2800:21f::1"))
    site.put("[2606:2800:21f::1]/", "page")
    web = open_web(ssl_context=trusting)

    assert isinstance(web.get("https://[2606:2800:21f::1]/"), Page)
    assert isinstance(web.get("https://93.184.216.34/"), Away)
