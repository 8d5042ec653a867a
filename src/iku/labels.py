"""Labels of values, fields and events, in Indonesian and English.

Pages, the terminal, reports and headings of spreadsheets use them. The names under
which values are stored and sent do not depend on them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from iku.domain.cause import Cause
from iku.domain.conflict import Category, Dimension, Level, Manner, Phase, Source
from iku.domain.difference import DifferenceStep
from iku.domain.organisation import Activity, LegalBasis, OrganisationKind
from iku.domain.publication import PublicationState
from iku.domain.withheld_text import WithheldReason
from iku.ledger.checkpoint_store import Coverage
from iku.messages import Term


class Label(NamedTuple):
    """A word or a sentence, in Indonesian and in English."""

    id: str
    en: str


# Statuses of cases and of organisations.
STATUSES: Mapping[str, Label] = {
    "open": Label("terbuka", "open"),
    "returned": Label("dikembalikan", "returned"),
    "resolved": Label("selesai", "resolved"),
    "active": Label("aktif", "active"),
    "suspended": Label("dibekukan", "suspended"),
    "dissolved": Label("bubar", "dissolved"),
    "revoked": Label("dicabut", "revoked"),
    "moved_out": Label("pindah", "moved out"),
    "rejected": Label("ditolak", "rejected"),
    "merged": Label("digabung", "merged"),
    "annulled": Label("dibatalkan", "annulled"),
}
CATEGORIES: Mapping[str, Label] = {
    Category.IPOLEKSOSBUD: Label("ipoleksosbud", "ipoleksosbud"),
    Category.SARA: Label("sara", "sara"),
    Category.LAINNYA: Label("lainnya", "other"),
}
DIMENSIONS: Mapping[str, Label] = {
    Dimension.IDEOLOGI: Label("ideologi", "ideology"),
    Dimension.POLITIK: Label("politik", "politics"),
    Dimension.EKONOMI: Label("ekonomi", "economy"),
    Dimension.SOSIAL: Label("sosial", "society"),
    Dimension.BUDAYA: Label("budaya", "culture"),
    Dimension.SUKU: Label("suku", "ethnicity"),
    Dimension.AGAMA: Label("agama", "religion"),
    Dimension.RAS: Label("ras", "race"),
    Dimension.ANTARGOLONGAN: Label("antargolongan", "intergroup relations"),
    Dimension.BATAS_WILAYAH: Label("batas wilayah", "boundaries"),
    Dimension.SUMBER_DAYA_ALAM: Label("sumber daya alam", "natural resources"),
    Dimension.DISTRIBUSI_SDA: Label(
        "distribusi sumber daya alam", "distribution of natural resources"
    ),
}
LEVELS: Mapping[str, Label] = {
    Level.POTENSI: Label("potensi", "potential conflict"),
    Level.PERSETERUAN: Label("perseteruan", "dispute"),
    Level.KEKERASAN: Label("kekerasan", "violence"),
    Level.STATUS_KEADAAN_KONFLIK: Label(
        "status keadaan konflik", "declared state of conflict"
    ),
}
SOURCES: Mapping[str, Label] = {
    Source.POLRES: Label("polres", "police (Polres)"),
    Source.KODIM: Label("kodim", "military district (Kodim)"),
    Source.KOMINDA: Label("kominda", "regional intelligence community (Kominda)"),
    Source.FKDM: Label("fkdm", "early-warning forum (FKDM)"),
    Source.FKUB: Label("fkub", "interfaith forum (FKUB)"),
    Source.FPK: Label("fpk", "forum of ethnic groups (FPK)"),
    Source.PKS: Label("pks", "social conflict team (PKS)"),
    Source.BIDANG: Label("bidang", "division"),
    Source.MASYARAKAT: Label("masyarakat", "the public"),
    Source.MEDIA: Label("media", "the media"),
    Source.LAINNYA: Label("lainnya", "other"),
}
PHASES: Mapping[str, Label] = {
    Phase.PENCEGAHAN: Label("pencegahan", "prevention"),
    Phase.PENGHENTIAN: Label("penghentian", "cessation"),
    Phase.PEMULIHAN: Label("pemulihan", "recovery"),
}
MANNERS: Mapping[str, Label] = {
    Manner.ISLAH: Label("islah", "reconciliation"),
    Manner.KESEPAKATAN_DAMAI: Label("kesepakatan damai", "peace agreement"),
    Manner.MEDIASI: Label("mediasi", "mediation"),
    Manner.PUTUSAN_INKRAH: Label("putusan inkrah", "final judgment"),
    Manner.KEPUTUSAN_ADAT: Label("keputusan adat", "customary decision"),
    Manner.PENEGAKAN_HUKUM: Label("penegakan hukum", "law enforcement"),
    Manner.REDA_TERVERIFIKASI: Label("reda terverifikasi", "verified as subsided"),
    Manner.DILIMPAHKAN: Label("dilimpahkan", "referred to another body"),
}
KINDS: Mapping[str, Label] = {
    OrganisationKind.ORMAS: Label("ormas", "mass organisation (ormas)"),
    OrganisationKind.LSM: Label("lsm", "non-governmental organisation (lsm)"),
    OrganisationKind.PARPOL: Label("parpol", "political party (parpol)"),
}
LEGAL_BASES: Mapping[str, Label] = {
    LegalBasis.SKT: Label("skt", "certificate of registration (skt)"),
    LegalBasis.BADAN_HUKUM: Label("badan hukum", "legal entity"),
    LegalBasis.PARPOL: Label("parpol", "political party (parpol)"),
    LegalBasis.NONE: Label("tidak ada", "none"),
}
ACTIVITIES: Mapping[str, Label] = {
    Activity.MUSRENBANG: Label("musrenbang", "development planning meeting"),
    Activity.PENDIDIKAN_POLITIK: Label("pendidikan politik", "political education"),
    Activity.BAKTI_SOSIAL: Label("bakti sosial", "community service"),
    Activity.KEMITRAAN: Label("kemitraan", "partnership"),
    Activity.WAWASAN_KEBANGSAAN: Label("wawasan kebangsaan", "civic education"),
    Activity.LAPORAN_KEGIATAN: Label("laporan kegiatan", "report of activities"),
    Activity.LAINNYA: Label("lainnya", "other"),
}
# The labels of values, by field.
VALUES: Mapping[str, Mapping[str, Label]] = {
    "status": STATUSES,
    "category": CATEGORIES,
    "dimension": DIMENSIONS,
    "level": LEVELS,
    "source": SOURCES,
    "phase": PHASES,
    "manner": MANNERS,
    "kind": KINDS,
    "legal_basis": LEGAL_BASES,
    "activity": ACTIVITIES,
}

# The labels of events, by recorded type.
EVENTS: Mapping[str, Label] = {
    "reported": Label("dilaporkan", "reported"),
    "returned": Label("dikembalikan", "returned"),
    "verified": Label("diverifikasi", "verified"),
    "rejected": Label("ditolak", "rejected"),
    "handled": Label("ditangani", "handled"),
    "referred": Label("dilimpahkan", "referred"),
    "resolved": Label("diselesaikan", "resolved"),
    "reopened": Label("dibuka kembali", "reopened"),
    "reclassified": Label("direklasifikasi", "reclassified"),
    "merged": Label("digabung", "merged"),
    "absorbed": Label("penggabungan diterima", "took over by a merger"),
    "attached": Label("berkas dilampirkan", "file attached"),
    "corrected": Label("dikoreksi", "corrected"),
    "annulled": Label("dibatalkan", "annulled"),
    "registered": Label("didaftar", "registered"),
    "renewed": Label("diperpanjang", "renewed"),
    "suspended": Label("dibekukan", "suspended"),
    "restored": Label("dipulihkan", "restored"),
    "dissolved": Label("bubar", "dissolved"),
    "revoked": Label("dicabut", "revoked"),
    "moved_out": Label("pindah", "moved out"),
    "participated": Label("berpartisipasi", "participated"),
    "participation_carried": Label(
        "partisipasi diambil alih", "participation taken over"
    ),
    "participation_verified": Label(
        "partisipasi diverifikasi", "participation verified"
    ),
    "defined": Label("definisi ditetapkan", "definition set"),
    "targeted": Label("target ditetapkan", "target set"),
    "scaled": Label("skala ditetapkan", "scale set"),
    "drafted": Label("disusun", "drafted"),
    "closed": Label("ditutup", "closed"),
    "reviewed": Label("ditelaah", "reviewed"),
    "published": Label("diterbitkan", "published"),
    "withdrawn": Label("ditarik", "withdrawn"),
    "continued": Label("log dilanjutkan", "log continued"),
    "erased": Label("dihapus", "erased"),
}
FIELDS: Mapping[str, Label] = {
    "effective_on": Label("tanggal", "day"),
    "category": Label("kategori", "category"),
    "dimension": Label("dimensi", "dimension"),
    "title": Label("judul", "title"),
    "occurred_on": Label("tanggal kejadian", "day of the incident"),
    "source": Label("sumber", "source"),
    "area": Label("wilayah", "area"),
    "reference": Label("rujukan", "reference"),
    "missing": Label("kekurangan", "what is missing"),
    "note": Label("catatan", "note"),
    "reason": Label("alasan", "reason"),
    "level": Label("tingkat", "level"),
    "phase": Label("tahap", "phase"),
    "manner": Label("cara", "manner"),
    "evidence": Label("bukti", "evidence"),
    "into": Label("ke nomor", "into number"),
    "origin": Label("asal", "origin"),
    "not_carried": Label("tidak diambil alih", "not taken over"),
    "number": Label("nomor", "number"),
    "kind": Label("jenis", "kind"),
    "name": Label("nama", "name"),
    "legal_basis": Label("dasar hukum", "legal basis"),
    "valid_until": Label("berlaku sampai", "valid until"),
    "participation": Label("rujukan", "reference"),
    "activity": Label("kegiatan", "activity"),
    "verified": Label("terverifikasi", "verified"),
    "year": Label("tahun", "year"),
    "target": Label("target", "target"),
    "basis": Label("dasar", "basis"),
    "corrects": Label("versi", "version"),
    "annuls": Label("versi", "version"),
    "cleared": Label("dikosongkan", "cleared"),
    "reporter": Label("pelapor", "reporter"),
    "parties": Label("pihak", "parties"),
    "file": Label("berkas", "file"),
    "file_name": Label("nama berkas", "file name"),
    "media_type": Label("jenis berkas", "media type"),
    "length": Label("panjang", "length"),
    "sha256": Label("SHA-256", "SHA-256"),
    "wording": Label("bunyi", "wording"),
    "formula": Label("rumus", "formula"),
    "sources": Label("sumber data", "data sources"),
    "owner": Label("penanggung jawab", "owner"),
    "objective": Label("sasaran", "objective"),
    "options": Label("opsi", "options"),
    # Fields in lists of cases and organisations.
    "id": Label("pengenal", "identifier"),
    "status": Label("status", "status"),
    "reported_on": Label("dilaporkan", "reported"),
    "resolved_on": Label("diselesaikan", "resolved"),
    "registered_on": Label("terdaftar", "registered"),
    "expired": Label("kedaluwarsa", "expired"),
    "merged_into": Label("digabung ke", "merged into"),
}

PUBLICATION_STATES: Mapping[str, Label] = {
    PublicationState.DRAFT: Label("draf", "draft"),
    PublicationState.CLOSED: Label("ditutup", "closed"),
    PublicationState.REVIEWED: Label("ditelaah", "reviewed"),
    PublicationState.PUBLISHED: Label("terbit", "published"),
    PublicationState.WITHDRAWN: Label("ditarik", "withdrawn"),
}
COVERAGES: Mapping[str, Label] = {
    Coverage.PENDING: Label(
        "Belum dijamin: catatan ini belum ditandatangani.",
        "Not vouched for yet: this record has not been signed.",
    ),
    Coverage.SIGNED: Label(
        "Ditandatangani oleh log; belum disaksikan pihak luar.",
        "Signed by the log; not witnessed by outside parties yet.",
    ),
    Coverage.WITNESSED: Label(
        "Ditandatangani oleh log dan disaksikan pihak luar.",
        "Signed by the log and witnessed by outside parties.",
    ),
}
STEPS: Mapping[str, Label] = {
    DifferenceStep.KNOWLEDGE: Label("Pengetahuan", "Knowledge"),
    DifferenceStep.DEFINITION: Label("Definisi", "Definition"),
    DifferenceStep.TIME: Label("Waktu", "Time"),
    DifferenceStep.TARGET: Label("Target", "Target"),
}
CAUSES: Mapping[str, Label] = {
    Cause.LATE_DATA: Label("data terlambat", "late data"),
    Cause.VERIFICATION: Label("verifikasi", "verification"),
    Cause.CORRECTION: Label("koreksi", "correction"),
    Cause.ANNULMENT: Label("pembatalan", "annulment"),
    Cause.REJECTION: Label("penolakan", "rejection"),
    Cause.MERGER: Label("penggabungan", "merger"),
    Cause.DEFINITION: Label("definisi", "definition"),
    Cause.TARGET: Label("target", "target"),
    Cause.TIME: Label("waktu", "time"),
}

# Why a text or file is not shown.
WITHHELD: Mapping[str, Label] = {
    WithheldReason.ERASED: Label("dihapus", "erased"),
    WithheldReason.LOCKED: Label("terkunci", "locked"),
    WithheldReason.DAMAGED: Label("rusak", "damaged"),
    WithheldReason.MISSING: Label("hilang", "missing"),
}
# The kinds of subjects, by category of stream.
SUBJECTS: Mapping[str, Label] = {
    "conflict": Label("kasus", "case"),
    "organisation": Label("organisasi", "organisation"),
    "indicator": Label("indikator", "indicator"),
    "scale": Label("skala predikat", "rating scale"),
    "publication": Label("publikasi", "publication"),
    "subject": Label("subjek", "subject"),
    "ledger": Label("log", "log"),
}
# The headings of the numbers of a figure.
FIGURE: Mapping[str, Label] = {
    "indicator": Label("Indikator", "Indicator"),
    "numerator": Label("Pembilang", "Numerator"),
    "denominator": Label("Penyebut", "Denominator"),
    "percentage": Label("Realisasi", "Actual"),
    "target": Label("Target", "Target"),
    "achievement": Label("Capaian", "Achievement"),
    "rating": Label("Predikat", "Rating"),
}


def value(field: str, of: Any) -> Label | None:
    """The label of the value *of* in *field*; None if it has none."""
    labels = VALUES.get(field)
    return labels.get(of) if labels is not None and isinstance(of, str) else None


# The labels of terms, by the field of the `Term`.
_TERMS: Mapping[str, Mapping[str, Label]] = {
    "category": SUBJECTS,
    "event": EVENTS,
    "state": PUBLICATION_STATES,
    "status": STATUSES,
    "withheld": WITHHELD,
}


def of(term: Term) -> Label:
    """The label of *term*."""
    return _TERMS[term.field][term.stored]
