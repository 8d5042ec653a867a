"""The server's certificate, replaced while connections are open.

A renewed certificate is loaded into a context of its own, which new handshakes use only
if certificate and key fit together. Connections keep the context of their handshake.
"""

import logging
import ssl
from pathlib import Path
from typing import Any, TypeAlias

from iku.messages import message

_logger = logging.getLogger(__name__)

FileState: TypeAlias = tuple[int, int, int] | None


class CertificateError(Exception):
    """Certificate and key cannot be used; the message gives the reason."""


class Certificate:
    """A certificate chain and its private key, read from two PEM files.

    Attributes:
        context: The context of the listening socket. It passes each handshake on to the
            context of the newest valid pair.

    Raises:
        CertificateError: The files cannot be used.
    """

    context: ssl.SSLContext

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._states = self._file_states()
        self.context = self._newest = _load(chain, key)
        self.context.sni_callback = self._use_newest_context

    def reload_if_changed(self) -> None:
        """Load the files if one of them was replaced since they were last loaded."""
        # Read before the files are, so that a change in between is seen the next time.
        states = self._file_states()
        if states != self._states:
            self._states = states
            self.reload()

    def reload(self) -> None:
        """Load the files; if they cannot be used, keep the present pair and log it."""
        try:
            self._newest = _load(self._chain, self._key)
        except CertificateError as error:
            _logger.error("%s; the previous certificate remains in use", error)  # noqa: TRY400 - no bug
        else:
            _logger.info("the certificate %s was loaded again", self._chain)

    def _use_newest_context(
        self, connection: Any, _name: str | None, _: ssl.SSLContext
    ) -> None:
        """Use the newest pair for the handshake; OpenSSL calls this in every one."""
        connection.context = self._newest

    def _file_states(self) -> tuple[FileState, ...]:
        return tuple(_file_state(path) for path in (self._chain, self._key))


def _file_state(path: Path) -> FileState:
    """Modification time, size and inode; None if the file is not accessible."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _load(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(chain, key, password=_refuse_encrypted)
    except OSError as error:
        raise CertificateError(
            message(
                "IKU_TLS_CERT {chain} and IKU_TLS_KEY {key} cannot be used: {error}",
                chain=chain,
                key=key,
                error=str(error),
            )
        ) from error
    return context


def _refuse_encrypted() -> str:
    raise CertificateError(
        message("IKU_TLS_KEY is encrypted; the server needs a key without a password")
    )
