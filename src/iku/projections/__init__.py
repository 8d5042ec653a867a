"""Projections: tables derived from the log, which can be dropped and rebuilt.

They are written in the append's own transaction, so a receipt implies that its events
are projected (read your writes). No decision reads them. `rows` turns events into rows
of the bitemporal tables, `number_index` has the names of subjects, `backfill` adds the
rows of a new definition, and `rebuild` rebuilds all tables next to the live ones.
"""
