"""What follows from the log: counts and lists. All of it can be dropped and rebuilt.

Written in the append's own transaction, so whoever has a receipt finds it counted; no
decision ever reads it. `journal` turns events into movements and standings, `figures`
and `lists` answer questions, `rebuild` makes everything anew beside the old.
"""
