"""Commands over HTTP: actor, idempotency key, expected version, and the receipt.

A request repeated under the same `Idempotency-Key` receives the first receipt again.
"""

from typing import Annotated, TypeAlias, TypeVar

from litestar import Response
from litestar.status_codes import HTTP_201_CREATED
from msgspec import Meta, Struct, field

from iku.app import App
from iku.commands.command import CommandResult
from iku.gateway import CommandGateway, EntryReceipt
from iku.language import Language
from iku.web.problems import language_headers


class AccountHeaders(Struct, frozen=True, forbid_unknown_fields=True):
    """No headers: the actor is the account that has signed in."""

    def command_gateway(self, app: App) -> CommandGateway:
        """The gateway that handles the command under these headers."""
        return CommandGateway(app, "", None)


class RetryHeaders(AccountHeaders, frozen=True):
    """Headers of a request that an account records an event by."""

    key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=255,
                pattern=r"^[!-~]+$(?!\n)",
                description="Idempotency key: a command repeated with the same key is "
                "carried out once, and the first receipt is returned with "
                "Idempotency-Replayed: true.",
                extra_json_schema={"x-expects": "printable ASCII without spaces"},
            ),
        ]
        | None
    ) = field(name="Idempotency-Key", default=None)

    def command_gateway(self, app: App) -> CommandGateway:
        """The gateway that handles the command under these headers."""
        return CommandGateway(app, "", self.key)


class EntryHeaders(RetryHeaders, frozen=True):
    """Headers of a request that records an event."""

    actor: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=r"^[!-~]([ -~]*[!-~])?$(?!\n)",
            description="Actor of the event: printable ASCII.",
            extra_json_schema={
                "x-expects": "printable ASCII that does not begin or end with a space"
            },
        ),
    ] = field(name="Iku-Actor", default="lokal")

    def command_gateway(self, app: App) -> CommandGateway:
        """The gateway that handles the command under these headers."""
        return CommandGateway(app, self.actor, self.key)


IfMatch: TypeAlias = (
    Annotated[
        str,
        Meta(
            pattern=r'^(\*|"[0-9]{1,10}")$(?!\n)',
            description='Expected version, as in ETag ("3"); the response is 412 if it '
            "is not the last version. * means any version.",
            extra_json_schema={
                "x-expects": 'the version from ETag, in quotes, such as "3", or *'
            },
        ),
    ]
    | None
)


def _expected(if_match: str | None) -> int | None:
    """The version that `If-Match` names; None stands for any."""
    named = (if_match or "*").strip('"')
    return None if named == "*" else int(named)


class ChangeHeaders(EntryHeaders, frozen=True):
    """Headers of a request that records an event of an existing subject."""

    if_match: IfMatch = field(name="If-Match", default=None)

    def command_gateway(self, app: App) -> CommandGateway:
        """The gateway that handles the command at the version named by `If-Match`."""
        return CommandGateway(app, self.actor, self.key, _expected(self.if_match))


class AccountChangeHeaders(RetryHeaders, frozen=True):
    """Headers of a request that records an event of an existing account."""

    if_match: IfMatch = field(name="If-Match", default=None)

    def command_gateway(self, app: App) -> CommandGateway:
        """The gateway that handles the command at the version named by `If-Match`."""
        return CommandGateway(app, "", self.key, _expected(self.if_match))


R = TypeVar("R", bound=EntryReceipt)


def receipt_response(
    outcome: CommandResult,
    shown: R,
    location: str,
    language: Language = Language.ENGLISH,
) -> Response[R]:
    """The 201 response with the receipt *shown*; its notes are in *language*."""
    headers = {"Location": location, "ETag": f'"{shown.version}"'}
    if shown.notes:
        headers |= language_headers(language)
    if outcome.repeated:
        headers["Idempotency-Replayed"] = "true"
    return Response(shown, status_code=HTTP_201_CREATED, headers=headers)
