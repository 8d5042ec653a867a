"""Numbers and days spelled out, as minutes (*berita acara*) write them."""

from datetime import date

from iku.language import MONTHS

_DIGITS = (
    *("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan"),
    *("sembilan", "sepuluh", "sebelas"),
)
_DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")


def number(value: int) -> str:
    """*value*, from 0 to 9999, in words: 2021 is ``dua ribu dua puluh satu``."""
    if value < len(_DIGITS):
        return _DIGITS[value]
    if value < 20:
        return f"{_DIGITS[value - 10]} belas"
    for size, name, one in (
        (1000, "ribu", "seribu"),
        (100, "ratus", "seratus"),
        (10, "puluh", ""),
    ):
        if value >= size:
            count, rest = divmod(value, size)
            head = one if count == 1 else f"{number(count)} {name}"
            return f"{head} {number(rest)}" if rest else head
    raise AssertionError(value)


def day(of: date) -> str:
    """A day: ``Jumat tanggal tiga puluh satu bulan Desember tahun dua ribu …``."""
    return (
        f"{_DAYS[of.weekday()]} tanggal {number(of.day)} bulan "
        f"{MONTHS[of.month - 1]} tahun {number(of.year)}"
    )
