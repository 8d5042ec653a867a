"""Papers: what the agency prints, signs and hands in.

A paper is a `Document` (`document.py`), made from the register by the function of its
kind (`registry.py`). A typst template prints it; a table of it is also written as CSV
or XLSX.
"""
