"""What a paper lacks before it is issued and proven, and what to do about it."""

from typing import NamedTuple

from iku.ledger.policy import NONE, Policy
from iku.messages import Message, message


class Missing(NamedTuple):
    """A thing that a paper lacks.

    Attributes:
        what: What is missing, as the draft names it.
        remedy: What to do about it, in a sentence.
    """

    what: Message
    remedy: Message


REVIEW = Missing(
    message("the publication is only closed, not yet reviewed and not yet published"),
    message(
        "Let two other people review and publish it on its page, or with iku "
        "publication review and iku publication publish."
    ),
)
RELEASE = Missing(
    message("the publication is reviewed, not yet published"),
    message("Let it be published on its page, or with iku publication publish."),
)
ISSUE = Missing(
    message("this paper is not issued yet"),
    message(
        "Issue it on the page of its publication, or with iku paper and its option "
        "--issue."
    ),
)
WITNESSES = Missing(
    message(
        "no quorum of witnesses is configured, so the log with its issue cannot be "
        "cosigned"
    ),
    message(
        "Name at least one witness in the file of IKU_WITNESSES, restart the register "
        "and the signer, and let the signer ask it (iku signer once)."
    ),
)
COSIGNATURES = Missing(
    message("no quorum of witnesses has cosigned the log with its issue yet"),
    message(
        "Let the signer sign the log and ask the witnesses (iku signer once), then "
        "print the paper again."
    ),
)


def signer(office: str) -> Missing:
    """The signer of a paper, by the title of the office."""
    return Missing(
        message("signer {office}", office=office),
        message(
            "State who holds the office {office} on the page of the agency's data "
            "(/data-instansi), or with iku paper set signer.",
            office=office,
        ),
    )


def proof(witnesses: Policy) -> Missing:
    """What an issued paper lacks until it has its proof."""
    return WITNESSES if witnesses.quorum == NONE else COSIGNATURES
