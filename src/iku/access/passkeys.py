"""Passkeys: registration and authentication (W3C Web Authentication, level 3).

A passkey belongs to one account; an account may have several. The authenticator must
verify its user (PIN, fingerprint, face), so that a passkey counts as two factors.
Attestation is not requested. Options and responses are the JSON forms of the
specification (`PublicKeyCredentialCreationOptionsJSON`, `RegistrationResponseJSON` and
their counterparts for authentication).
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from fido2.webauthn import (
    AuthenticatorTransport,
    CredentialCreationOptions,
    CredentialRequestOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from msgspec import Struct

from iku.access import token, webauthn
from iku.access.flows import FlowKind, FlowStore, base64url
from iku.access.webauthn import PasskeyRefused, Verifier
from iku.messages import message

CHALLENGE_S = 300
MOST = 20  # passkeys of an account
LONGEST_NAME = 64  # characters

Json: TypeAlias = dict[str, Any]


class PasskeyCloned(PasskeyRefused):
    """The signature counter did not increase: another device may hold the key."""


class PasskeysUnavailable(Exception):
    """Browsers offer no passkeys for this address; the message says why."""


class Passkey(Struct, frozen=True):
    """A stored passkey.

    Attributes:
        id: The credential's identifier, unique among all accounts.
        account: The id of the account that it signs in.
        name: The name that its holder gave it.
        public_key: COSE key in CBOR.
        sign_count: The last signature counter; 0 if the authenticator has none.
        transports: How a browser reaches the authenticator: ``internal``, ``usb``.
        created_at: When it was registered; None until it is stored.
        used_at: When it was last used to sign in; None if never.
    """

    id: bytes
    account: str
    name: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...] = ()
    created_at: datetime | None = None
    used_at: datetime | None = None


class PasskeyStore(Protocol):
    """Stores the passkeys of all accounts."""

    async def of_account(self, account: str) -> Sequence[Passkey]:
        """The passkeys of *account*, oldest first."""

    async def find(self, credential: bytes) -> Passkey | None:
        """The passkey with this identifier; None if there is none."""

    async def add(self, passkey: Passkey) -> bool:
        """Store *passkey*; False if any account has one with its identifier."""

    async def update_counter(self, credential: bytes, seen: int, now: int) -> bool:
        """Set the signature counter from *seen* to *now*, and record the time.

        The result is False, and nothing is changed, if the counter is not *seen*.
        """


class _Challenge(Struct, frozen=True):
    """The account that a challenge is for; None for a sign-in by any account."""

    account: str | None


class Passkeys:
    """Passkeys for the pages at *public_url*; lives as long as the process.

    *agency* is the name that authenticators show. Without a public URL the register is
    at ``http://localhost`` and its port.

    Raises:
        PasskeysUnavailable: Browsers offer no passkeys for such an address.
    """

    def __init__(self, public_url: str, agency: str) -> None:
        origin, host = _origin(public_url)
        self._verifier = Verifier(origin, host, agency, CHALLENGE_S * 1_000)

    async def begin_registration(
        self, flows: FlowStore, passkeys: PasskeyStore, account: str, login_name: str
    ) -> Json:
        """The options for `navigator.credentials.create`.

        Raises:
            PasskeyRefused: The account already has the maximum number of passkeys.
        """
        held = await passkeys.of_account(account)
        _check_count(held)
        challenge = await _challenge(flows, FlowKind.PASSKEY_REGISTRATION, account)
        options, _ = self._verifier.server.register_begin(
            PublicKeyCredentialUserEntity(
                id=_user_handle(account), name=login_name, display_name=login_name
            ),
            credentials=_descriptors(held),
            resident_key_requirement=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=challenge,
        )
        return _json(options)

    async def verify_registration(
        self,
        flows: FlowStore,
        passkeys: PasskeyStore,
        account: str,
        response: Mapping[str, Any],
        name: str,
    ) -> Passkey:
        """The new passkey in *response* (`RegistrationResponseJSON`), not yet stored.

        Raises:
            PasskeyRefused: The response does not answer a challenge for *account*, or
                the name or the number of passkeys is not allowed.
        """
        name = valid_name(name)
        parsed = webauthn.parse_registration(response)
        challenge = parsed.response.client_data.challenge
        asked = await _take_challenge(flows, FlowKind.PASSKEY_REGISTRATION, challenge)
        if asked.account != account:
            raise _other_account_error()
        _check_count(await passkeys.of_account(account))
        found = self._verifier.verify_registration(parsed)
        return Passkey(
            id=found.credential_id,
            account=account,
            name=name,
            public_key=webauthn.encode_key(found.public_key),
            sign_count=parsed.response.attestation_object.auth_data.counter,
            transports=webauthn.transports_of(response),
        )

    async def finish_registration(
        self,
        flows: FlowStore,
        passkeys: PasskeyStore,
        account: str,
        response: Mapping[str, Any],
        name: str,
    ) -> Passkey:
        """The new passkey in *response*, stored.

        Raises:
            PasskeyRefused: As for `verify_registration`, or it is already registered.
        """
        passkey = await self.verify_registration(
            flows, passkeys, account, response, name
        )
        await add(passkeys, passkey)
        return passkey

    async def begin_sign_in(
        self, flows: FlowStore, passkeys: PasskeyStore, account: str | None = None
    ) -> Json:
        """The options for `navigator.credentials.get`.

        With *account*, for a step-up, the options list its passkeys. Without an
        account, the browser offers every passkey that it has for this server.

        Raises:
            PasskeyRefused: The account has no passkey.
        """
        held = [] if account is None else await passkeys.of_account(account)
        if account is not None and not held:
            raise PasskeyRefused(message("the account has no passkey"))
        challenge = await _challenge(flows, FlowKind.PASSKEY_SIGN_IN, account)
        options, _ = self._verifier.server.authenticate_begin(
            credentials=_descriptors(held) or None,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=challenge,
        )
        return _json(options)

    async def finish_sign_in(
        self,
        flows: FlowStore,
        passkeys: PasskeyStore,
        response: Mapping[str, Any],
        account: str | None = None,
    ) -> Passkey:
        """The passkey that signed *response* (`AuthenticationResponseJSON`).

        *account* is that of `begin_sign_in`.

        Raises:
            PasskeyRefused: The response is not valid, or its passkey belongs to another
                account.
            PasskeyCloned: The counter of the passkey did not increase.
        """
        parsed = webauthn.parse_authentication(response)
        challenge = parsed.response.client_data.challenge
        asked = await _take_challenge(flows, FlowKind.PASSKEY_SIGN_IN, challenge)
        if asked.account != account:
            raise _other_account_error()
        passkey = await passkeys.find(parsed.raw_id)
        if passkey is None:
            raise PasskeyRefused(message("this passkey is not registered here"))
        _check_holder(passkey, account, parsed.response.user_handle)
        self._verifier.verify(parsed, passkey.public_key)
        return await _record_use(
            passkeys, passkey, parsed.response.authenticator_data.counter
        )


async def add(passkeys: PasskeyStore, passkey: Passkey) -> None:
    """Store *passkey*.

    Raises:
        PasskeyRefused: The passkey is already registered, for this or another account.
    """
    if not await passkeys.add(passkey):
        raise PasskeyRefused(message("this passkey is already registered"))


def valid_name(name: str) -> str:
    """*name* without spaces around it.

    Raises:
        PasskeyRefused: The name is empty, too long or not printable.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise PasskeyRefused(
            message(
                "the name of a passkey must have 1 to {most} printable characters",
                most=LONGEST_NAME,
            )
        )
    return name


async def _challenge(flows: FlowStore, kind: FlowKind, account: str | None) -> bytes:
    """A new challenge of 256 bits, which is stored as its digest."""
    challenge = secrets.token_bytes(token.LENGTH)
    content = msgspec.json.encode(_Challenge(account))
    await flows.put(kind, _flow_key(challenge), content, CHALLENGE_S)
    return challenge


async def _take_challenge(
    flows: FlowStore, kind: FlowKind, challenge: bytes
) -> _Challenge:
    content = await flows.take(kind, _flow_key(challenge))
    if content is None:
        raise PasskeyRefused(
            message(
                "this request for a passkey is unknown, already answered, or older "
                "than {minutes} minutes; try again",
                minutes=CHALLENGE_S // 60,
            )
        )
    return msgspec.json.decode(content, type=_Challenge)


def _flow_key(challenge: bytes) -> bytes:
    return token.digest(base64url(challenge))


def _check_count(held: Sequence[Passkey]) -> None:
    if len(held) >= MOST:
        raise PasskeyRefused(
            message(
                "the account has {count} passkeys, but may have at most {most}; "
                "remove one first",
                count=len(held),
                most=MOST,
            )
        )


def _check_holder(
    passkey: Passkey, account: str | None, user_handle: bytes | None
) -> None:
    """Verify the user handle (WebAuthn, section 7.2, step 6).

    Only a passkey of a listed account may omit the user handle.
    """
    handles: set[bytes | None] = {_user_handle(passkey.account)}
    if account is not None:
        handles.add(None)
    if user_handle not in handles or account not in {None, passkey.account}:
        raise _other_account_error()


def _user_handle(account: str) -> bytes:
    """The user handle of an account: its random id, which is not personal data."""
    return UUID(account).bytes


def _other_account_error() -> PasskeyRefused:
    return PasskeyRefused(message("this passkey belongs to another account"))


async def _record_use(passkeys: PasskeyStore, passkey: Passkey, now: int) -> Passkey:
    """The passkey with its new counter (WebAuthn, section 6.1.1)."""
    seen = passkey.sign_count
    if (seen or now) and now <= seen:
        raise PasskeyCloned(
            message(
                "the signature counter of the passkey {name} is {now}, but was "
                "already {seen}: its key may have been copied; remove it and register "
                "another",
                name=passkey.name,
                now=now,
                seen=seen,
            )
        )
    if not await passkeys.update_counter(passkey.id, seen, now):
        raise PasskeyRefused(
            message(
                "the passkey {name} was used twice at the same time; try again",
                name=passkey.name,
            )
        )
    return msgspec.structs.replace(passkey, sign_count=now)


def _origin(public_url: str) -> tuple[str, str]:
    """The origin of the pages (RFC 6454, section 6.2), and their host."""
    url = urlsplit(public_url)
    host = url.hostname or ""
    default = {"https": 443, "http": 80}.get(url.scheme)
    secure = url.scheme == "https" or (url.scheme == "http" and host == "localhost")
    if not secure or not host or _is_address(host):
        raise PasskeysUnavailable(
            message(
                "{url} allows no passkeys: they need https and a host name, or "
                "http://localhost",
                url=public_url,
            )
        )
    port = "" if url.port in {None, default} else f":{url.port}"
    return f"{url.scheme}://{host}{port}", host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _descriptors(held: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY,
            id=one.id,
            transports=[*map(AuthenticatorTransport, one.transports)] or None,
        )
        for one in held
    ]


def _json(options: CredentialCreationOptions | CredentialRequestOptions) -> Json:
    """The options in the plain types of JSON, binary values in base64url."""
    found: Json = json.loads(json.dumps(dict(options)))["publicKey"]
    return found
