"""What events and their fields are called on paper: the words of the journals."""

from typing import Any

from iku.exchange import formats
from iku.exchange.layouts import LAYOUTS, Statement

_STATEMENTS: list[tuple[str, Statement]] = [
    one for layout in LAYOUTS.values() for one in layout.statements.items()
]
EVENTS: dict[Any, str] = {
    **{
        said.fact.__struct_config__.tag: name.replace("_", " ")
        for name, said in _STATEMENTS
        if not said.about
    },
    # Of these the journals tell several apart.
    "corrected": "dikoreksi",
    "annulled": "dibatalkan",
    "attached": "berkas dilampirkan",
}
FIELDS: dict[str, str] = {
    **{
        field: heading.replace("_", " ")
        for _, said in _STATEMENTS
        for heading, field in said.fields.items()
    },
    # Of these the journals know none, or one word for several.
    "effective_on": "tanggal",
    "level": "tingkat",
    "phase": "tahap",
    "manner": "cara",
    "reason": "alasan",
    "evidence": "bukti",
    "note": "catatan",
    "reference": "rujukan",
    "into": "ke nomor",
    "number": "nomor",
    "corrects": "versi",
    "annuls": "versi",
    "cleared": "dikosongkan",
    "reporter": "pelapor",
    "parties": "pihak",
    "file_name": "nama berkas",
    "media_type": "jenis berkas",
    "length": "panjang",
    "sha256": "SHA-256",
}


def value(of: Any) -> str:
    """What a field holds, as on paper; a dash for None, words for names of fields."""
    if isinstance(of, list):
        return ", ".join(FIELDS.get(str(one), str(one)) for one in of)
    words: dict[Any, str] = {None: formats.NOTHING, True: "ya", False: "tidak"}
    return words[of] if of is None or isinstance(of, bool) else str(of)
