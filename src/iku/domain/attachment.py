"""The event that commits a case or an organisation to an attached file."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from iku.domain.fact import Fact, Line

MediaType: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*$(?!\n)",
        max_length=100,
        examples=["application/pdf"],
        extra_json_schema={"x-expects": "a media type such as application/pdf"},
    ),
]
Length: TypeAlias = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Digest: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Attached(Fact, frozen=True, tag="attached"):
    """A file was attached to the subject; its sealed bytes are stored outside the log.

    The event has no `effective_on`, because it states nothing about the subject. The
    tag and the fields are the storage format: add fields, never change them.

    Attributes:
        length: Length of the file in bytes.
        sha256: SHA-256 of the file in lower-case hexadecimal.
    """

    file_name: Line
    media_type: MediaType
    length: Length
    sha256: Digest
