"""Labels of values, fields and events, as messages.

Pages, the terminal, reports and headings of spreadsheets use them. The names under
which values are stored and sent do not depend on them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from iku.domain.access import Action
from iku.domain.account import Role
from iku.domain.cause import Cause
from iku.domain.conflict import Category, Dimension, Level, Manner, Phase, Source
from iku.domain.difference import DifferenceStep
from iku.domain.organisation import Activity, LegalBasis, OrganisationKind
from iku.domain.paper_data import StatementKind
from iku.domain.proposal import ProposalStatus
from iku.domain.publication import PublicationState, StepType
from iku.domain.withheld_text import WithheldReason
from iku.ledger.checkpoint_store import Coverage
from iku.messages import Message, Term, vocabulary

# Statuses of cases and of organisations.
STATUSES = vocabulary(
    "status",
    {
        "open": "open",
        "returned": "returned",
        "resolved": "resolved",
        "active": "active",
        "suspended": "suspended",
        "dissolved": "dissolved",
        "revoked": "revoked",
        "moved_out": "moved out",
        "rejected": "rejected",
        "merged": "merged",
        "annulled": "annulled",
    },
)
CATEGORIES = vocabulary(
    "category",
    {
        Category.IPOLEKSOSBUD: "IPOLEKSOSBUD",
        Category.SARA: "SARA",
        Category.LAINNYA: "other",
    },
)
DIMENSIONS = vocabulary(
    "dimension",
    {
        Dimension.IDEOLOGI: "ideology",
        Dimension.POLITIK: "politics",
        Dimension.EKONOMI: "economy",
        Dimension.SOSIAL: "society",
        Dimension.BUDAYA: "culture",
        Dimension.SUKU: "ethnicity",
        Dimension.AGAMA: "religion",
        Dimension.RAS: "race",
        Dimension.ANTARGOLONGAN: "intergroup relations",
        Dimension.BATAS_WILAYAH: "boundaries",
        Dimension.SUMBER_DAYA_ALAM: "natural resources",
        Dimension.DISTRIBUSI_SDA: "distribution of natural resources",
    },
)
LEVELS = vocabulary(
    "level",
    {
        Level.POTENSI: "potential conflict",
        Level.PERSETERUAN: "dispute",
        Level.KEKERASAN: "violence",
        Level.STATUS_KEADAAN_KONFLIK: "declared state of conflict",
    },
)
SOURCES = vocabulary(
    "source",
    {
        Source.POLRES: "police (Polres)",
        Source.KODIM: "military district (Kodim)",
        Source.KOMINDA: "regional intelligence community (Kominda)",
        Source.FKDM: "early-warning forum (FKDM)",
        Source.FKUB: "interfaith forum (FKUB)",
        Source.FPK: "forum of ethnic groups (FPK)",
        Source.PKS: "social conflict team (PKS)",
        Source.BIDANG: "division",
        Source.MASYARAKAT: "the public",
        Source.MEDIA: "the media",
        Source.LAINNYA: "other",
    },
)
PHASES = vocabulary(
    "phase",
    {
        Phase.PENCEGAHAN: "prevention",
        Phase.PENGHENTIAN: "cessation",
        Phase.PEMULIHAN: "recovery",
    },
)
MANNERS = vocabulary(
    "manner",
    {
        Manner.ISLAH: "reconciliation",
        Manner.KESEPAKATAN_DAMAI: "peace agreement",
        Manner.MEDIASI: "mediation",
        Manner.PUTUSAN_INKRAH: "final judgment",
        Manner.KEPUTUSAN_ADAT: "customary decision",
        Manner.PENEGAKAN_HUKUM: "law enforcement",
        Manner.REDA_TERVERIFIKASI: "verified as subsided",
        Manner.DILIMPAHKAN: "referred to another body",
    },
)
KINDS = vocabulary(
    "kind",
    {
        OrganisationKind.ORMAS: "mass organisation (ormas)",
        OrganisationKind.LSM: "non-governmental organisation (lsm)",
        OrganisationKind.PARPOL: "political party (parpol)",
    },
)
LEGAL_BASES = vocabulary(
    "legal basis",
    {
        LegalBasis.SKT: "certificate of registration (skt)",
        LegalBasis.BADAN_HUKUM: "legal entity",
        LegalBasis.PARPOL: "political party (parpol)",
        LegalBasis.NONE: "none",
    },
)
ACTIVITIES = vocabulary(
    "activity",
    {
        Activity.MUSRENBANG: "development planning meeting",
        Activity.PENDIDIKAN_POLITIK: "political education",
        Activity.BAKTI_SOSIAL: "community service",
        Activity.KEMITRAAN: "partnership",
        Activity.WAWASAN_KEBANGSAAN: "civic education",
        Activity.LAPORAN_KEGIATAN: "report of activities",
        Activity.LAINNYA: "other",
    },
)
# The labels of values, by field.
VALUES: Mapping[str, Mapping[str, Message]] = {
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
EVENTS = vocabulary(
    "event",
    {
        "reported": "reported",
        "returned": "returned",
        "verified": "verified",
        "rejected": "rejected",
        "handled": "handled",
        "referred": "referred",
        "resolved": "resolved",
        "reopened": "reopened",
        "reclassified": "reclassified",
        "merged": "merged",
        "absorbed": "took over another subject",
        "attached": "file attached",
        "corrected": "corrected",
        "annulled": "annulled",
        "registered": "registered",
        "renewed": "renewed",
        "suspended": "suspended",
        "restored": "restored",
        "dissolved": "dissolved",
        "revoked": "revoked",
        "moved_out": "moved out",
        "participated": "participated",
        "participation_carried": "participation taken over",
        "participation_verified": "participation verified",
        "defined": "definition set",
        "targeted": "target set",
        "scaled": "scale set",
        "drafted": "drafted",
        "confirmed": "confirmed",
        "closed": "closed",
        "reviewed": "reviewed",
        "published": "published",
        "withdrawn": "withdrawn",
        "continued": "log continued",
        "erased": "erased",
        "invited": "invited",
        "granted": "role granted",
        "recovered": "invited again",
        "demonstrated": "declared a demonstration",
        "rights_set": "table of rights set",
        "two_persons_set": "two-person rule set",
        "file_allowed": "import allowed",
        "issued": "paper issued",
        "signed": "signed copy accepted",
        "proposed": "proposed",
        "approved": "approved",
        "declined": "declined",
        "lapsed": "lapsed",
        "letterhead_set": "letterhead set",
        "signer_set": "signer named",
        "plan_set": "plan set",
        "baseline_set": "baseline set",
        "end_target_set": "end target set",
        "actual_set": "earlier actual set",
        "quarterly_targets_set": "quarterly targets set",
        "responsible_set": "responsible unit set",
        "narrative_set": "narrative written",
        "other_indicator_set": "other indicator set",
    },
)
FIELDS = vocabulary(
    "field",
    {
        "effective_on": "day",
        "category": "category",
        "dimension": "dimension",
        "title": "title",
        "occurred_on": "day of the incident",
        "source": "source",
        "area": "area",
        "reference": "reference",
        "missing": "what is missing",
        "note": "note",
        "reason": "reason",
        "level": "level",
        "phase": "phase",
        "manner": "manner",
        "evidence": "evidence",
        "into": "into number",
        "origin": "origin",
        "not_carried": "not taken over",
        "number": "number",
        "kind": "kind",
        "name": "name",
        "legal_basis": "legal basis",
        "valid_until": "valid until",
        "participation": "reference",
        "activity": "activity",
        "verified": "verified",
        "year": "year",
        "target": "target",
        "basis": "basis",
        "corrects": "version",
        "annuls": "version",
        "cleared": "cleared",
        "reporter": "reporter",
        "parties": "parties",
        "file": "file",
        "file_name": "file name",
        "media_type": "media type",
        "length": "length",
        "sha256": "SHA-256",
        "wording": "wording",
        "formula": "formula",
        "sources": "data sources",
        "owner": "owner",
        "objective": "objective",
        "options": "options",
        # Fields of the data of the agency.
        "lines": "lines",
        "place": "place",
        "address": "address",
        "office": "office",
        "office_title": "title of the office",
        "signer_name": "name",
        "signer_rank": "rank",
        "signer_nip": "NIP",
        "document": "document",
        "first_year": "first year",
        "last_year": "last year",
        "indicator": "indicator",
        "code": "code",
        "baseline": "baseline",
        "end_target": "end target",
        "actual": "actual",
        "achievement": "achievement",
        "first": "target up to quarter I",
        "second": "target up to quarter II",
        "third": "target up to quarter III",
        "fourth": "target up to quarter IV",
        "responsible_unit": "responsible unit",
        "programme": "programme",
        "programme_code": "code of the programme",
        "quarter": "quarter",
        "obstacles": "obstacles",
        "follow_up": "follow-up in the next quarter",
        "next_plan": "follow-up in the next yearly plan",
        "driving_factors": "driving factors",
        "hindering_factors": "hindering factors",
        "measure": "unit of measurement",
        "data_source": "source of the data",
        # Fields in lists of cases and organisations.
        "id": "identifier",
        "status": "status",
        "reported_on": "reported",
        "resolved_on": "resolved",
        "registered_on": "registered",
        "expired": "expired",
        "merged_into": "merged into",
    },
)

# The options of a definition.
OPTIONS = vocabulary(
    "option",
    {
        "category": "category",
        "minimum_level": "lowest level that counts",
        "date_basis": "day from which a case exists",
        "carry_over": "open cases of earlier periods",
        "reopening": "reopened cases",
        "resolution_manners": "manners that resolve a case",
        "kinds": "kinds that count",
        "expired_registration": "organisations with an expired certificate",
        "participation_threshold": "participations that make an organisation active",
        "population": "organisations that exist",
        "empty": "percentage if there is nothing to count",
        "rounding": "rounding",
    },
)
# The values of the options that no other field has, by option.
_SETTINGS: Mapping[str, Mapping[str, Message]] = {
    "date_basis": vocabulary(
        "day", {"reported": "that of the report", "occurred": "that of the incident"}
    ),
    "carry_over": vocabulary(
        "counting", {"include": "are counted", "exclude": "are not counted"}
    ),
    "reopening": vocabulary(
        "reopening",
        {
            "latest_state": "are unresolved again",
            "first_closure_counts": "stay resolved",
        },
    ),
    "expired_registration": vocabulary(
        "counting", {"keep": "are counted", "drop": "are not counted"}
    ),
    "population": vocabulary(
        "population",
        {
            "stock_at_date": "on the as-of day",
            "any_time_in_period": "on any day of the period",
        },
    ),
    "empty": vocabulary(
        "percentage", {"undefined": "none", "full": "100%", "zero": "0%"}
    ),
    "rounding": vocabulary("rounding", {"half_up_2": "two decimals, half rounded up"}),
}
OPTION_VALUES: Mapping[str, Mapping[str, Message]] = {
    **_SETTINGS,
    "category": CATEGORIES,
    "minimum_level": LEVELS,
    "resolution_manners": MANNERS,
    "kinds": KINDS,
}

PUBLICATION_STATES = vocabulary(
    "publication state",
    {
        PublicationState.DRAFT: "draft",
        PublicationState.CLOSED: "closed",
        PublicationState.REVIEWED: "reviewed",
        PublicationState.PUBLISHED: "published",
        PublicationState.WITHDRAWN: "withdrawn",
    },
)
# What tasks ask for, by `queries.tasks.TaskKind`.
TASKS = vocabulary(
    "task",
    {
        "verification": "Cases to verify",
        "completion": "Reports to complete",
        "participation": "Organisations with participations to verify",
        "idle": "Cases without an event for more than 30 days",
        "certificate": "Certificates that expire within 60 days",
        "publication": "Unfinished publications",
        "period": "Ended periods without a publication",
    },
)
# The buttons by which a publication takes a step.
PUBLICATION_STEPS = vocabulary(
    "publication step",
    {
        StepType.CONFIRMED: "Confirm figure",
        StepType.CLOSED: "Close",
        StepType.RETURNED: "Return to draft",
        StepType.REVIEWED: "Confirm review",
        StepType.PUBLISHED: "Publish",
        StepType.WITHDRAWN: "Withdraw",
    },
)
COVERAGES = vocabulary(
    "coverage",
    {
        Coverage.PENDING: "Not signed yet: no checkpoint covers this record.",
        Coverage.SIGNED: "Signed by the log; not witnessed by outside parties yet.",
        Coverage.WITNESSED: "Signed by the log and witnessed by outside parties.",
    },
)
STEPS = vocabulary(
    "step",
    {
        DifferenceStep.KNOWLEDGE: "Knowledge",
        DifferenceStep.DEFINITION: "Definition",
        DifferenceStep.TIME: "Time",
        DifferenceStep.TARGET: "Target",
    },
)
CAUSES = vocabulary(
    "cause",
    {
        Cause.LATE_DATA: "late data",
        Cause.VERIFICATION: "verification",
        Cause.CORRECTION: "correction",
        Cause.ANNULMENT: "annulment",
        Cause.REJECTION: "rejection",
        Cause.MERGER: "merger",
        Cause.DEFINITION: "definition",
        Cause.TARGET: "target",
        Cause.TIME: "time",
    },
)

# The reasons why a text or file is not shown.
WITHHELD = vocabulary(
    "withheld",
    {
        WithheldReason.ERASED: "erased",
        WithheldReason.LOCKED: "locked",
        WithheldReason.DAMAGED: "damaged",
        WithheldReason.MISSING: "missing",
        WithheldReason.FORBIDDEN: "forbidden",
    },
)
# The kinds of subjects, by category of stream.
SUBJECTS = vocabulary(
    "subject",
    {
        "conflict": "case",
        "organisation": "organisation",
        "indicator": "indicator",
        "scale": "rating scale",
        "publication": "publication",
        "subject": "subject",
        "ledger": "log",
        "account": "account",
        "access": "access policy",
        "proposal": "proposal",
        "import": "file import",
        "paper": "paper",
        "paper_data": "data of the agency",
    },
)
# The kinds of statements about the agency.
STATEMENTS = vocabulary(
    "statement",
    {
        StatementKind.LETTERHEAD: "Letterhead",
        StatementKind.SIGNER: "Signer",
        StatementKind.PLAN: "Plan (Renstra)",
        StatementKind.BASELINE: "Baseline",
        StatementKind.END_TARGET: "End target",
        StatementKind.ACTUAL: "Actual of an earlier year",
        StatementKind.QUARTERLY_TARGETS: "Quarterly targets",
        StatementKind.RESPONSIBLE: "Responsible unit and programme",
        StatementKind.NARRATIVE: "Narrative of a quarter",
        StatementKind.OTHER_INDICATOR: "Indicator outside the register",
    },
)
PROPOSAL_STATUSES = vocabulary(
    "proposal status",
    {
        ProposalStatus.OPEN: "waiting for approval",
        ProposalStatus.APPROVED: "approved",
        ProposalStatus.DECLINED: "declined",
        ProposalStatus.WITHDRAWN: "withdrawn",
        ProposalStatus.LAPSED: "lapsed",
    },
)
ROLES = vocabulary(
    "role",
    {
        Role.PETUGAS: "officer",
        Role.VERIFIKATOR: "verifier",
        Role.KEPALA_BIDANG: "head of division",
        Role.KEPALA_BADAN: "head of agency",
        Role.PERENCANA: "planner",
        Role.AUDITOR: "auditor",
        Role.ADMIN: "administrator",
    },
)
# The actions of the table of rights, as the subject of a sentence.
ACTIONS = vocabulary(
    "action",
    {
        Action.READ_FIGURES: "reading figures",
        Action.READ_HISTORY: "reading explanations and histories",
        Action.READ_REGISTER: "reading the register",
        Action.READ_TEXTS: "reading texts",
        Action.ENTER: "entering events of a case or an organisation",
        Action.REGISTER: "registering an organisation",
        Action.CHANGE_STATUS: "changing a status or a classification",
        Action.VERIFY: "verifying, resolving and reopening",
        Action.CORRECT: "correcting, annulling, rejecting and merging",
        Action.CORRECT_CLOSED: "changing a figure of a closed period",
        Action.APPROVE_CLOSED: "approving a change of a closed period",
        Action.DEFINE: "setting definitions and targets",
        Action.APPROVE_DEFINITION: "approving definitions and targets",
        Action.DRAFT_PUBLICATION: "drafting a publication",
        Action.CONFIRM_FIGURE: "confirming the figure of an indicator",
        Action.CLOSE_PUBLICATION: "closing a publication",
        Action.REVIEW_PUBLICATION: "reviewing a publication",
        Action.PUBLISH: "publishing",
        Action.RETURN_PUBLICATION: "returning a publication",
        Action.WITHDRAW_PUBLICATION: "withdrawing a publication",
        Action.IMPORT: "importing a journal",
        Action.ALLOW_IMPORT: "importing a journal that declares days of knowledge",
        Action.APPROVE_IMPORT: "approving an import",
        Action.AGENCY_DATA: "entering data of the agency",
        Action.APPROVE_AGENCY_DATA: "approving data of the agency",
        Action.SET_TWO_PERSONS: "setting the two-person rule",
        Action.APPROVE_TWO_PERSONS: "approving the two-person rule",
        Action.ERASE: "erasing personal data",
        Action.READ_LOG: "reading the log",
        Action.READ_OPENINGS: "seeing who opened which texts",
        Action.SEE_ACCOUNTS: "reading accounts",
        Action.ADMINISTER: "administering accounts",
        Action.GRANT_APPROVING: "granting a role that approves or audits",
        Action.RECOVER_APPROVING: "recovering an account that approves or audits",
        Action.APPROVE_ROLES: "approving roles",
    },
)
# By what an account signed in: the parts of a session's method.
FACTORS = vocabulary(
    "factor",
    {
        "password": "password",
        "totp": "authenticator code",
        "passkey": "passkey",
        "oidc": "identity provider",
        "invitation": "invitation",
        "demonstration": "one click",
    },
)
# The headings of the numbers of a figure.
FIGURE = vocabulary(
    "figure",
    {
        "indicator": "Indicator",
        "numerator": "Numerator",
        "denominator": "Denominator",
        "percentage": "Actual",
        "target": "Target",
        "achievement": "Achievement",
        "rating": "Rating",
    },
)


def value_label(field: str, of: Any) -> Message | None:
    """The label of the value *of* in *field*; None if it has none."""
    labels = VALUES.get(field)
    return labels.get(of) if labels is not None and isinstance(of, str) else None


# The labels of the members of enumerations, by enumeration.
_MEMBERS: Mapping[type, Mapping[str, Message]] = {
    type(member): labels
    for labels in VALUES.values()
    for member in labels
    if isinstance(member, StrEnum)
}


def with_labels(said: str) -> str:
    """The message *said* with labels in place of stored values, for people."""
    if not isinstance(said, Message):
        return said
    values = {name: _labelled(value) for name, value in said.values.items()}
    return Message(said.id, values, said.many, said.context)


def _labelled(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_labelled(one) for one in value]
    known = _MEMBERS.get(type(value))
    return with_labels(value) if known is None else known[value]


def sign_in_method(method: str) -> list[str]:
    """The labels of the factors of a session's *method*, such as ``password+totp``."""
    return [FACTORS.get(part, part) for part in method.split("+")]


# The labels of terms, by the field of the `Term`.
_TERMS: Mapping[str, Mapping[str, Message]] = {
    "category": SUBJECTS,
    "event": EVENTS,
    "proposal": PROPOSAL_STATUSES,
    "role": ROLES,
    "action": ACTIONS,
    "state": PUBLICATION_STATES,
    "status": STATUSES,
    "withheld": WITHHELD,
}


def term_label(term: Term) -> Message:
    """The label of *term*."""
    return _TERMS[term.field][term.stored]
