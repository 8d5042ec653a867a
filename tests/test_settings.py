"""Valid and invalid settings in the environment."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from iku.messages import Language
from iku.settings import Settings, SettingsError, is_loopback


def test_an_empty_environment_runs_embedded_on_this_machine() -> None:
    assert Settings.from_environment({}) == Settings(
        database_url=None,
        owner_url=None,
        home=Path("var"),
        timezone=ZoneInfo("Asia/Jakarta"),
        host="127.0.0.1",
        port=8000,
        pool_size=10,
        agency=None,
        signer_url=None,
        signer_home=Path("var/signer"),
        witness_home=Path("var/witness"),
        origin="iku.mojokerto.local/log",
        witnesses=None,
    )


def test_every_variable_is_read(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    file.touch()
    environ = {
        "IKU_DATABASE_URL": "postgresql://iku:a@db/iku",
        "IKU_OWNER_URL": "postgresql://owner:b@db/iku",
        "IKU_SUPERUSER_URL": "postgresql://postgres:d@db/iku",
        "IKU_HOME": "/srv/iku",
        "IKU_TIMEZONE": "Asia/Makassar",
        "IKU_HOST": "::1",
        "IKU_PORT": "8080",
        "IKU_POOL_SIZE": "3",
        "IKU_BODY_TIMEOUT_S": "7",
        "IKU_AGENCY": str(tmp_path),
        "IKU_SIGNER_URL": "postgresql://signer:c@db/iku",
        "IKU_SIGNER_HOME": "/srv/signer",
        "IKU_WITNESS_HOME": "/srv/witness",
        "IKU_MONITOR_HOME": "/srv/monitor",
        "IKU_ORIGIN": "iku.example.go.id/log",
        "IKU_WITNESSES": str(file),
        "IKU_CHECKPOINT_COPIES": "/mnt/inspektorat",
        "IKU_PUBLIC_URL": "https://IKU.example.go.id:443/",
        "IKU_TLS_CERT": "/etc/iku/fullchain.pem",
        "IKU_TLS_KEY": "/etc/iku/privkey.pem",
        "IKU_TRUSTED_PROXY": "10.1.2.3, 10.9.0.0/16 fd00::/8",
        "IKU_LANGUAGE": "en",
        "IKU_OIDC_ISSUER": "https://sso.example.go.id/realms/kota",
        "IKU_OIDC_CLIENT_ID": "iku",
        "IKU_OIDC_CLIENT_SECRET_FILE": str(file),
        "IKU_OIDC_HOSTS": "keys.example.go.id  Token.example.go.id",
        "IKU_OIDC_ALLOW_PRIVATE": "true",
    }
    assert Settings.from_environment(environ) == Settings(
        database_url="postgresql://iku:a@db/iku",
        owner_url="postgresql://owner:b@db/iku",
        superuser_url="postgresql://postgres:d@db/iku",
        home=Path("/srv/iku"),
        timezone=ZoneInfo("Asia/Makassar"),
        host="::1",
        port=8080,
        pool_size=3,
        body_timeout_s=7,
        agency=tmp_path,
        signer_url="postgresql://signer:c@db/iku",
        signer_home=Path("/srv/signer"),
        witness_home=Path("/srv/witness"),
        monitor_home=Path("/srv/monitor"),
        origin="iku.example.go.id/log",
        witnesses=file,
        checkpoint_copies=Path("/mnt/inspektorat"),
        public_url="https://iku.example.go.id",
        tls_cert=Path("/etc/iku/fullchain.pem"),
        tls_key=Path("/etc/iku/privkey.pem"),
        trusted_proxy=tuple(map(ip_network, ("10.1.2.3", "10.9.0.0/16", "fd00::/8"))),
        language=Language.ENGLISH,
        oidc_issuer="https://sso.example.go.id/realms/kota",
        oidc_client_id="iku",
        oidc_client_secret_file=file,
        oidc_hosts=("keys.example.go.id", "token.example.go.id"),
        oidc_allow_private=True,
    )


def test_the_signers_folder_lies_beside_the_register() -> None:
    settings = Settings.from_environment({"IKU_HOME": "/srv/iku"})
    assert settings.signer_home == Path("/srv/iku/signer")


def test_the_owner_is_the_application_unless_told() -> None:
    settings = Settings.from_environment({"IKU_DATABASE_URL": "postgres://iku@db/iku"})
    assert settings.owner_url == "postgres://iku@db/iku"


@pytest.mark.parametrize("name", ["fr", "ID", "en-GB"])
def test_the_language_is_one_of_two(name: str) -> None:
    with pytest.raises(SettingsError, match=f'"{name}", but must be id or en'):
        Settings.from_environment({"IKU_LANGUAGE": name})


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
@pytest.mark.parametrize(
    "name", sorted(f"IKU_{one.name.upper()}" for one in fields(Settings))
)
def test_a_variable_that_is_set_but_empty_is_refused(name: str, empty: str) -> None:
    others = {"IKU_DATABASE_URL": "postgresql://iku@db/iku"}
    with pytest.raises(
        SettingsError, match=f"^{name} is set to an empty value; set a value, or"
    ):
        Settings.from_environment(others | {name: empty})


def test_variables_that_mean_nothing_to_the_program_may_be_empty() -> None:
    assert Settings.from_environment({"IKU_DEBUG": "", "PATH": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("IKU_DATABASE_URL", "mysql://iku@db/iku", "begins with postgresql://"),
        ("IKU_OWNER_URL", "db/iku", "begins with postgresql://"),
        ("IKU_OWNER_URL", "postgresql://owner@db/iku", "IKU_DATABASE_URL is not"),
        ("IKU_TIMEZONE", "Jakarta", 'is "Jakarta", which is not an IANA time zone'),
        ("IKU_TIMEZONE", "../../etc/passwd", "which is not an IANA time zone"),
        ("IKU_TIMEZONE", "Asia", "which is not an IANA time zone"),
        ("IKU_PORT", "http", 'is "http", but must be a whole number from 1 to 65535'),
        ("IKU_PORT", "0", "from 1 to 65535"),
        ("IKU_PORT", "65536", "from 1 to 65535"),
        ("IKU_PORT", "9" * 5000, "from 1 to 65535"),
        ("IKU_PORT", "0000000018000", "from 1 to 65535"),
        ("IKU_PORT", "٨٠", "from 1 to 65535"),
        ("IKU_POOL_SIZE", "-1", "from 1 to 1000"),
        ("IKU_BODY_TIMEOUT_S", "0", "from 1 to 3600"),
        ("IKU_BODY_TIMEOUT_S", "15s", "from 1 to 3600"),
        ("IKU_AGENCY", "/nowhere/at/all", "which is not a folder"),
        ("IKU_SIGNER_URL", "postgresql://s@db/iku", "IKU_DATABASE_URL is not"),
        ("IKU_WITNESSES", "/nowhere/at/all", "which is not a file"),
        ("IKU_ORIGIN", "iku log", "must not contain a space"),
        ("IKU_ORIGIN", "iku+log", "must not contain a space"),
        ("IKU_OIDC_ISSUER", "https://sso.example.go.id", "IKU_OIDC_CLIENT_ID"),
        ("IKU_OIDC_CLIENT_ID", "iku", "IKU_OIDC_ISSUER"),
        ("IKU_OIDC_CLIENT_SECRET_FILE", "/nowhere/at/all", "which is not a file"),
        ("IKU_OIDC_ALLOW_PRIVATE", "yes", "must be true or false"),
        *(
            ("IKU_PUBLIC_URL", url, f'is "{url}", but must be a URL without a path')
            for url in (
                *("iku.example.go.id", "http://iku.example.go.id", "ftp://localhost"),
                *("https://iku.example.go.id/iku", "https://iku.example.go.id?x"),
                *("https://a@iku.example.go.id", "https://iku.example.go.id:0"),
                *(
                    "https://",
                    "https://-",
                    "https://a b",
                    "https://iku.example.go.id//",
                ),
                *("http://127.0.0.1", "https://iku_1", "https://kota.id:123456"),
            )
        ),
        ("IKU_TLS_CERT", "/c.pem", "is set, but IKU_TLS_KEY is not"),
        ("IKU_TLS_KEY", "/k.pem", "is set, but IKU_TLS_CERT is not"),
        *(
            (
                "IKU_TRUSTED_PROXY",
                text,
                f'is "{text}", but must be a list of IP addresses',
            )
            for text in (
                *("proxy", "10.0.0", "10.0.0.1/24", "10.0.0.1:80", "10.0.0.0/33"),
                *("0.0.0.0/0", "::/0", "10.0.0.1 0.0.0.0/0", ",", "10.0.0.1;10.0.0.2"),
            )
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environment({name: value})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "issuer",
    [
        *("sso.example.go.id", "http://sso.example.go.id", "ftp://sso.example.go.id"),
        *("https://", "https://a@sso.example.go.id", "https://sso.example.go.id?a=b"),
        *("https://sso.example.go.id#a", "https://sso example", "https://[::1"),
        *("https://sso.example.go.id:x", "https://sso.example.go.id\\@evil.test"),
        *("https://sso\u0131.example.go.id", "http://127.0.0.1:9400"),
    ],
)
def test_an_issuer_is_an_https_url(issuer: str) -> None:
    environ = {"IKU_OIDC_ISSUER": issuer, "IKU_OIDC_CLIENT_ID": "iku"}
    with pytest.raises(SettingsError, match="must be an https URL"):
        Settings.from_environment(environ)


def test_an_issuer_on_this_machine_may_use_http_where_private_ones_are_allowed() -> (
    None
):
    environ = {"IKU_OIDC_CLIENT_ID": "iku", "IKU_OIDC_ALLOW_PRIVATE": "true"}
    for issuer in ("http://127.0.0.1:9400", "http://localhost:9400", "http://[::1]"):
        settings = Settings.from_environment(environ | {"IKU_OIDC_ISSUER": issuer})
        assert settings.oidc_issuer == issuer
    with pytest.raises(SettingsError, match="must be an https URL"):
        Settings.from_environment(environ | {"IKU_OIDC_ISSUER": "http://10.0.0.1"})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://iku.example.go.id", "https://iku.example.go.id"),
        ("HTTPS://Iku.Example.go.id:8443/", "https://iku.example.go.id:8443"),
        ("https://kota.id:80", "https://kota.id:80"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://[2001:DB8::7]:443", "https://[2001:db8::7]"),
        ("https://10.1.2.3", "https://10.1.2.3"),
    ],
)
def test_the_public_url_is_written_as_browsers_write_an_origin(
    url: str, origin: str
) -> None:
    assert Settings.from_environment({"IKU_PUBLIC_URL": url}).public_url == origin


def test_no_password_is_shown() -> None:
    secret = "postgresql://iku:geheim@db/iku"
    settings = Settings.from_environment(
        {"IKU_DATABASE_URL": secret, "IKU_OWNER_URL": secret}
    )
    assert "geheim" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"IKU_DATABASE_URL": "iku:geheim@db"})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]
)
def test_these_are_this_machine_only(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "example.go.id", "", "localhost.example"]
)
def test_these_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_keys_and_attachments_lie_in_the_home_unless_they_are_given_a_place() -> None:
    settings = Settings.from_environment({"IKU_HOME": "/srv/iku"})
    assert settings.keys_folder == Path("/srv/iku/keys")
    assert settings.attachments_folder == Path("/srv/iku/attachments")
    settings = Settings.from_environment(
        {"IKU_KEYS": "/media/keys", "IKU_ATTACHMENTS": "/media/files"}
    )
    assert settings.keys_folder == Path("/media/keys")
    assert settings.attachments_folder == Path("/media/files")
