"""A browser that keeps every secret it gets or sends, for the search afterwards."""

import re
from base64 import b32decode, b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import httpx

from tests.access.authenticator import Authenticator
from tests.access.enrolling import code, wrong
from tests.access.identity_provider import IdentityProvider

_KEY = re.compile(r'name="kunci" value="([^"]+)"')
_SEED = re.compile(r'data-seed="(\w+)"')
_URI = re.compile(r'name="otpauth" value="([^"]+)"')
_API_KEY = re.compile(r'class="secret">(iku_\w+_[\w-]+)<')
COOKIE = "__Host-iku"


class Secrets:
    """What no log, table, dump or bundle may hold."""

    def __init__(self) -> None:
        self.kept: dict[bytes, str] = {}
        self.codes: set[str] = set()

    def keep(self, what: str, secret: str) -> str:
        """Remember a secret; *what* names it if it is found."""
        assert len(secret) >= 12, what
        self.kept[secret.encode()] = what
        return secret

    def forms(self) -> dict[bytes, str]:
        """Each secret as text, percent-encoded, in hexadecimal and in Base64."""
        return forms_of(self.kept)


def forms_of(kept: Mapping[bytes, str]) -> dict[bytes, str]:
    """Every form in which one of the values could be written, and what it is."""
    found: dict[bytes, str] = {}
    for raw, what in kept.items():
        for name, form in _forms(raw):
            found.setdefault(form, f"{what} ({name})")
    return found


def _forms(raw: bytes) -> list[tuple[str, bytes]]:
    found = [
        ("as it is", raw),
        ("percent-encoded", quote(raw, safe="").encode()),
        ("as in a form", quote_plus(raw).encode()),
        ("hexadecimal", raw.hex().encode()),
        ("hexadecimal", raw.hex().upper().encode()),
    ]
    # In Base64 a text looks differently by its place among the bytes around it.
    for before in range(3):
        encoded = b64encode(bytes(before) + raw)
        inner = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        found += [("Base64", inner), ("Base64", inner.translate(_URL_SAFE))]
    return found


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Browser:
    """A person's browser without JavaScript."""

    def __init__(self, base: str, secrets: Secrets) -> None:
        self.base = base
        self.secrets = secrets
        self.cookies: dict[str, str] = {}
        self.key = ""
        self.seed = ""

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer; cookies, form keys and seeds in it are kept."""
        headers = {"Origin": self.base, **more.pop("headers", {})}
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            headers["Cookie"] = "; ".join(pairs)
        async with httpx.AsyncClient(base_url=self.base, timeout=30) as client:
            answer = await client.request(method, path, headers=headers, **more)
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = self.secrets.keep(f"cookie {name}", value)
        if found := _KEY.search(answer.text):
            self.key = self.secrets.keep("form key", found[1])
        if found := _SEED.search(answer.text):
            self.seed = self.secrets.keep("seed of an authenticator", found[1])
            self.secrets.kept[b32decode(self.seed)] = "decoded seed"
        return answer

    async def open(self, path: str) -> httpx.Response:
        """A page, whose status must be 200."""
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer

    async def send(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """The answer to a form of the page that was opened last."""
        answer = await self.ask("POST", path, data={"kunci": self.key, **fields})
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer

    async def enrol(self, link: str, name: str, password: str) -> None:
        """Redeem an invitation, choose a password, and set up an authenticator."""
        token = self.secrets.keep("invitation", link.rpartition("/")[2])
        self.cookies.clear()
        self.key = ""
        await self.open(f"/undangan/{token}")
        await self.send(f"/undangan/{token}")
        await self.open("/pendaftaran")
        self.secrets.keep("password", password)
        weak = self.secrets.keep("refused password", "mojokerto2021mojokerto")
        for typed, status in ((weak, 422), (password, 303)):
            await self.send(
                "/pendaftaran/sandi", status, nama=name, sandi=typed, sandi_lagi=typed
            )
        await self.open("/pendaftaran")
        page = await self.send("/pendaftaran/aplikasi", 200)
        uri = _URI.search(page.text)
        assert uri is not None
        shown = {"rahasia": self.seed, "otpauth": uri[1].replace("&amp;", "&")}
        await self.send("/pendaftaran/kode", 422, kode=self.wrong_code(), **shown)
        await self.send("/pendaftaran/kode", 303, kode=self.code(-1), **shown)
        assert COOKIE in self.cookies

    def code(self, steps: int = 0) -> str:
        """The code of the authenticator, some steps from now."""
        made = code(self.seed, steps)
        self.secrets.codes.add(made)
        return made

    def wrong_code(self) -> str:
        """A code of no step in reach."""
        return wrong(self.seed)

    async def sign_in(self, name: str, password: str, steps: int = 0) -> None:
        """Sign in by password and code, after a wrong one of each."""
        self.cookies.clear()
        self.key = ""
        await self.open("/masuk")
        mistyped = self.secrets.keep("wrong password", f"{password} salah ketik")
        await self.send("/masuk", 422, nama=name, sandi=mistyped)
        await self.send("/masuk", 422, nama="siapa.saja", sandi=mistyped)
        await self.send("/masuk", nama=name, sandi=password)
        await self.open("/masuk/kode")
        await self.send("/masuk/kode", 422, kode=self.wrong_code())
        await self.send("/masuk/kode", kode=self.code(steps))

    async def create_api_key(self, role: str) -> str:
        """A new API key, as the page of the account shows it once."""
        await self.open("/akun")
        page = await self.send(
            "/akun/kunci-api", 200, name="skrip", days="30", roles=role
        )
        found = _API_KEY.search(page.text)
        assert found is not None
        return self.secrets.keep("API key", found[1])

    async def passkey(self, authenticator: Authenticator) -> None:
        """Register a passkey, and confirm the session by it."""
        await self.open("/akun")
        options = await self._passkey_step("/akun/passkey/opsi")
        made = authenticator.create(options)
        await self._passkey_step("/akun/passkey", tanggapan=made, nama="Laptop")
        await self.open("/akun")
        options = await self._passkey_step("/masuk/passkey/opsi", bukti=True)
        proof = authenticator.get(options)
        await self._passkey_step("/masuk/passkey", bukti=True, tanggapan=proof)

    async def _passkey_step(self, path: str, **fields: Any) -> Any:
        answer = await self.ask("POST", path, json={"kunci": self.key, **fields})
        assert answer.status_code == 200, (path, answer.text)
        shown = answer.json()
        if "challenge" in shown:
            self.secrets.keep("challenge", shown["challenge"])
        return shown

    async def to_provider(
        self, provider: IdentityProvider, **fields: str
    ) -> dict[str, str]:
        """Go to the identity provider; what the browser brings back."""
        page = await self.send("/masuk/oidc", 200, **fields)
        url = page.headers["Refresh"].partition("url=")[2]
        query = provider.authorize(url)
        for name in ("state", "nonce"):
            [value] = parse_qs(urlsplit(url).query)[name]
            self.secrets.keep(name, value)
        return query
