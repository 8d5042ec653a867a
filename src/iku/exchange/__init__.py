"""File formats: journals that are imported, and files that are exported.

`spreadsheet` and `row_reader` parse a CSV file into rows, `journal_layouts` declares
the columns of each journal, `journals` turns rows into facts, `import_plan` decides
them, and `journal_import` records them. `formats` formats numbers and days in
the language of the reader.
"""
