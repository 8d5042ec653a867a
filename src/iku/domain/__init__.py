"""What may happen, and how it is counted. Pure: no clock, no database, no network.

One file an aggregate, read from top to bottom: what it is, its facts, its state,
`evolve`, `decide`. A command *proposes a fact*: `decide` answers with the facts
that are to be recorded, or `Refused`. `counting` says what a figure is, literally;
`contribution` says the same as rectangles of valid time, which can be summed.
"""
