"""Passkeys: registration, authentication, and attacks on both (ASVS 5.0, 6.3.3)."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iku.access import token
from iku.access.flows import FlowKind
from iku.access.passkeys import (
    CHALLENGE_S,
    MOST,
    Passkey,
    PasskeyCloned,
    Passkeys,
    PasskeysUnavailable,
)
from iku.access.webauthn import LONGEST_ID, PasskeyRefused
from iku.language import translate
from iku.messages import Language
from tests.access.authenticator import (
    BE,
    BS,
    ORIGIN,
    RP_ID,
    UP,
    UV,
    Authenticator,
    Json,
    Key,
    b64,
    unb64,
)
from tests.access.flow_store import MemoryFlows
from tests.samples import examples

SITI, BUDI = str(UUID(int=1)), str(UUID(int=2))


class MemoryPasskeys:
    """A `PasskeyStore`; *stale* is what the next reader sees instead."""

    def __init__(self) -> None:
        self.stale: Passkey | None = None
        self.held: dict[bytes, Passkey] = {}
        self.used: list[tuple[int, int]] = []

    async def of_account(self, account: str) -> list[Passkey]:
        return [one for one in self.held.values() if one.account == account]

    async def find(self, credential: bytes) -> Passkey | None:
        return self.stale or self.held.get(credential)

    async def add(self, passkey: Passkey) -> bool:
        return self.held.setdefault(passkey.id, passkey) is passkey

    async def update_counter(self, credential: bytes, seen: int, now: int) -> bool:
        passkey = self.held[credential]
        self.used.append((seen, now))
        if passkey.sign_count != seen:
            return False
        fields = {name: getattr(passkey, name) for name in passkey.__struct_fields__}
        self.held[credential] = Passkey(**fields | {"sign_count": now})
        return True


class Desk:
    """A register with passkeys, and a browser in front of it."""

    def __init__(self) -> None:
        self.flows, self.store = MemoryFlows(), MemoryPasskeys()
        self.passkeys = Passkeys(ORIGIN, "Bakesbangpol")

    async def ask_registration(self, account: str = SITI) -> Json:
        return await self.passkeys.begin_registration(
            self.flows, self.store, account, "siti"
        )

    async def answer_registration(
        self, response: Json, account: str = SITI, name: str = "Laptop kantor"
    ) -> Passkey:
        return await self.passkeys.finish_registration(
            self.flows, self.store, account, response, name
        )

    async def register(
        self, key: Authenticator, account: str = SITI, name: str = "Laptop kantor"
    ) -> Passkey:
        answer = key.create(await self.ask_registration(account))
        return await self.answer_registration(answer, account, name)

    async def ask(self, account: str | None = None) -> Json:
        return await self.passkeys.begin_sign_in(self.flows, self.store, account)

    async def answer(self, response: Json, account: str | None = None) -> Passkey:
        return await self.passkeys.finish_sign_in(
            self.flows, self.store, response, account
        )

    async def sign_in(self, key: Authenticator, account: str | None = None) -> Passkey:
        return await self.answer(key.get(await self.ask(account)), account)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


@pytest.mark.parametrize(
    "generate",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65_537, 2_048),
    ],
    ids=["ec", "ed25519", "rsa"],
)
async def test_a_registered_passkey_signs_its_account_in(
    desk: Desk, generate: Callable[[], Key]
) -> None:
    key = Authenticator(generate())
    made = await desk.register(key)
    assert made.account == SITI
    assert (made.name, made.sign_count) == ("Laptop kantor", 1)
    assert made.transports == ("hybrid", "internal")

    for count in (2, 3):
        used = await desk.sign_in(key)
        assert (used.id, used.account, used.sign_count) == (key.id, SITI, count)
    assert desk.store.used == [(1, 2), (2, 3)]
    assert desk.flows.kept == {}


async def test_the_options_are_plain_json_and_demand_a_verified_user(
    desk: Desk, key: Authenticator
) -> None:
    creation = await desk.ask_registration()
    assert creation == json.loads(json.dumps(creation))
    assert creation["rp"] == {"name": "Bakesbangpol", "id": RP_ID}
    assert creation["user"] == {
        "id": b64(UUID(SITI).bytes),
        "name": "siti",
        "displayName": "siti",
    }
    assert [one["alg"] for one in creation["pubKeyCredParams"]] == [-7, -8, -257]
    assert creation["attestation"] == "none"
    assert creation["timeout"] == 300_000
    chosen = creation["authenticatorSelection"]
    assert chosen["residentKey"] == "preferred"
    assert chosen["userVerification"] == "required"
    assert len(unb64(creation["challenge"])) == 32
    await desk.register(key)

    request = await desk.ask(SITI)
    assert request == json.loads(json.dumps(request))
    assert request["rpId"] == RP_ID
    assert request["userVerification"] == "required"
    assert request["allowCredentials"] == [
        {
            "type": "public-key",
            "id": b64(key.id),
            "transports": ["hybrid", "internal"],
        }
    ]
    assert "allowCredentials" not in await desk.ask()


async def test_an_account_has_several_passkeys_each_with_a_name(desk: Desk) -> None:
    keys = [Authenticator() for _ in range(3)]
    for number, one in enumerate(keys):
        await desk.register(one, name=f"  Kunci {number} ")
    held = await desk.store.of_account(SITI)
    assert [one.name for one in held] == ["Kunci 0", "Kunci 1", "Kunci 2"]
    excluded = (await desk.ask_registration())["excludeCredentials"]
    assert [one["id"] for one in excluded] == [b64(one.id) for one in keys]

    for one in keys:
        assert (await desk.sign_in(one)).id == one.id
        assert (await desk.sign_in(one, SITI)).id == one.id


async def test_an_account_has_at_most_so_many_passkeys(desk: Desk) -> None:
    asked = [await desk.ask_registration() for _ in range(MOST + 1)]
    for one in asked[:MOST]:
        await desk.answer_registration(Authenticator().create(one))

    for refused in (
        desk.ask_registration(),
        desk.answer_registration(Authenticator().create(asked[MOST])),
    ):
        with pytest.raises(
            PasskeyRefused, match=f"has {MOST} passkeys, but may have at most"
        ):
            await refused


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\u202eb", "\u200b"])
async def test_a_name_is_short_and_visible(
    desk: Desk, key: Authenticator, name: str
) -> None:
    with pytest.raises(PasskeyRefused, match="must have 1 to 64 printable characters"):
        await desk.register(key, name=name)
    assert desk.store.held == {}


ATTACKS: list[tuple[dict[str, Any], str]] = [
    ({"origin": "https://iku.example.go.id.jahat.test"}, "was used on a page of"),
    ({"origin": "https://sub.iku.example.go.id"}, "was used on a page of"),
    ({"origin": "http://iku.example.go.id"}, "was used on a page of"),
    ({"origin": "https://iku.example.go.id:8443"}, "but the register is at https"),
    ({"origin": "https://iku.example.go.id/"}, "was used on a page of"),
    ({"origin": "\u202e"}, r"was used on a page of \?"),
    ({"rp_id": "jahat.test"}, "response of the authenticator is not valid"),
    ({"flags": UP}, "did not verify its user"),
    ({"flags": UV}, "response of the authenticator is not valid"),
    ({"flags": UP | UV | BS}, "response of the authenticator is not valid"),
    ({"client": {"type": "payment.get"}}, "response of the authenticator is not"),
    ({"client": {"crossOrigin": True}}, "in a frame of another site's page"),
    ({"client": {"challenge": "AAAA"}}, "is unknown, already answered, or older"),
    ({"client": {"challenge": ""}}, "is unknown, already answered, or older"),
    ({"client": {"challenge": 7}}, "response of the authenticator is not valid"),
    ({"client": {"challenge": None}}, "response of the authenticator is not valid"),
    ({"client": {"challenge": 10**12}}, "response of the authenticator is not valid"),
    ({"client": {"origin": None}}, "response of the authenticator is not valid"),
    ({"client": {"crossOrigin": "no"}}, "response of the authenticator is not valid"),
]


@pytest.mark.parametrize(("changes", "said"), ATTACKS)
async def test_a_registration_that_breaks_a_rule_is_refused(
    desk: Desk, key: Authenticator, changes: dict[str, Any], said: str
) -> None:
    for name, value in changes.items():
        setattr(key, name, value)

    with pytest.raises(PasskeyRefused, match=said):
        await desk.register(key)
    assert desk.store.held == {}


@pytest.mark.parametrize(("changes", "said"), ATTACKS)
async def test_a_sign_in_that_breaks_a_rule_is_refused(
    desk: Desk, key: Authenticator, changes: dict[str, Any], said: str
) -> None:
    await desk.register(key)
    for name, value in changes.items():
        setattr(key, name, value)

    for account in (None, SITI):
        with pytest.raises(PasskeyRefused, match=said):
            await desk.sign_in(key, account)
    assert desk.store.used == []


async def test_a_passkey_that_is_synchronised_between_devices_is_accepted(
    desk: Desk,
) -> None:
    """Such authenticators have no counter: it is always 0."""
    key = Authenticator(counter=None)
    key.flags = UP | UV | BE | BS
    await desk.register(key)

    for _ in range(2):
        assert (await desk.sign_in(key)).sign_count == 0


async def test_a_challenge_is_good_once(desk: Desk, key: Authenticator) -> None:
    """Not even for the same answer, and also if the first answer was refused."""
    answer = key.create(await desk.ask_registration())
    await desk.answer_registration(answer)
    with pytest.raises(PasskeyRefused, match="already answered"):
        await desk.answer_registration(answer)
    answer = key.get(await desk.ask())
    await desk.answer(answer)
    with pytest.raises(PasskeyRefused, match="already answered"):
        await desk.answer(answer)
    asked, signature = await desk.ask(), b64(bytes(70))
    with pytest.raises(PasskeyRefused, match="is not valid"):
        await desk.answer(key.get(asked, signature=signature))
    with pytest.raises(PasskeyRefused, match="already answered"):
        await desk.answer(key.get(asked))


async def test_a_challenge_is_good_for_five_minutes(
    desk: Desk, key: Authenticator
) -> None:
    asked = await desk.ask_registration()
    desk.flows.now += CHALLENGE_S - 1
    await desk.answer_registration(key.create(asked))
    for expired in (await desk.ask(), await desk.ask(SITI)):
        desk.flows.now += CHALLENGE_S
        with pytest.raises(PasskeyRefused, match="older than 5 minutes"):
            await desk.answer(key.get(expired))


async def test_a_challenge_is_for_its_purpose_only(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key)
    with pytest.raises(PasskeyRefused, match="is unknown"):
        await desk.answer(key.get(await desk.ask_registration()))
    other = Authenticator()
    creation = await desk.ask() | {"user": {"id": b64(UUID(SITI).bytes)}}
    with pytest.raises(PasskeyRefused, match="is unknown"):
        await desk.answer_registration(other.create(creation))


async def test_a_challenge_is_stored_as_its_digest(desk: Desk) -> None:
    challenge = unb64((await desk.ask())["challenge"])

    ((place, (content, _)),) = desk.flows.kept.items()
    assert place == (FlowKind.PASSKEY_SIGN_IN, token.digest(b64(challenge)))
    assert b64(challenge).encode() not in content
    assert unb64((await desk.ask())["challenge"]) != challenge


async def test_a_challenge_for_one_account_is_of_no_use_to_another(
    desk: Desk, key: Authenticator
) -> None:
    """Who proposes a registration cannot have it finished by somebody else."""
    answer = key.create(await desk.ask_registration(BUDI))
    with pytest.raises(PasskeyRefused, match="belongs to another account"):
        await desk.answer_registration(answer, SITI)
    await desk.register(key, SITI)
    other = Authenticator()
    await desk.register(other, BUDI)
    for asked, answered in ((BUDI, SITI), (BUDI, None), (None, SITI)):
        with pytest.raises(PasskeyRefused, match="belongs to another account"):
            await desk.answer(key.get(await desk.ask(asked)), answered)


async def test_a_passkey_of_another_account_confirms_nothing(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key, SITI)
    other = Authenticator()
    await desk.register(other, BUDI)

    with pytest.raises(PasskeyRefused, match="belongs to another account"):
        await desk.sign_in(other, SITI)
    for user in (UUID(SITI).bytes, b"", b"x"):  # the handle that it claims
        other.user = user
        with pytest.raises(PasskeyRefused, match="belongs to another account"):
            await desk.sign_in(other)
    assert desk.store.used == []


async def test_the_user_handle_may_lack_only_where_the_account_is_known(
    desk: Desk, key: Authenticator
) -> None:
    """WebAuthn, section 7.2, step 6."""
    await desk.register(key)
    answer = key.get(await desk.ask(SITI), userHandle=None)
    assert (await desk.answer(answer, SITI)).account == SITI

    with pytest.raises(PasskeyRefused, match="belongs to another account"):
        await desk.answer(key.get(await desk.ask(), userHandle=None))


async def test_a_passkey_that_is_not_registered_is_refused(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key)
    foreign = Authenticator()
    foreign.user = UUID(SITI).bytes

    for account in (None, SITI):
        with pytest.raises(PasskeyRefused, match="is not registered here"):
            await desk.sign_in(foreign, account)


async def test_the_identifier_of_a_passkey_is_no_proof(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key)
    forger = Authenticator(counter=10)
    forger.id, forger.user = key.id, UUID(SITI).bytes

    with pytest.raises(PasskeyRefused, match="is not valid"):
        await desk.sign_in(forger)


async def test_a_passkey_is_registered_once_among_all_accounts(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key, SITI)
    for account in (SITI, BUDI):
        with pytest.raises(PasskeyRefused, match="is already registered"):
            await desk.register(key, account)
    assert [one.account for one in desk.store.held.values()] == [SITI]


@pytest.mark.parametrize("counter", [0, 1, 2, 3])
async def test_a_cloned_authenticator_is_refused(
    desk: Desk, key: Authenticator, counter: int
) -> None:
    """The counter goes back or stays (WebAuthn, section 6.1.1)."""
    await desk.register(key)
    for _ in range(3):
        await desk.sign_in(key)
    assert key.counter == 4
    key.counter = counter

    with pytest.raises(PasskeyCloned) as caught:
        await desk.sign_in(key)
    said = f"Laptop kantor is {counter + 1}, but was already 4"
    assert said in str(caught.value)
    assert desk.store.held[key.id].sign_count == 4


async def test_a_counter_that_becomes_zero_is_one_that_goes_back(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key)
    key.counter = None

    with pytest.raises(PasskeyCloned):
        await desk.sign_in(key)


async def test_of_two_uses_at_the_same_time_one_is_refused(
    desk: Desk, key: Authenticator
) -> None:
    await desk.register(key)
    seen = desk.store.held[key.id]
    await desk.sign_in(key)
    desk.store.stale = seen  # read before the other use

    with pytest.raises(PasskeyRefused, match="was used twice at the same time"):
        await desk.sign_in(key)


@pytest.mark.parametrize(
    "cose",
    [
        {1: 2, 3: -65_535, -1: 1},  # RS1: SHA-1
        {1: 2, 3: -47, -1: 8, -2: bytes(32), -3: bytes(32)},  # ES256K
        {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)},  # not on the curve
        {1: 2, 3: -7, -1: 2, -2: bytes(32), -3: bytes(32)},
        {1: 2, 3: -7},
        {1: 1, 3: -8, -1: 6, -2: b""},
        {1: 3, 3: -257, -1: b"", -2: b""},
        {1: 2},
        {},
        7,
    ],
)
async def test_a_key_of_another_kind_or_a_broken_one_is_refused(
    desk: Desk, key: Authenticator, cose: Any
) -> None:
    key.cose = cose

    with pytest.raises(PasskeyRefused, match="is not valid"):
        await desk.register(key)
    assert desk.store.held == {}


@pytest.mark.parametrize("size", [0, LONGEST_ID + 1])
async def test_an_identifier_has_a_length(
    desk: Desk, key: Authenticator, size: int
) -> None:
    key.id = bytes(size)

    with pytest.raises(PasskeyRefused, match="is not valid"):
        await desk.register(key)


async def test_an_account_without_passkeys_is_not_asked_for_one(desk: Desk) -> None:
    with pytest.raises(PasskeyRefused, match="has no passkey"):
        await desk.ask(SITI)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary().map(b64),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=examples(150, 37), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), registers=st.booleans())
async def test_no_answer_raises_anything_but_a_refusal(
    data: st.DataObject, registers: bool
) -> None:
    """Members are replaced or removed, and the bytes of binary ones are changed."""
    # The signatures of Ed25519 have one length.
    desk, key = Desk(), Authenticator(ed25519.Ed25519PrivateKey.generate())
    if registers:
        answer = key.create(await desk.ask_registration())
    else:
        await desk.register(key)
        answer = key.get(await desk.ask())
    inner = answer["response"]
    for into in data.draw(st.lists(st.sampled_from([answer, inner]), min_size=1)):
        name = data.draw(st.sampled_from(sorted(into)))
        into[name] = data.draw(values | _changed(into[name]))

    finish = desk.answer_registration if registers else desk.answer
    with suppress(PasskeyRefused):
        await finish(answer)


def _changed(value: Any) -> st.SearchStrategy[Any]:
    """The same with one other byte, shortened, or lengthened."""
    try:
        raw = unb64(value)
    except (TypeError, ValueError):
        return st.just(value)
    cut = st.integers(0, len(raw)).map(lambda at: b64(raw[:at]))
    added = st.binary(max_size=9).map(lambda more: b64(raw + more))
    other = st.tuples(st.integers(0, max(0, len(raw) - 1)), st.binary(max_size=1)).map(
        lambda one: b64(raw[: one[0]] + one[1] + raw[one[0] + 1 :])
    )
    return cut | added | other


@pytest.mark.parametrize("of", ["answer", "response"])
async def test_a_number_in_place_of_bytes_takes_no_memory(
    desk: Desk, key: Authenticator, of: str
) -> None:
    """`bytes(10 ** 12)` in Python is a terabyte."""
    for name in ("id", "rawId") if of == "answer" else ("clientDataJSON", "signature"):
        await desk.register(Authenticator())
        answer = key.get(await desk.ask())
        (answer if of == "answer" else answer["response"])[name] = 10**12
        with pytest.raises(PasskeyRefused, match="is not valid"):
            await desk.answer(answer)


@pytest.mark.parametrize("name", ["attestationObject", "clientDataJSON"])
async def test_a_deeply_nested_answer_is_refused(
    desk: Desk, key: Authenticator, name: str
) -> None:
    for nested in (b"\x81" * 100_000, b"[" * 100_000):
        answer = key.create(await desk.ask_registration())
        answer["response"][name] = b64(nested)
        with pytest.raises(PasskeyRefused, match="is not valid"):
            await desk.answer_registration(answer)


@pytest.mark.parametrize(
    ("url", "origin", "rp_id"),
    [
        ("https://iku.example.go.id", "https://iku.example.go.id", RP_ID),
        ("https://IKU.example.go.id:443/", "https://iku.example.go.id", RP_ID),
        ("https://iku.example.go.id:8443", "https://iku.example.go.id:8443", RP_ID),
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
        ("http://localhost", "http://localhost", "localhost"),
    ],
)
async def test_passkeys_are_of_the_host_and_the_origin_of_the_public_url(
    key: Authenticator, url: str, origin: str, rp_id: str
) -> None:
    desk = Desk()
    desk.passkeys = Passkeys(url, "Bakesbangpol")
    key.origin, key.rp_id = origin, rp_id
    await desk.register(key)

    assert (await desk.sign_in(key)).account == SITI
    key.origin = f"{origin}0"
    with pytest.raises(PasskeyRefused, match=f"but the register is at {origin}"):
        await desk.sign_in(key)


@pytest.mark.parametrize(
    "url",
    [
        *("http://iku.example.go.id", "https://10.0.0.1", "https://[::1]:8000"),
        *("http://127.0.0.1:8000", "", "https://", "iku.example.go.id"),
    ],
)
def test_an_address_without_passkeys_is_named(url: str) -> None:
    with pytest.raises(PasskeysUnavailable, match="allows no passkeys") as caught:
        Passkeys(url, "Bakesbangpol")
    said = caught.value.args[0]
    assert "tidak mendukung passkey" in translate(said, Language.INDONESIAN)
