"""The shape of the schema: the properties that decide how the database treats records.

The shape is a text with a line for each function, trigger, privilege, event trigger,
table and so on, of every schema, and is the same in every database of a release. It is
computed from rows of the catalogs, under names that a session cannot shadow, without
any function that a migration creates. ``schema_shape.txt`` is the shape that the
release expects; `make shape` writes it.

Differences between installations are left out or renamed. The owner of the ledger is
named *owner*, any superuser *superuser*; their own privileges are implied. Temporary
objects and the tables of a rebuild in progress are left out. A superuser who falsifies
the catalogs is not detected.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib import resources

import asyncpg
from msgspec import Struct

from iku.postgres.pool import Plain
from iku.postgres.schema_catalogs import CATALOGS, FIRST_OF_OURS

EXPECTED = (
    (resources.files(__package__) / "schema_shape.txt").read_text("utf-8").splitlines()
)
GROUPS = ("iku_app", "iku_auditor", "iku_signer", "iku_vault", "iku_access")
POWERS = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
# Settings of a role or a database that change what a statement does.
SETTINGS = (
    *("event_triggers", "session_replication_role", "search_path", "row_security"),
    *("session_preload_libraries", "local_preload_libraries", "default_transaction_"),
)

ATTEMPTS = 3

Row = asyncpg.Record
_NO_LINES = ("role", "member", "grant", "builtin")
_LINES = tuple(name for name, _ in CATALOGS if name not in _NO_LINES)


class Shape(Struct, frozen=True):
    """The shape of a database's schema, as sorted lines."""

    lines: list[str]

    @property
    def digest(self) -> str:
        """The SHA-256 of the lines, in hexadecimal."""
        return sha256("".join(f"{line}\n" for line in self.lines).encode()).hexdigest()

    def difference(self, other: "Shape") -> list[str]:
        """The lines that *other* lacks, and the lines that only *other* has."""
        mine, others = set(self.lines), set(other.lines)
        return [f"now {line}" for line in self.lines if line not in others] + [
            f"was {line}" for line in other.lines if line not in mine
        ]


def expected() -> Shape:
    """The shape that this release expects."""
    return Shape(EXPECTED)


async def read(connection: Plain) -> Shape:
    """The shape of the connected database, read in one snapshot."""
    for _ in range(ATTEMPTS - 1):
        # A rebuild may drop a table between the snapshot and what renders it.
        with suppress(asyncpg.InternalServerError, asyncpg.UndefinedTableError):
            return await _read(connection)
    return await _read(connection)


async def _read(connection: Plain) -> Shape:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # Temporary objects come last, and no schema of ours is searched: neither a
        # table nor a function or operator of another schema takes a catalog's place.
        await connection.execute("set local search_path = pg_catalog, pg_temp")
        rows = {name: await connection.fetch(query) for name, query in CATALOGS}
    return Shape(sorted(_CatalogRows(rows).lines()))


class _CatalogRows:
    """The rows of the catalogs, and the names of the objects they refer to."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._rows = rows
        self._roles = {row["oid"]: row for row in rows["role"]}
        self._schemas = {row["oid"]: row["nspname"] for row in rows["schema"]}
        owners = {row["nspname"]: row["nspowner"] for row in rows["schema"]}
        self._owner = owners.get("ledger")
        self._members = {(row["classid"], row["objid"]) for row in rows["member"]}
        self._grants: dict[tuple[str, int, int], list[str]] = defaultdict(list)
        for row in rows["grant"]:
            self._add_grant(row)
        self._relations = {
            row["oid"]: self._relation_name(row) for row in rows["class"]
        }

    def lines(self) -> Iterator[str]:
        for kind in _LINES:
            for row in self._rows[kind]:
                if (line := getattr(self, f"_{kind}")(row)) is not None:
                    yield line
        yield f"built-in functions: {self._builtin()}"

    # Names.

    def _role(self, oid: int, *, installed: bool = False) -> str:
        """The name of a role: ``public``, ``owner``, ``superuser``, or its own name.

        An owner that is a superuser is ``superuser`` for an *installed* object.
        """
        if oid == 0:
            return "public"
        found = self._roles[oid]
        if oid == self._owner and not (installed and found["rolsuper"]):
            return "owner"
        return "superuser" if found["rolsuper"] else str(found["rolname"])

    def _is_installed(self, row: Row, schema: str) -> bool:
        """Whether the object belongs to the guard or an extension (to a superuser)."""
        return schema == "guard" or (row["tableoid"], row["oid"]) in self._members

    def _is_included(self, schema: str | None, oid: int) -> bool:
        if schema is None or schema == "projection_next" or _is_hidden(schema):
            return False
        return oid >= FIRST_OF_OURS

    def _add_grant(self, row: Row) -> None:
        implied = row["grantee"] == row["owner"] or (
            row["grantee"] != 0 and self._roles[row["grantee"]]["rolsuper"]
        )
        if not implied:
            given = "*" if row["is_grantable"] else ""
            said = (
                f"{self._role(row['grantee'])}={row['privilege_type'].lower()}{given}"
            )
            self._grants[row["classid"], row["objid"], row["part"]].append(said)

    def _privileges(self, row: Row, part: int = 0) -> str:
        found = self._grants[row["tableoid"], row["oid"], part]
        if row.get("proname") == "announce":  # the owner's, which may be a superuser
            found = [one for one in found if one != "owner=execute"]
        return " ".join(sorted(found)) or "nobody"

    def _relation_name(self, row: Row) -> str | None:
        schema = self._schemas.get(row["relnamespace"])
        if not self._is_included(schema, row["oid"]):
            return None
        return f"{schema}.{row['relname']}"

    # Each method gives the line for a row of a catalog; None if the row is left out.

    def _schema(self, row: Row) -> str | None:
        name = row["nspname"]
        if name == "projection_next" or _is_hidden(name):
            return None
        owner = self._role(row["nspowner"], installed=row["oid"] < FIRST_OF_OURS)
        if name == "guard":
            owner = self._role(row["nspowner"], installed=True)
        return f"schema {name}: owner {owner}; {self._privileges(row)}"

    def _class(self, row: Row) -> str | None:
        name = self._relations[row["oid"]]
        if name is None:
            return None
        if row["relkind"] in ("i", "I"):
            return f"index {name}: valid {row['indisvalid']}, {row['definition']}"
        schema = name.partition(".")[0]
        owner = self._role(row["relowner"], installed=self._is_installed(row, schema))
        return (
            f"relation {name}: kind {row['relkind']}, persistence "
            f"{row['relpersistence']}, owner {owner}, row security "
            f"{row['relrowsecurity']} {row['relforcerowsecurity']}, options "
            f"{row['reloptions']}, {row['definition']}; {self._privileges(row)}"
        )

    def _attribute(self, row: Row) -> str | None:
        name = self._relations.get(row["oid"])
        if name is None:
            return None
        return (
            f"column {name}.{row['attname']}: {row['type']}, not null "
            f"{row['attnotnull']}, default {row['expression']}, generated "
            f"'{row['attgenerated']}{row['attidentity']}', collation "
            f"{row['collname']}, statistics {row['attstattarget']}; "
            f"{self._privileges(row, row['attnum'])}"
        )

    def _constraint(self, row: Row) -> str | None:
        name = self._relations.get(row["conrelid"]) or row["domain"]
        if name is None or not self._is_included(
            self._schemas.get(row["connamespace"]), row["oid"]
        ):
            return None
        return (
            f"constraint {row['conname']} on {name}: {row['definition']}, validated "
            f"{row['convalidated']}"
        )

    def _trigger(self, row: Row) -> str | None:
        name = self._relations.get(row["tgrelid"])
        if name is None:
            return None
        if row["conname"] is not None and row["tgisinternal"]:
            return (
                f"trigger of {row['conname']} on {name}: {row['function']}, enabled "
                f"{row['tgenabled']}"
            )
        return (
            f"trigger {row['tgname']} on {name}: enabled {row['tgenabled']}, "
            f"{row['definition']}"
        )

    def _rule(self, row: Row) -> str | None:
        name = self._relations.get(row["ev_class"])
        if name is None:
            return None
        return (
            f"rule {row['rulename']} on {name}: enabled {row['ev_enabled']}, "
            f"{row['definition']}"
        )

    def _policy(self, row: Row) -> str | None:
        name = self._relations.get(row["polrelid"])
        return None if name is None else f"policy on {name}: {row['definition']}"

    def _child(self, row: Row) -> str | None:
        parent = self._relations.get(row["inhparent"])
        child = self._relations.get(row["inhrelid"])
        if parent is None and child is None:
            return None
        return f"child of {parent}: {child}"

    def _proc(self, row: Row) -> str | None:
        schema = self._schemas.get(row["pronamespace"])
        if schema is None or not self._is_included(schema, row["oid"]):
            return None
        owner = self._role(row["proowner"], installed=self._is_installed(row, schema))
        return (
            f"function {schema}.{row['proname']}({row['arguments']}): returns "
            f"{row['result']}, owner {owner}, {row['properties']}, settings "
            f"{row['proconfig']}, language {row['lanname']}, body {_body(row)}; "
            f"{self._privileges(row)}"
        )

    def _type(self, row: Row) -> str | None:
        schema = self._schemas.get(row["typnamespace"])
        if schema is None or not self._is_included(schema, row["oid"]):
            return None
        owner = self._role(row["typowner"], installed=self._is_installed(row, schema))
        return (
            f"type {schema}.{row['typname']}: {row['typtype']}, owner {owner}, "
            f"{row['definition']}; {self._privileges(row)}"
        )

    def _event_trigger(self, row: Row) -> str:
        owner = self._role(row["evtowner"], installed=True)
        return (
            f"event trigger {row['evtname']}: on {row['evtevent']} {row['evttags']}, "
            f"function {row['function']}, enabled {row['evtenabled']}, owner {owner}"
        )

    def _default(self, row: Row) -> str:
        schema = self._schemas.get(row["defaclnamespace"])
        return (
            f"default privileges of {self._role(row['defaclrole'])} in {schema} on "
            f"{row['defaclobjtype']}: {self._privileges(row)}"
        )

    def _other(self, row: Row) -> str:
        return f"{row['kind']} {row['name']}"

    def _group(self, row: Row) -> str:
        powers = [power for power in POWERS if row[power]]
        return f"role {row['rolname']}: login {row['rolcanlogin']}, powers {powers}"

    def _membership(self, row: Row) -> str | None:
        """A membership of a group, or of a role with special powers in a group.

        None for the membership of any other role, which differs between installations.
        """
        member, group = self._roles[row["member"]], self._roles[row["roleid"]]
        if member["rolname"] in GROUPS:
            return f"role {member['rolname']} is a member of {self._role(group['oid'])}"
        powers = [power for power in POWERS if member[power]]
        if row["roleid"] == self._owner:
            powers.append("owner")
        if (
            group["rolname"] in (*GROUPS[:3], "owner")
            and powers
            and not (member["rolsuper"] or member["oid"] == self._owner)
        ):
            return f"a member of {group['rolname']} has powers {powers}"
        return None

    def _setting(self, row: Row) -> str | None:
        name, _, value = row["setting"].partition("=")
        if not name.startswith(SETTINGS) or name == "default_transaction_read_only":
            return None
        role = self._role(row["setrole"]) if row["setrole"] else "every role"
        return f"setting of {role}: {name} = {value}"

    def _builtin(self) -> str:
        """A hash of PostgreSQL's own functions, which a superuser can replace."""
        rows = sorted("\0".join(map(str, row)) for row in self._rows["builtin"])
        return sha256("\n".join(rows).encode()).hexdigest()


def _body(row: Row) -> str:
    source = f"{row['prosrc']}\0{row['probin']}\0{row['body']}"
    return sha256(source.encode()).hexdigest()


def _is_hidden(schema: str) -> bool:
    return schema.startswith(("pg_temp_", "pg_toast"))


def as_text(shape: Shape) -> str:
    """The text of the shape, as in the file of the release."""
    return "".join(f"{line}\n" for line in shape.lines)
