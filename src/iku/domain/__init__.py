"""The events of each aggregate, the rules that admit them, and the rules of counting.

The package is pure: no clock, no database, no network. One file holds one aggregate:
its events, its state, `evolve` and `decide`. A command is a proposed event. `decide`
returns the events to record, or raises `Refused`. `counting` defines how one subject
counts in a figure on one day; `contribution` expresses the same result as ranges of
valid time, which can be summed.
"""
