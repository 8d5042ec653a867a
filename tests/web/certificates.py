"""Certificates for tests: self-signed, of a new key each."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "iku.example.go.id"


class Pair(NamedTuple):
    """The PEM files of a certificate and its key, as bytes."""

    chain: bytes
    key: bytes

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.chain).serial_number

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The paths of the two files, written to *folder*."""
        folder.mkdir(exist_ok=True)
        chain, key = folder / "fullchain.pem", folder / "privkey.pem"
        chain.write_bytes(self.chain)
        key.write_bytes(self.key)
        return chain, key


def make_pair(password: bytes | None = None) -> Pair:
    """A certificate of `NAME` and its key, encrypted under the *password* if given."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A client that trusts several certificates tells them apart by their names.
    named = x509.NameAttribute(NameOID.COMMON_NAME, f"{NAME} {serial % 10**9}")
    subject = x509.Name([named])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption)
    return Pair(certificate.public_bytes(pem), private)


def trusting(*pairs: Pair) -> ssl.SSLContext:
    """A client's context that trusts these certificates only."""
    text = b"".join(pair.chain for pair in pairs).decode()
    return ssl.create_default_context(cadata=text)
