"""An independent follower of the log of another office.

It reads the log over HTTP, verifies it against what it read before, and recounts each
published figure by the auditor's program (`iku_verify`). It has no database.
"""
