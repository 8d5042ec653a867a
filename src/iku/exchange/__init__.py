"""What people bring and take away: files in, files out.

`sheet` reads a CSV file into rows, `layouts` says what the rows of each journal state,
`journals` turns rows into facts, `importing` holds them against the rules and records
them. `formats` writes numbers and days the way they stand on Indonesian paper.
"""
