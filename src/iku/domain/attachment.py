"""A file with a case or an organisation, as the log commits to it."""

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
    """A file was put with the subject; its bytes are kept, sealed, outside the log.

    It holds from no day of its own: it says nothing of the subject. The tag and the
    fields are the storage format: add, never change.

    Attributes:
        length: In bytes.
        sha256: Of its bytes, in lower-case hexadecimal.
    """

    file_name: Line
    media_type: MediaType
    length: Length
    sha256: Digest
