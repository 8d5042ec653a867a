"""Papers: what the agency prints, signs and hands in.

A paper is a `Document` (`document.py`), made from the register by the function of its
kind (`registry.py`). A typst template prints it; a table of it is also written as CSV
or XLSX.

It is a draft (KONSEP) until it is issued. The issue is an event with the digest of the
paper; when witnesses have cosigned it, its proof is laid into the paper, and these
bytes are kept and served ever after.
"""
