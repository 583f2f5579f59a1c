"""No credential goes out to a model."""

from __future__ import annotations

import pytest

from plumbline.privacy.minimise import minimise

CREDENTIALS = {
    "sk-" + "proj-Ab3" * 6: "[api key]",
    "AKIA" + "ABCDEFGH12345678": "[access key]",
    "ghp_" + "a1B2" * 10: "[access token]",
    "github_pat_" + "11AAbb" * 6: "[access token]",
    "xoxb-" + "123456789012-abcdef": "[access token]",
    "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q": "[api key]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27u": "[signed token]",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\nAQEA75\n-----END RSA PRIVATE KEY-----": "[private key]",
}


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_credential_is_replaced_by_a_word_that_says_what_stood_there(credential: str) -> None:
    """In a sentence, at its end, in quotation marks."""
    word = CREDENTIALS[credential]

    assert f"Use {word}, then go on." == minimise(f"Use {credential}, then go on.")
    assert f'key="{word}"' == minimise(f'key="{credential}"')


def test_half_a_private_key_is_replaced_too() -> None:
    """A chunk may end within it."""
    assert "[private key]" == minimise("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ask the task-force about the risk.",
        "The sky is blue: sk-8.",
        "See risk-management-and-compliance-2026.md and help-desk-ticketing-system-overview.",
        "Read sk-learn-made-easy-for-everybody first.",
        "AKIA is an airport code, not a key.",
    ],
)
def test_ordinary_text_is_left_exactly_as_it_is(text: str) -> None:
    """Otherwise its key would change and it would be bought again."""
    assert text == minimise(text)


def test_a_hostile_text_is_read_in_one_pass() -> None:
    """Beginnings of credentials without their ends must not be tried from every place: that would take hours."""
    beginnings = "eyJ" * 100_000 + "sk-" * 100_000 + "-----BEGIN PRIVATE KEY-----" * 1000 + "AKIA" * 10_000

    found = minimise(beginnings)

    assert found.startswith("eyJ" * 100_000)
    assert 1000 == found.count("[private key]")
