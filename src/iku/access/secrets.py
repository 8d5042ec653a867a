"""The keys for credentials, in the folder `access` of the key folder.

They are separate from the vault's keys: rotating one does not affect the other. The key
of an epoch encrypts TOTP seeds (AES-256-GCM); `digest.key` hashes names and addresses,
which could be guessed from plain hashes. `iku.vault.keys` describes the files.

The SQL functions of schema access: `sealed_totps`, `reseal_totps`, `retire_key`.
"""

import os
from collections.abc import Callable
from datetime import date
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


class SealedSeed(NamedTuple):
    """An encrypted TOTP seed, and the epoch of its key."""

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

    def seal(self, owner: str, seed: bytes) -> SealedSeed:
        """Encrypt a seed with the current key, bound to its owner's id."""
        epoch, key = self.keys.current_epoch(self._today())
        nonce = os.urandom(NONCE)
        bound = context(b"iku/totp/v1\0", epoch, owner)
        return SealedSeed(epoch, nonce + AESGCM(key).encrypt(nonce, seed, bound))

    def unseal(self, owner: str, sealed: SealedSeed) -> bytes:
        """Decrypt the seed that was encrypted for the owner.

        Raises:
            KeysError: The key is missing, or the seed was encrypted for another owner.
        """
        key = self.keys.key(sealed.epoch)
        if key is None:
            raise KeysError(
                message(
                    "the folder {folder} lacks the key of epoch {epoch}, which seals "
                    "authenticators: their holders must be invited again",
                    folder=self.keys.folder,
                    epoch=sealed.epoch,
                )
            )
        bound = context(b"iku/totp/v1\0", sealed.epoch, owner)
        nonce, content = sealed.bytes[:NONCE], sealed.bytes[NONCE:]
        try:
            return AESGCM(key).decrypt(nonce, content, bound)
        except (InvalidTag, ValueError) as error:
            raise KeysError(
                message(
                    "an authenticator's seed does not decrypt with the key of epoch "
                    "{epoch}: it was changed, or the key differs",
                    epoch=sealed.epoch,
                )
            ) from error

    async def rotate(self, connection: Connection) -> tuple[str, int]:
        """Start a key epoch and re-encrypt every seed with its key.

        The result is the epoch and the number of seeds.

        Raises:
            KeysError: A seed cannot be decrypted; nothing is changed then.
        """
        async with connection.transaction():
            rows = await connection.fetch("select * from access.sealed_totps()")
            opened = [
                (row["totp"], self.unseal(str(row["totp"]), SealedSeed(*row[2:])))
                for row in rows
            ]
            epoch = self.keys.start_epoch(self._today())
            sealed = [self.seal(str(totp), seed) for totp, seed in opened]
            await connection.execute(
                "select access.reseal_totps($1, $2, $3)",
                [totp for totp, _ in opened],
                epoch,
                [one.bytes for one in sealed],
            )
        return epoch, len(opened)

    async def destroy(self, connection: Connection, epoch: str) -> None:
        """Destroy the key of an epoch.

        Raises:
            KeysError: It still encrypts a seed, or is the current one, or is not in the
                folder.
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
                    "the key of epoch {epoch} still seals authenticators: rotate it "
                    "first",
                    epoch=epoch,
                )
            )
        self.keys.destroy(epoch)
