"""Catalog checks of the ledger's tables: kind, triggers, rules and row security.

A view in place of a table, a rule, a row security policy or a child table makes reads
return other rows than were appended, each of which may be valid. The integrity check
therefore checks the catalogs first.
"""

from collections.abc import Iterator

from iku.ledger.log import Connection
from iku.messages import message

# Tables that are updated, and compared with the events; all others are append-only.
UPDATED = frozenset({"head", "stream", "tile"})
FIRES = 2 | 8 | 16 | 32  # before; delete, update, truncate (pg_trigger.tgtype)

Broken = Iterator[tuple[str, str, str, str]]  # rule, table, expected, found


async def table_findings(connection: Connection) -> list[tuple[str, str, str, str]]:
    """The findings on the tables: table, rule, expected value and value found."""
    rows = await connection.fetch(
        """
        select c.relname as table,
               c.relkind::text as kind,
               c.relrowsecurity as filtered,
               exists (select
                         from pg_trigger t
                        where t.tgrelid = c.oid
                          and t.tgfoid = to_regproc('ledger.refuse_change')
                          and t.tgtype = $1
                          and t.tgqual is null
                          and t.tgenabled = 'A') as held,
               (select min(w.rulename::text)
                  from pg_rewrite w
                 where w.ev_class = c.oid
                   and w.rulename <> '_RETURN') as rule,
               (select min(h.inhrelid::regclass::text)
                  from pg_inherits h
                 where h.inhparent = c.oid) as child
          from pg_class c
         where c.relnamespace = 'ledger'::regnamespace
           and c.relkind in ('r', 'v', 'm', 'f', 'p')
         order by c.relname
        """,
        FIRES,
    )
    return [found for row in rows for found in _violations(**row)]


def _violations(
    table: str,
    kind: str,
    rule: str | None,
    child: str | None,
    *,
    filtered: bool,
    held: bool,
) -> Broken:
    if kind != "r":
        yield message("kind of relation"), table, "r", kind
        return
    if table not in UPDATED and not held:
        always, otherwise = message("enabled always"), message("not enabled always")
        yield message("append-only trigger"), table, always, otherwise
    if filtered:
        yield message("row security"), table, message("disabled"), message("enabled")
    for name, found in (
        (message("rewrite rule"), rule),
        (message("child table"), child),
    ):
        if found is not None:
            yield name, table, message("none"), found
