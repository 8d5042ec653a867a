"""Characters that are invisible, or that change how a text appears.

New texts with such characters are refused (`decider`). Older records may hold some, so
they are escaped in every output that a person reads.
"""

import re
import unicodedata

# Some scripts and emoji need the two joiners.
_JOINERS = frozenset("\u200c\u200d")
# Format characters with a visible form, around digits and words of some scripts.
_VISIBLE = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
)
_UNSEEN = frozenset({"Cf", "Zl", "Zp"})
# All but tab, line feed and carriage return, which structure a text.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def is_hidden(character: str) -> bool:
    """Whether *character* is an invisible Unicode format character.

    These include the controls of direction (U+202A to U+202E, U+2066 to U+2069, U+200E,
    U+200F, U+061C), zero-width spaces, the soft hyphen, tags, and the line and
    paragraph separators.
    """
    if unicodedata.category(character) not in _UNSEEN:
        return False
    return character not in _JOINERS and character not in _VISIBLE


def is_unsafe(character: str) -> bool:
    """Whether *character* is hidden, or a control that a terminal may obey."""
    return is_hidden(character) or _CONTROLS.match(character) is not None


_USUAL = range(0x250)  # Latin; caching all of Unicode would take too much memory


class _EscapeTable(dict[int, str]):
    """Table for `str.translate`: the escape of each unsafe character, by code point."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        written = self.escape(character) if is_unsafe(character) else character
        if code in _USUAL or written != character:
            self[code] = written
        return written

    def escape(self, character: str) -> str:
        """The escape of *character*: ``<U+202E>``."""
        return f"<U+{ord(character):04X}>"


class _JsonEscapeTable(_EscapeTable):
    def escape(self, character: str) -> str:
        """The JSON escape; a surrogate pair beyond U+FFFF (RFC 8259, section 7)."""
        halves = character.encode("utf-16-be").hex()
        return "".join(f"\\u{halves[at : at + 4]}" for at in range(0, len(halves), 4))


_marks, _escapes = _EscapeTable(), _JsonEscapeTable()


def escaped_text(text: str) -> str:
    """*text* with each unsafe character escaped: ``<U+202E>``."""
    usual = text.isascii() and _CONTROLS.search(text) is None
    return text if usual else text.translate(_marks)


def escaped_json(json: bytes) -> bytes:
    """*json* with each unsafe character as a JSON escape; its value stays the same."""
    if json.isascii() and b"\x7f" not in json:
        return json
    return json.decode().translate(_escapes).encode()
