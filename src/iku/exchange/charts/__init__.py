"""Charts as SVG, for pages and papers: pure functions over values and labels.

A chart is drawn for a width of 360 units, so that its text has at least 11 pixels on a
telephone. It has a title and a description and never stands alone: the same values
follow in a table. Colours come from classes, because a Content-Security-Policy forbids
inline styles; `standalone` adds them for a paper.
"""
