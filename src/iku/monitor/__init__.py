"""A monitor: an independent follower of the log of another office.

It reads the log over HTTP, verifies it against the records that it read before, and
recounts each published figure with the auditor's program (`iku_verify`). It has no
database.
"""
