"""Data of the agency in the form in which papers print them."""

from datetime import date
from decimal import Decimal

from iku.agency import AgencyProfile
from iku.exchange.papers import missing
from iku.exchange.papers.document import Amount, Cell, SignatureBlock, Signatures
from iku.exchange.papers.missing import Missing
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import agency_data
from iku.queries.agency_data import AgencyData, OtherIndicator
from iku.queries.figure_parameters import Moment

HEAD, MAYOR = "kepala_badan", "wali_kota"
_OFFICES = {HEAD: "Kepala Badan", MAYOR: "Wali Kota"}
_PERCENT = ("%", "persen")


async def read(sources: Sources, request: PaperRequest, as_of: date) -> AgencyData:
    """The data of the agency in force on *as_of*, as far as the request includes them.

    They have a cut-off of their own: what a publication froze is often explained later.
    """
    moment = Moment(as_of, size=request.agency_size)
    return await agency_data.agency_data(sources.view, moment, request.signed_on)


def letterhead(profile: AgencyProfile, agency: AgencyData) -> tuple[str, ...]:
    """The lines of the letterhead; without entered data, the names in the profile."""
    if agency.letterhead is None:
        name = profile.name.removesuffix(profile.city).strip()
        return (f"Pemerintah {profile.city}", name)
    address = agency.letterhead.address
    return (*agency.letterhead.lines, *([address] if address else []))


def signatures(agency: AgencyData, request: PaperRequest, *offices: str) -> Signatures:
    """The signature blocks of *offices*; without any, that of the head."""
    place = agency.letterhead.place if agency.letterhead else None
    blocks = tuple(_signature(agency, office) for office in offices or (HEAD,))
    return Signatures(place, request.signed_on, blocks)


def _signature(agency: AgencyData, office: str) -> SignatureBlock:
    ranked = office != MAYOR  # an elected office has no rank
    signer = agency.signers.get(office)
    if signer is None:
        return SignatureBlock(_OFFICES[office], ranked=ranked)
    return SignatureBlock(
        signer.office_title, signer.name, signer.rank, signer.nip, ranked=ranked
    )


def missing_signers(agency: AgencyData, *offices: str) -> tuple[Missing, ...]:
    """The signers that nobody stated."""
    return tuple(
        missing.signer(_OFFICES[office])
        for office in offices or (HEAD,)
        if office not in agency.signers
    )


def amount(other: OtherIndicator, value: Decimal | None) -> Cell:
    """A value of an indicator in its own unit, for a column of percentages."""
    return value if value is None or is_percentage(other) else Amount(value)


def is_percentage(other: OtherIndicator) -> bool:
    """Whether the unit of an indicator is per cent."""
    return other.measure.strip().lower() in _PERCENT


def actual_of(agency: AgencyData, other: OtherIndicator, year: int) -> Cell:
    """The actual that was stated for the same indicator in another year."""
    stated = agency.other(other.code, year)
    return None if stated is None else amount(stated, stated.actual)


def source_note(other: OtherIndicator) -> str:
    """Where the numbers of an indicator come from that the register does not count."""
    return say(
        message(
            "{indicator} is not counted by the register; its numbers are data of the "
            "agency.",
            indicator=other.code,
        )
    )
