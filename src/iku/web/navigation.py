"""The entries of the navigation, which depend on the rights of the visitor."""

from typing import TYPE_CHECKING, NamedTuple

from iku.domain.access import Action, Mode
from iku.messages import Message, message

if TYPE_CHECKING:
    from iku.web.visitor import Visitor


class Entry(NamedTuple):
    """A page in the navigation.

    Attributes:
        actions: The actions; the page needs the right to one of them.
        counted: The path of the event stream of the number next to the label, if any.
        current: Whether the present page is this one, or below it.
    """

    path: str
    label: Message
    actions: tuple[Action, ...]
    counted: str = ""
    current: bool = False


# The rights of those for whom tasks can wait.
WORKING = (
    *(Action.ENTER, Action.VERIFY, Action.REGISTER),
    *(Action.DRAFT_PUBLICATION, Action.PUBLISH, Action.APPROVE_ROLES),
)
PAGES = (
    Entry("/", message("Home"), (Action.READ_FIGURES,)),
    Entry("/tugas", message("Tasks"), WORKING, "/tugas/jumlah"),
    Entry("/konflik", message("Conflicts"), (Action.READ_REGISTER,)),
    Entry("/organisasi", message("Organisations"), (Action.READ_REGISTER,)),
    Entry("/publikasi", message("Publications"), (Action.READ_FIGURES,)),
    Entry("/impor", message("Import"), (Action.IMPORT, Action.ENTER)),
    Entry("/bukti", message("Evidence"), (Action.READ_LOG,)),
)


def entries(visitor: "Visitor") -> list[Entry]:
    """The pages that the visitor may open; none before they have signed in."""
    if visitor.register.mode is Mode.ACCOUNTS and visitor.session is None:
        return []
    return [
        one._replace(current=_is_current(visitor.path, one.path))
        for one in PAGES
        if any(
            visitor.viewer.may(action) or visitor.viewer.covered(action)
            for action in one.actions
        )
    ]


def _is_current(path: str, of: str) -> bool:
    return path == of or (of != "/" and path.startswith(f"{of}/"))
