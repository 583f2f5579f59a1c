"""What is personal or secret is found by its form, its check digits and the words beside it; nothing else is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.privacy.detection import PSEUDONYM, Span, find, longest
from plumbline.privacy.detection.hints import hints
from plumbline.privacy.minimise import replaced

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
FOUND = [
    ("email", "Write to Jane.Doe+billing@mail.example.co.uk today.", "Jane.Doe+billing@mail.example.co.uk"),
    ("email", "<müller@straße.example>", "müller@straße.example"),
    ("phone", "Call +44 20 7946 0958 now.", "+44 20 7946 0958"),
    ("phone", "Ours: 0049 30 901820.", "0049 30 901820"),
    ("phone", "Or (541) 754-3010, please.", "(541) 754-3010"),
    ("phone", "1-541-754-3010", "1-541-754-3010"),
    ("phone", "Paris 01.84.17.61.18 ask for her", "01.84.17.61.18"),
    ("phone", "Berlin 030/9018 2000", "030/9018 2000"),
    ("phone", "Ma 07911123456.", "07911123456"),
    ("phone", "At 14:05 541-754-3010 rang.", "541-754-3010"),
    ("phone", "541\u2011754\u20113010", "541\u2011754\u20113010"),
    ("card", "4111\u00a01111\u00a01111\u00a01111", "4111\u00a01111\u00a01111\u00a01111"),
    ("phone", "Handy 0171 1234567", "0171 1234567"),
    ("phone", "My number is 668 5702.", "668 5702"),
    ("phone", "Teléfono: 915 86 75 76", "915 86 75 76"),
    ("phone", "mobile 5417543010", "5417543010"),
    ("card", "The card 4111 1111 1111 1111 was used.", "4111 1111 1111 1111"),
    ("card", "378282246310005", "378282246310005"),
    ("iban", "to DE89 3704 0044 0532 0130 00 by Friday", "DE89 3704 0044 0532 0130 00"),
    ("iban", "NL91ABNA0417164300", "NL91ABNA0417164300"),
    ("id", "SSN is 536-90-4399.", "536-90-4399"),
    ("id", "My social security number is 536904399.", "536904399"),
    ("id", "NINO: AB 12 34 56 C", "AB 12 34 56 C"),
    ("id", "she, AB123456C, came", "AB123456C"),
    ("id", "Steuer 36574261809", "36574261809"),
    ("id", "con DNI 54362315K.", "54362315K"),
    ("id", "NIE X-2482300-W", "X-2482300-W"),
    ("id", "NIR 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
    ("id", "codice RCCMNL83S18D969H.", "RCCMNL83S18D969H"),
    ("id", "BSN 111222333", "111222333"),
    ("id", "PESEL 44051401359", "44051401359"),
    ("id", "AHV 756.9217.0769.85", "756.9217.0769.85"),
    ("ip", "from 203.0.113.77 at noon", "203.0.113.77"),
    ("ip", "host 2001:db8::ff00:42:8329 answered", "2001:db8::ff00:42:8329"),
    ("licence", "driver's license number is F162-8235-4011", "F162-8235-4011"),
    ("licence", "Driving licence: 6940579", "6940579"),
]
NOT_FOUND = [
    "",
    "Ask the task-force about the risk.",
    "The sky is blue: sk-8.",
    "See risk-management-and-compliance-2026.md and help-desk-ticketing-system-overview.",
    "Read sk-learn-made-easy-for-everybody first.",
    "AKIA is an airport code, not a key.",
    "On 2026-11-23 14:05:59 the run 123456789 ended with 1,234,567.89 euros.",
    "Order 4111 1111 1111 1112 has no card number.",
    "GB82 WEST 1234 5698 7654 33 is no account.",
    "54362315A has the wrong letter.",
    "Version 10.0.2.15, masks of 255.255.255.0, and 127.0.0.1.",
    "std::vector<int> and Foo::bar at 12:30:45.",
    "Look up 536 904 399 items.",
    "The password is kept in a vault; password: the word that you chose.",
    "https://example.org/articles/4409607962387-Copy and example.org/~jane",
    "Steps 01 02 03 04 05, and @everybody @ noon.",
    "A licence for 6940579 users.",
    "The number of users grew to 12 345 678, nie 1000000, przez dni 1000000.",
    "ISBN 0306406152, article 0123456789, padded 0000123456.",
    "password = os.environ['X'], password: str, password: None, pwd = getpwd()",
    "ISBN 978-0-306-40615-7, pages 100-200, 3.14159265.",
]
PIECES = (
    [text for _, text, _ in FOUND]
    + NOT_FOUND
    + list(CREDENTIALS)
    + ["[phone-7f3k2q9a]", "[password]", "call "]
)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_credential_is_replaced_by_a_word_that_says_what_stood_there(credential: str) -> None:
    """In a sentence, at its end, in quotation marks."""
    word = CREDENTIALS[credential]

    assert f"Use {word}, then go on." == credentials_gone(f"Use {credential}, then go on.")
    assert f'key="{word}"' == credentials_gone(f'key="{credential}"')


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: hunter2", "hunter2"),
        ("Passwort: Blaubeere", "Blaubeere"),
        ('{"password": "blueberry"}', "blueberry"),
        ("pwd=blueberry;", "blueberry"),
        ("The password is: Tr0ub4dor&3.", "Tr0ub4dor&3"),
        ("postgres://app:blueberry@db.example.org/main", "blueberry"),
    ],
)
def test_a_password_is_replaced_where_a_word_gives_it_away(text: str, secret: str) -> None:
    """Assigned, quoted, alone on its line, or unlike any word."""
    assert text.replace(secret, "[password]") == credentials_gone(text)


def test_half_a_private_key_is_replaced_too() -> None:
    """A chunk may end within it."""
    assert "[private key]" == credentials_gone("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ")


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_what_is_personal_is_found_whole_and_named(kind: str, text: str, value: str) -> None:
    """By its form, its check digits, or the word before it."""
    assert [(kind, value)] == [(span.kind, text[span.start : span.end]) for span in find(text)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_ordinary_text_is_left_exactly_as_it_is(text: str) -> None:
    """Otherwise its key would change and it would be bought again."""
    assert [] == find(text)


def test_spellings_of_one_thing_have_one_value() -> None:
    """The case of an address, and the signs between digits, say nothing."""
    assert one_value("JANE@Example.ORG and jane@example.org")
    assert one_value("4111 1111 1111 1111 / 4111111111111111")
    assert one_value("+44 20 7946 0958, +44-20-7946-0958")
    assert one_value("gb33bukb20201555555555 or GB33 BUKB 2020 1555 5555 55")


def test_a_second_number_beside_the_first_is_a_telephone_too() -> None:
    """In "Tel. … and …" the word stands once."""
    assert ["phone", "phone"] == [span.kind for span in find("Tfno: 956 203 145 y 956 203 146.")]


def test_the_longer_of_two_wins_and_nothing_reaches_over_what_is_taken() -> None:
    """Whatever the order in which they were found."""
    long, short, apart = Span(1, 9, "card"), Span(4, 11, "phone"), Span(12, 14, "ip")

    assert [long, apart] == longest([short, apart, long])
    assert [apart] == longest([short, apart, long], taken=[(8, 10)])


def test_words_that_stand_for_a_value_are_left_alone() -> None:
    """Even where their kind is a word that would make a telephone of what follows."""
    assert [] == find("password: [password], [phone-12345678] 123 456 789, [email-7f3k2q9a]@example.org")


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=8).map("".join))
def test_spans_are_in_order_inside_the_text_and_apart(text: str) -> None:
    """Whatever stands side by side."""
    spans = find(text)

    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))
    assert all(span.shown == text[span.start : span.end] for span in spans if span.word is None)


@given(st.lists(st.sampled_from([text for _, text, _ in FOUND]), min_size=1, max_size=3).map(" \n".join))
def test_the_cheap_hints_rule_out_nothing_that_is_there(text: str) -> None:
    """Each kind's necessary part is necessary."""
    hint = hints(text)

    assert any(hint)
    assert len(find(text)) >= text.count("\n") + 1


@pytest.mark.parametrize(
    "hostile",
    [
        "eyJ" * 60_000 + "sk-" * 30_000 + "-----BEGIN PRIVATE KEY-----" * 1000 + "AKIA" * 10_000,
        "@" * 200_000,
        "a." * 100_000 + "@" + "a." * 100_000,
        "a@a." * 50_000,
        "://a:b@c.de " * 10_000 + "://" * 50_000,
        "1" * 200_000,
        "1 " * 100_000,
        "01-" * 60_000,
        "+(" * 100_000,
        "1.1.1." * 30_000,
        ":" * 200_000,
        "ab:" * 60_000,
        "GB82" * 50_000,
        "GB82 " * 40_000,
        "password:" * 20_000,
        "password: \"'`" * 15_000,
        "[phone-" * 30_000,
        "tel " * 50_000 + "123456",
        "driver's licence " * 10_000,
        "4111 1111 1111 1111 " * 10_000,
        "\ud800" * 50_000 + "é" * 50_000,
    ],
    ids=lambda text: text[:16].encode("ascii", "replace").decode(),
)
def test_a_hostile_text_is_read_in_a_bounded_time(hostile: str) -> None:
    """An expression that goes back and forth would take hours here, and this test would never end."""
    assert all(span.end <= len(hostile) for span in find(hostile))


def credentials_gone(text: str) -> str:
    """The text with every span replaced by its word; there is nothing but credentials in it."""
    return replaced(text, find(text), {})


def one_value(text: str) -> bool:
    """Whether two spans are found and mean the same."""
    spans = find(text)
    return len(spans) == 2 and len({(span.kind, span.value) for span in spans}) == 1


def test_pseudonyms_look_as_they_are_made() -> None:
    """A kind, a hyphen, eight signs that no eye confuses."""
    assert PSEUDONYM.fullmatch("[email-7f3k2q9a]")
    assert not PSEUDONYM.fullmatch("[email-7f3k2q9]")
    assert not PSEUDONYM.fullmatch("[Email-7f3k2q9i]")
