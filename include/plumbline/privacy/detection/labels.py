"""
What the words before a number say that it is.

A label counts where nothing but a few words without a digit stands between it and the number; a value before the
number, or a word that replaced one, ends what belongs to it.
"""

from __future__ import annotations

import re

LOOKED_BACK = 56
_GAP = r"[^0-9\]]{0,28}\Z"
_FEW = r"[^0-9\]]{0,12}\Z"

_PHONE = re.compile(
    r"\b(?:phones?|telephone|tel|telef|tel[eé]fonos?|tlf|tlfno|tfno|tfn|mobile|mobil|mobilnummer|cell|cellphone|fax|handy|"
    r"telefon\w{0,8}|t[eé]l[eé]phone|t[eé]l|portable|m[oó]vil|celular|whatsapp|telefono|cellulare|telefoon\w{0,8}|gsm|"
    r"telefax|hotline|sms|ph|kom[oó]rk\w{1,3}|telem[oó]vel)\b" + _GAP,
    re.IGNORECASE,
)
_REACHED = re.compile(
    r"\b(?:call\w{0,3}|text|dial|ring|reach|contact|messages?|registered|"
    r"(?:my|your|his|her|our|their|this) number|number is|anrufen|ruf\w{0,3}|ll[aá]m\w{1,6}|"
    r"appel\w{1,3}|chiam\w{1,5}|bel|n[uú]mero es|num[eé]ro est)\b" + _GAP,
    re.IGNORECASE,
)
_CARD = re.compile(
    r"\b(?:cards?|visa|mastercard|maestro|amex|american express|diners|credit|debit|kreditkarte\w{0,8}|karte\w{0,8}|"
    r"tarjeta|carte|carta|pan)\b" + _GAP,
    re.IGNORECASE,
)
_LICENCE = re.compile(
    r"(?:\bdriv\w{1,5}['’]?s?\s{1,2}(?:licen[cs]e|permit)|\bf[uü]hrerschein\w{0,8}|\bpermiso de conducir|"
    r"\bpermis de conduire|\bpatente di guida|\brijbewijs\w{0,8}|\bdln\b|\bdl ?\#)" + _GAP,
    re.IGNORECASE,
)
_ID = re.compile(
    r"\b(?:passport|reisepass\w{0,8}|pasaporte|passeport|national id|identity (?:card|number|document)|"
    r"personalausweis\w{0,8}|id (?:card|no|number)|ssn|social security|itin|nss|nass|nuss|nhc|seguridad social|"
    r"afiliaci[oó]n|cipa|n[ºo°.]? ?col(?:egiad[oa])?|n?h?istoria cl[ií]nica|medical record|mrn|"
    r"patient (?:id|no|number)|insurance (?:id|no|number)|"
    r"health (?:card|insurance)|nhs|versicher\w{1,16}|sozialversicherung\w{0,8}|tax(?:payer)? (?:id|number)|(?-i:TIN)|"
    r"steuer-?(?:id|identifikations)\w{0,8}|"
    r"idnr|nino|national insurance|(?-i:DNI|NIE|NIF|NIR|AVS|CPR)|s[eé]curit[eé] sociale|"
    r"codice fiscale|bsn|burgerservicenummer|sofinummer|pesel|ahv\w{0,8}|personnummer|f[oø]dselsnummer|"
    r"henkil[oö]tunnus|rijksregister\w{0,8}|aadhaar|curp)\b" + _FEW,
    re.IGNORECASE,
)
_BOOK = re.compile(r"\bISBN\b[^0-9\]]{0,12}\Z", re.IGNORECASE)
_CUT = re.compile(r"[0-9\]]")
_SHORTEST = 2


def context(text: str, start: int) -> str:
    """
    Return the words before a place that may belong to it: after the last digit, or word for a value.  Pure.

    Empty where there are too few signs for a label, as between the numbers of a table.
    """
    before = _CUT.split(text[max(0, start - LOOKED_BACK) : start])[-1]
    return before if len(before) > _SHORTEST else ""


def says_reached(context: str) -> bool:
    """Whether somebody is to be reached: weaker, because many things are called and numbered."""
    return bool(context) and _REACHED.search(context) is not None


def says_card(context: str) -> bool:
    """Whether a payment card is named."""
    return bool(context) and _CARD.search(context) is not None


def says_book(context: str) -> bool:
    """Whether a book is named."""
    return bool(context) and _BOOK.search(context) is not None


def kind_of(context: str) -> str | None:
    """Return what a label says that a number is, or None: phone, licence, or id (identity, insurance, tax, records)."""
    if not context:
        return None
    if _PHONE.search(context):
        return "phone"
    if _LICENCE.search(context):
        return "licence"
    return "id" if _ID.search(context) else None
