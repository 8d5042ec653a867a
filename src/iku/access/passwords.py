"""Passwords: 15 to 128 characters of any kind, hashed by Argon2id.

NIST SP 800-63B-4 and OWASP ASVS 5.0, 6.2: no composition rule and no rotation, but no
common password and no word of the agency. A verification takes the same work whether or
not there is a hash to compare with.

The SQL functions of schema access: `password`, `set_password`.
"""

import asyncio
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from iku.messages import Message, message
from iku.postgres.pool import Connection, Queryable

LEAST, MOST = 15, 128  # characters
LONGEST = 4_096  # bytes in UTF-8, which 128 characters do not exceed in practice
GUESSES = 10**10  # below, zxcvbn calls a password guessable
REMAINING_GUESSES = 10**8  # the same, without the agency's words
ANALYSED = 72  # characters, the most that zxcvbn reads

# RFC 9106 permits less time where memory is the limit. OWASP's least is 19 MiB twice.
HASHER = PasswordHasher(time_cost=2, memory_cost=65_536, parallelism=1)
# Two at a time: each takes 64 MiB.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
_analysis = threading.Lock()  # zxcvbn keeps the words of a call in a global variable

YEAR = re.compile(r"(?:19|20)[0-9]{2}")
WORD = re.compile(r"[^\W_]{3,}")
SUBSTITUTES = str.maketrans("4@8310$57", "aabeiosst")  # digits in place of letters
T = TypeVar("T")


def words_of(*texts: str) -> frozenset[str]:
    """The words of three letters or more in these texts, such as the agency's name."""
    return frozenset(
        word for text in texts for word in WORD.findall(_normalise(text).casefold())
    )


async def check(password: str, words: Iterable[str] = ()) -> Message | None:
    """The reason why a new password is refused; None if it is accepted.

    *words* are those of the agency and of the account, which an attacker knows.
    """
    return await _in_thread(lambda: password_fault(password, words))


def password_fault(password: str, words: Iterable[str] = ()) -> Message | None:
    """Like `check`, but blocks the caller's thread for some milliseconds."""
    normalised = _normalise(password)
    if (size := len(_encode(normalised))) > LONGEST:
        return message(
            "the password has {size} bytes in UTF-8, but must have at most {most}",
            size=size,
            most=LONGEST,
        )
    if not LEAST <= (length := count_characters(normalised)) <= MOST:
        return message(
            "the password has {length} characters, but must have {least} to {most}",
            length=length,
            least=LEAST,
            most=MOST,
        )
    if _is_guessable(normalised, frozenset(words)):
        return message(
            "the password is too easy to guess: it consists of common passwords, "
            "words, names, keyboard patterns, or words of the agency"
        )
    return None


def count_characters(text: str) -> int:
    """The number of characters as a person counts them.

    An emoji of several code points is one; so is a letter with its accents. This
    approximates the grapheme clusters of Unicode's annex 29.
    """
    count, joined = 0, False
    for one in text:
        extends = unicodedata.category(one) in {"Mn", "Me", "Mc", "Cf"}
        if not extends and not joined and not "\U0001f3fb" <= one <= "\U0001f3ff":
            count += 1
        joined = one == "\N{ZERO WIDTH JOINER}"
    return count


async def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with salt and parameters."""
    content = _encode(_normalise(password))
    return await _in_thread(lambda: HASHER.hash(content))


async def verify(stored: str | None, password: str) -> bool:
    """Whether *password* is the one of the hash *stored*.

    Takes the same work if *stored* is None, so that the time does not reveal whether an
    account has the name or a password.
    """
    content = _encode(_normalise(password))
    if len(content) > LONGEST:
        stored, content = None, b""
    return await _in_thread(lambda: _matches(stored, content))


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than are used now."""
    return HASHER.check_needs_rehash(stored)


async def of_account(reader: Queryable, account: str) -> tuple[str | None, str | None]:
    """The account's login name and its password's hash."""
    rows = await reader.fetch("select * from access.password($1)", account)
    return (rows[0]["login_name"], rows[0]["password"]) if rows else (None, None)


async def replace(
    connection: Connection, account: str, old: str | None, new: str
) -> bool:
    """Replace the hash *old* by *new*; False if *old* is no longer stored."""
    replaced: bool = await connection.fetchval(
        "select access.set_password($1, $2, $3)", account, old, new
    )
    return replaced


def _is_guessable(password: str, words: frozenset[str]) -> bool:
    spelt = {one for word in words for one in (word.casefold(), _letters(word))}
    known = sorted(spelt, key=len, reverse=True)
    if _is_listed(password, known):
        return True
    if not any(word in _letters(password) for word in known):
        return False
    rest = _letters(YEAR.sub("", password))
    for word in known:
        rest = rest.replace(word, "")
    return not rest or _analyse(rest, known)["guesses"] < REMAINING_GUESSES


def _letters(password: str) -> str:
    """Letters and digits in lower case, with letters for digits that replace them."""
    return "".join(filter(str.isalnum, password.casefold().translate(SUBSTITUTES)))


def _is_listed(password: str, words: list[str]) -> bool:
    """Whether word lists and patterns guess the password in fewer than `GUESSES` tries.

    Only ASCII matches count: the lists hold only ASCII, and refusing a repeated emoji
    as a pattern would be a composition rule.
    """
    found = _analyse(password, words)
    return found["guesses"] < GUESSES and any(
        match.get("base_token", match["token"]).isascii()
        for match in found["sequence"]
        if match["pattern"] != "bruteforce"
    )


def _analyse(password: str, words: list[str]) -> dict[str, Any]:
    with _analysis:
        # Reading its lists of words takes 20 ms, a tenth of the start of a command.
        from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # noqa: PLC0415

        found: dict[str, Any] = zxcvbn(password[:ANALYSED], user_inputs=words)
    return found


def _matches(stored: str | None, content: bytes) -> bool:
    try:
        return HASHER.verify(stored or _dummy_hash(), content) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache
def _dummy_hash() -> str:
    """A hash that no account has, verified so that an unknown login takes as long."""
    return HASHER.hash("")


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


async def _in_thread(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
