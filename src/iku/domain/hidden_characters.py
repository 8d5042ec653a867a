"""Characters that are not seen, and those that make a text read otherwise than it is.

New texts with them are refused (`decider`). Older records may hold some; where a text
leaves the program for a person's eyes they are written out.
"""

import unicodedata

# The two joiners are part of how some scripts and emoji are written.
_JOINERS = frozenset("\u200c\u200d")
# Marks that stand before or around digits of some scripts: format characters, but seen.
_VISIBLE = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
)
_UNSEEN = frozenset({"Cf", "Zl", "Zp"})


def is_hidden(character: str) -> bool:
    """Whether it is one of Unicode's format characters that are not seen.

    Such are controls of direction (U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F,
    U+061C), spaces without width, the soft hyphen, tags, and the separators of lines
    and paragraphs.
    """
    if unicodedata.category(character) not in _UNSEEN:
        return False
    return character not in _JOINERS and character not in _VISIBLE


def is_unsafe(character: str) -> bool:
    """Whether it is hidden, or a control that a terminal could obey."""
    return is_hidden(character) or "\x7f" <= character <= "\x9f"


_USUAL = range(0x250)  # Latin; all of Unicode would be too much to remember


class _Marks(dict[int, str]):
    """What `str.translate` writes in place of each character, by its code point."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        written = self.mark(character) if is_unsafe(character) else character
        if code in _USUAL or written != character:
            self[code] = written
        return written

    def mark(self, character: str) -> str:
        """``<U+202E>``."""
        return f"<U+{ord(character):04X}>"


class _Escapes(_Marks):
    def mark(self, character: str) -> str:
        """The escape of JSON, of two halves beyond U+FFFF (RFC 8259, section 7)."""
        halves = character.encode("utf-16-be").hex()
        return "".join(f"\\u{halves[at : at + 4]}" for at in range(0, len(halves), 4))


_marks, _escapes = _Marks(), _Escapes()


def marked(text: str) -> str:
    """*text* with each such character written out: ``<U+202E>``."""
    return text if text.isascii() and "\x7f" not in text else text.translate(_marks)


def escaped(json: bytes) -> bytes:
    """JSON of the same meaning, in which each such character is an escape."""
    if json.isascii() and b"\x7f" not in json:
        return json
    return json.decode().translate(_escapes).encode()
