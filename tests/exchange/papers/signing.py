"""Signatures of papers by pyHanko, with a certificate made for the test.

pyHanko is imported at the first signature: it takes a third of a second, in each
process that collects a test of papers.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pyhanko.sign import signers

Box = tuple[int, int, int, int]


@cache
def signer() -> signers.SimpleSigner:
    """A signer with a certificate of its own."""
    from asn1crypto import keys
    from asn1crypto import x509 as asn1
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kepala Badan (uji)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    der = serialization.Encoding.DER
    private = key.private_bytes(
        der,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return signers.SimpleSigner(
        signing_cert=asn1.Certificate.load(certificate.public_bytes(der)),
        signing_key=keys.PrivateKeyInfo.load(private),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
    )


def sign(paper: bytes, box: Box | None = None) -> bytes:
    """The paper with an appended signature, visible in *box* if one is given."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    writer = IncrementalPdfFileWriter(BytesIO(paper))
    field = fields.SigFieldSpec("TandaTangan", on_page=-1, box=box)
    signing = signers.PdfSigner(
        signers.PdfSignatureMetadata(field_name="TandaTangan"),
        signer=signer(),
        new_field_spec=field,
    )
    with ThreadPoolExecutor() as pool:  # the caller may run in an event loop
        out = pool.submit(asyncio.run, signing.async_sign_pdf(writer)).result()
    signed: bytes = out.getvalue()
    return signed
