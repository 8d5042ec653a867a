"""Encrypted texts outside the log, which can be erased by destroying their keys.

A record holds a commitment (a salted hash) in place of each text. The vault stores the
text, encrypted with a data key of its stream and subject. The data key is wrapped by a
key-encryption key in a folder outside the database and its backups. No decision, proof
or figure depends on a text. Destroying the keys erases the texts (crypto-shredding).
docs/ledger-format.md specifies the bytes.
"""
