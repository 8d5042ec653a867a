"""Layouts of journals: the mapping of columns to fields of facts.

A row names a subject, the day of knowledge, the event (`peristiwa`) and its day. Every
other column becomes a field of the fact, whose type determines the accepted values.
docs/importing.md documents this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from iku.domain import conflict, organisation
from iku.domain.fact import Annulled, Correction
from iku.domain.indicator import Targeted

# Heading of the remark. It is also the reason of a row that changes a closed period.
REMARK = "keterangan"
# The content of a cell of a correction that clears its field.
CLEAR = "-"


@dataclass(frozen=True)
class FactLayout:
    """The fact that a kind of row states, and its columns.

    Attributes:
        fact: Type of the fact.
        fields: Field of the fact by heading.
        about: Types of facts that it corrects or annuls; empty for a plain fact.
        identifying_fields: Fields by heading that identify that fact, in addition to
            its day.
        any_of: Headings of which at least one is required.
        only: Redundant headings, with the only accepted text.
    """

    fact: type[Any]
    fields: Mapping[str, str] = field(default_factory=dict)
    about: tuple[type[Any], ...] = ()
    identifying_fields: Mapping[str, str] = field(default_factory=dict)
    any_of: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def clearable_columns(self) -> frozenset[str]:
        """Headings of the columns in which `CLEAR` clears the field."""
        corrects = issubclass(self.fact, Correction)
        return frozenset({*self.fields} - {REMARK}) if corrects else frozenset()


@dataclass(frozen=True)
class Layout:
    """The layout of a journal: its headings and statements.

    Attributes:
        category: Category of the subjects.
        subject: Heading of the subject's number.
        day: Heading of the effective day, or of the day of the wrong fact.
        known: Heading of the day of knowledge.
        event: Heading of the kind of row; None if there is only one.
        optional: Optional headings.
        ahead: Whether a fact may have a future day; its row is then known today.
    """

    category: str
    headings: tuple[str, ...]
    subject: str
    day: str
    known: str
    event: str | None
    statements: Mapping[str, FactLayout]
    optional: tuple[str, ...] = ()
    ahead: bool = False

    @cached_property
    def required_headings(self) -> frozenset[str]:
        """Headings of the columns required in every row."""
        return frozenset(
            {self.subject, self.day, self.known, *([self.event] if self.event else [])}
        )

    def columns(self, statement: FactLayout) -> Mapping[str, str]:
        """Headings by field of the fact."""
        return self._columns[id(statement)]

    @cached_property
    def _columns(self) -> dict[int, dict[str, str]]:
        day = dict.fromkeys(("corrects", "annuls", "effective_on"), self.day)
        own = {"known_on": self.known, "reason": REMARK}
        return {
            id(one): {**day, **own, **{f: h for h, f in one.fields.items()}}
            for one in self.statements.values()
        }


def _dated_statement(fact: type[Any], **fields: str) -> FactLayout:
    """A fact with the effective day `tanggal`, and its fields by heading."""
    return FactLayout(fact, {"tanggal": "effective_on", **fields})


def _correction_statement(
    fact: type[Any], *about: type[Any], **fields: str
) -> FactLayout:
    return FactLayout(
        fact, {**fields, "keterangan": "reason"}, about, any_of=tuple(fields)
    )


def _annulment_statement(*about: type[Any], **identifying_fields: str) -> FactLayout:
    return FactLayout(Annulled, {"keterangan": "reason"}, about, identifying_fields)


CONFLICTS = Layout(
    category="conflict",
    headings=(
        "diketahui_pada",
        "nomor",
        "peristiwa",
        "tanggal",
        "kategori",
        "dimensi",
        "judul",
        "tanggal_kejadian",
        "sumber",
        "wilayah",
        "ke_nomor",
        "cara",
        "keterangan",
    ),
    subject="nomor",
    day="tanggal",
    known="diketahui_pada",
    event="peristiwa",
    statements={
        "dilaporkan": _dated_statement(
            conflict.Reported,
            kategori="category",
            dimensi="dimension",
            judul="title",
            tanggal_kejadian="occurred_on",
            sumber="source",
            wilayah="area",
            keterangan="reference",
        ),
        "dikembalikan": _dated_statement(conflict.Returned, keterangan="missing"),
        "diverifikasi": _dated_statement(conflict.Verified, keterangan="note"),
        "ditolak": _dated_statement(conflict.Rejected, keterangan="reason"),
        "ditangani": _dated_statement(
            conflict.Handled, cara="phase", keterangan="note"
        ),
        "dilimpahkan": _dated_statement(conflict.Referred, keterangan="note"),
        "diselesaikan": _dated_statement(
            conflict.Resolved, cara="manner", keterangan="evidence"
        ),
        "dibuka_kembali": _dated_statement(conflict.Reopened, keterangan="reason"),
        "direklasifikasi": FactLayout(
            conflict.Reclassified,
            {
                "tanggal": "effective_on",
                "kategori": "category",
                "dimensi": "dimension",
                "keterangan": "reason",
            },
            any_of=("kategori", "dimensi"),
        ),
        "digabung": _dated_statement(
            conflict.Merged, ke_nomor="into", keterangan="reason"
        ),
        "klasifikasi_dikoreksi": _correction_statement(
            conflict.Corrected,
            conflict.Reported,
            conflict.Reclassified,
            kategori="category",
            dimensi="dimension",
        ),
        "laporan_dikoreksi": _correction_statement(
            conflict.Corrected,
            conflict.Reported,
            kategori="category",
            dimensi="dimension",
            judul="title",
            tanggal_kejadian="occurred_on",
            sumber="source",
            wilayah="area",
        ),
        "nomor_dikoreksi": _correction_statement(
            conflict.Corrected, conflict.Reported, ke_nomor="number"
        ),
        "penutupan_dikoreksi": _correction_statement(
            conflict.Corrected, conflict.Resolved, cara="manner"
        ),
        "laporan_dibatalkan": _annulment_statement(conflict.Reported),
        "pengembalian_dibatalkan": _annulment_statement(conflict.Returned),
        "verifikasi_dibatalkan": _annulment_statement(conflict.Verified),
        "penolakan_dibatalkan": _annulment_statement(conflict.Rejected),
        "penanganan_dibatalkan": _annulment_statement(conflict.Handled),
        "pelimpahan_dibatalkan": _annulment_statement(conflict.Referred),
        "penutupan_dibatalkan": _annulment_statement(conflict.Resolved),
        "pembukaan_dibatalkan": _annulment_statement(conflict.Reopened),
        "reklasifikasi_dibatalkan": _annulment_statement(conflict.Reclassified),
        "penggabungan_dibatalkan": _annulment_statement(conflict.Merged),
    },
)

ORGANISATIONS = Layout(
    category="organisation",
    headings=(
        "diketahui_pada",
        "nomor",
        "peristiwa",
        "tanggal",
        "jenis",
        "nama",
        "dasar_hukum",
        "berlaku_sampai",
        "rujukan",
        "kegiatan",
        "terverifikasi",
        "keterangan",
    ),
    optional=("wilayah",),
    subject="nomor",
    day="tanggal",
    known="diketahui_pada",
    event="peristiwa",
    statements={
        "didaftar": _dated_statement(
            organisation.Registered,
            jenis="kind",
            nama="name",
            dasar_hukum="legal_basis",
            berlaku_sampai="valid_until",
            wilayah="area",
            keterangan="reason",
        ),
        "diperpanjang": FactLayout(
            organisation.Renewed,
            {
                "tanggal": "effective_on",
                "berlaku_sampai": "valid_until",
                "keterangan": "note",
            },
            only={"dasar_hukum": "skt"},
        ),
        "dibekukan": _dated_statement(organisation.Suspended, keterangan="reason"),
        "dipulihkan": _dated_statement(organisation.Restored, keterangan="reason"),
        "bubar": _dated_statement(organisation.Dissolved, keterangan="reason"),
        "dicabut": _dated_statement(organisation.Revoked, keterangan="reason"),
        "pindah": _dated_statement(organisation.MovedOut, keterangan="reason"),
        "digabung": _dated_statement(
            organisation.Merged, rujukan="into", keterangan="reason"
        ),
        "ditolak": _dated_statement(organisation.Rejected, keterangan="reason"),
        "berpartisipasi": _dated_statement(
            organisation.Participated,
            rujukan="participation",
            kegiatan="activity",
            terverifikasi="verified",
            keterangan="note",
        ),
        "partisipasi_diverifikasi": FactLayout(
            organisation.ParticipationVerified,
            {
                "tanggal": "effective_on",
                "rujukan": "participation",
                "keterangan": "note",
            },
            only={"terverifikasi": "ya"},
        ),
        "pendaftaran_dikoreksi": _correction_statement(
            organisation.Corrected,
            organisation.Registered,
            jenis="kind",
            nama="name",
            dasar_hukum="legal_basis",
            berlaku_sampai="valid_until",
            wilayah="area",
        ),
        "nomor_dikoreksi": _correction_statement(
            organisation.Corrected, organisation.Registered, rujukan="number"
        ),
        "partisipasi_dikoreksi": FactLayout(
            organisation.Corrected,
            {
                "kegiatan": "activity",
                "terverifikasi": "verified",
                "keterangan": "reason",
            },
            (organisation.Participated,),
            {"rujukan": "participation"},
            any_of=("kegiatan", "terverifikasi"),
        ),
        "pendaftaran_dibatalkan": _annulment_statement(organisation.Registered),
        "perpanjangan_dibatalkan": _annulment_statement(organisation.Renewed),
        "pembekuan_dibatalkan": _annulment_statement(organisation.Suspended),
        "pemulihan_dibatalkan": _annulment_statement(organisation.Restored),
        "pembubaran_dibatalkan": _annulment_statement(organisation.Dissolved),
        "pencabutan_dibatalkan": _annulment_statement(organisation.Revoked),
        "kepindahan_dibatalkan": _annulment_statement(organisation.MovedOut),
        "penggabungan_dibatalkan": _annulment_statement(organisation.Merged),
        "penolakan_dibatalkan": _annulment_statement(organisation.Rejected),
        "partisipasi_dibatalkan": _annulment_statement(
            organisation.Participated, rujukan="participation"
        ),
        "verifikasi_dibatalkan": _annulment_statement(
            organisation.ParticipationVerified, rujukan="participation"
        ),
    },
)

TARGETS = Layout(
    category="indicator",
    headings=("indikator", "tahun", "target", "berlaku_mulai", "dasar"),
    optional=(REMARK,),
    subject="indikator",
    day="berlaku_mulai",
    known="berlaku_mulai",
    event=None,
    ahead=True,
    statements={
        "": FactLayout(
            Targeted,
            {
                "tahun": "year",
                "target": "target",
                "berlaku_mulai": "effective_on",
                "dasar": "basis",
                REMARK: "reason",
            },
        )
    },
)

LAYOUTS = {"konflik": CONFLICTS, "organisasi": ORGANISATIONS, "target": TARGETS}
