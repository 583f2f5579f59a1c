"""Where personal data and credentials stand in a text.  Pure: no list, no key, no database."""

from plumbline.privacy.detection.finding import find
from plumbline.privacy.detection.spans import PSEUDONYM, Span, longest

__all__ = ["PSEUDONYM", "Span", "find", "longest"]
