"""The keys for credentials, in the folder `access` of the key folder.

They are separate from the vault's keys: rotating one does not affect the other. The key
of an epoch encrypts TOTP seeds, drafts and forms that were sent without a session
(AES-256-GCM); `digest.key` hashes names and addresses, which could be guessed from
plain hashes. `iku.vault.keys` describes the files.

The SQL functions of schema access: `sealed_totps`, `reseal_totps`, `sealed_drafts`,
`reseal_drafts`, `retire_key`.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iku.messages import message
from iku.postgres.pool import Connection
from iku.vault.keys import Keys, KeysError
from iku.vault.sealing import NONCE, context

FOLDER = "access"

Today: TypeAlias = Callable[[], date]


class Purpose(StrEnum):
    """The purpose of an encrypted content; decryption fails under another purpose."""

    TOTP = "totp"
    DRAFT = "draft"
    FORM = "form"


class Sealed(NamedTuple):
    """An encrypted content, and the epoch of its key."""

    epoch: str
    bytes: bytes


class Secrets:
    """The keys for credentials of one key folder."""

    def __init__(self, keys_folder: Path, today: Today) -> None:
        self.keys = Keys(keys_folder / FOLDER)
        self._today = today

    def digest(self, kind: str, text: str) -> bytes:
        """The keyed hash of a name or an address; *kind* is part of the input."""
        return self.keys.digest(context(b"iku/access/v1\0", kind, text))

    def seal(
        self, owner: str, content: bytes, purpose: Purpose = Purpose.TOTP
    ) -> Sealed:
        """Encrypt *content* with the current key, bound to its owner and *purpose*."""
        epoch, key = self.keys.current_epoch(self._today())
        nonce = os.urandom(NONCE)
        bound = _associated_data(purpose, epoch, owner)
        return Sealed(epoch, nonce + AESGCM(key).encrypt(nonce, content, bound))

    def unseal(
        self, owner: str, sealed: Sealed, purpose: Purpose = Purpose.TOTP
    ) -> bytes:
        """Decrypt the content that was encrypted for the owner.

        Raises:
            KeysError: The key is missing, or the content was encrypted for another
                owner.
        """
        key = self.keys.key(sealed.epoch)
        if key is None:
            raise KeysError(
                message(
                    "the folder {folder} lacks the key of epoch {epoch}, which "
                    "encrypts authenticator seeds: their holders must be invited "
                    "again",
                    folder=self.keys.folder,
                    epoch=sealed.epoch,
                )
            )
        bound = _associated_data(purpose, sealed.epoch, owner)
        nonce, content = sealed.bytes[:NONCE], sealed.bytes[NONCE:]
        try:
            return AESGCM(key).decrypt(nonce, content, bound)
        except (InvalidTag, ValueError) as error:
            raise KeysError(
                message(
                    "an authenticator seed cannot be decrypted with the key of epoch "
                    "{epoch}: it was changed, or the key differs",
                    epoch=sealed.epoch,
                )
            ) from error

    async def rotate(self, connection: Connection) -> tuple[str, int]:
        """Start a key epoch and re-encrypt every seed and draft with its key.

        The result is the epoch and the number of seeds.

        Raises:
            KeysError: A seed cannot be decrypted; nothing is changed then.
        """
        async with connection.transaction():
            rows = await connection.fetch("select * from access.sealed_totps()")
            opened = [
                (row["totp"], self.unseal(str(row["totp"]), Sealed(*row[2:])))
                for row in rows
            ]
            drafts = await self._opened_drafts(connection)
            epoch = self.keys.start_epoch(self._today())
            sealed = [self.seal(str(totp), seed) for totp, seed in opened]
            await connection.execute(
                "select access.reseal_totps($1, $2, $3)",
                [totp for totp, _ in opened],
                epoch,
                [one.bytes for one in sealed],
            )
            await self._reseal_drafts(connection, epoch, drafts)
        return epoch, len(opened)

    async def _opened_drafts(
        self, connection: Connection
    ) -> list[tuple[str, str, bytes]]:
        """Account, path and content of every draft that can be decrypted."""
        found = []
        for row in await connection.fetch("select * from access.sealed_drafts()"):
            account, path, *sealed = row
            owner = draft_owner(str(account), path)
            with suppress(KeysError):
                content = self.unseal(owner, Sealed(*sealed), Purpose.DRAFT)
                found.append((str(account), path, content))
        return found

    async def _reseal_drafts(
        self, connection: Connection, epoch: str, drafts: list[tuple[str, str, bytes]]
    ) -> None:
        sealed = [
            self.seal(draft_owner(account, path), content, Purpose.DRAFT).bytes
            for account, path, content in drafts
        ]
        await connection.execute(
            "select access.reseal_drafts($1, $2, $3, $4)",
            [account for account, _, _ in drafts],
            [path for _, path, _ in drafts],
            epoch,
            sealed,
        )

    async def destroy(self, connection: Connection, epoch: str) -> None:
        """Destroy the key of an epoch.

        Raises:
            KeysError: The key still encrypts a seed or a draft, is the current key, or
                is not in the folder.
        """
        if epoch not in self.keys.epochs():
            raise KeysError(
                message(
                    "the key of epoch {epoch} is not in the key folder {folder}",
                    epoch=epoch,
                    folder=self.keys.folder,
                )
            )
        current = epoch == self.keys.current_epoch_name(self._today())
        if current or not await connection.fetchval(
            "select access.retire_key($1)", epoch
        ):
            raise KeysError(
                message(
                    "the key of epoch {epoch} still encrypts authenticator seeds or "
                    "drafts: rotate it first",
                    epoch=epoch,
                )
            )
        self.keys.destroy(epoch)


def draft_owner(account: str, path: str) -> str:
    """The owner to which a draft is bound: an account, and the path of a form."""
    return f"{account} {path}"


def _associated_data(purpose: Purpose, epoch: str, owner: str) -> bytes:
    return context(f"iku/{purpose}/v1\0".encode(), epoch, owner)
