"""The titles of subjects on pages: words in place of identifiers."""

from datetime import date
from functools import lru_cache

from iku.domain import paper_data
from iku.domain.paper_data import STATEMENTS
from iku.domain.period import Kind, containing
from iku.labels import STATEMENTS as KINDS
from iku.messages import Term
from iku.web.page_language import PageLanguage


def subject_title(page: PageLanguage, category: str, subject: str) -> str:
    """A subject with its category: ``case K14``, ``Signer: kepala badan``."""
    if category == paper_data.decider.category:
        return statement_title(page, subject)
    return f"{page.text(Term('category', category))} {subject}"


@lru_cache(1024)  # the page of a publication has dozens
def statement_title(page: PageLanguage, subject: str) -> str:
    """What a statement about the agency is about, from its identifier.

    ``narrative.IKU-1.2021.3`` is ``Narrative of a quarter: IKU-1, Quarter III 2021``.
    """
    kind, values = paper_data.kind_of(subject), subject.split(".")[1:]
    # The first field may be absent: a narrative of the whole agency has no indicator.
    key = dict(zip(reversed(STATEMENTS[kind].key), reversed(values), strict=False))
    about = [key[name] for name in ("indicator", "code") if name in key]
    if office := key.get("office"):
        about.append(office.replace("-", " "))
    if quarter := key.get("quarter"):
        day = date(int(key["year"]), 3 * int(quarter), 1)
        about.append(page.period(containing(day, Kind.QUARTER)))
    elif year := key.get("year"):
        about.append(year)
    return ": ".join(filter(None, (page.text(KINDS[kind]), ", ".join(about))))
