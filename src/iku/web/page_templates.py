"""The HTML of the pages, without translatable text."""

PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif;
  background: Canvas; color: CanvasText; }}
body {{ max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  overflow-wrap: anywhere; }}
h1 {{ line-height: 1.2; margin-bottom: .25rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 1.5rem 0; }}
th, td {{ padding: .5rem; border-bottom: 1px solid GrayText; text-align: left;
  vertical-align: top; }}
th[scope=row], td span {{ white-space: nowrap; }}
th {{ overflow-wrap: normal; }}
td:nth-child(n+3):not(:nth-child(6)), th:nth-child(n+3):not(:nth-child(6)) {{
  text-align: right; }}
form {{ display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; }}
label {{ display: grid; }}
input, button {{ font: inherit; padding: .25rem .5rem; }}
.note {{ border-left: .25rem solid #b45309; padding: .25rem 1rem; margin: 1rem 0; }}
.note p {{ margin: .25rem 0; }}
.banner {{ padding: .5rem 1rem; background: #fff1d6; color: #5c3c00; }}
nav {{ display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: center; }}
nav a {{ padding: .625rem 0; }}
nav form {{ display: inline; }}
nav button {{ min-height: 2.75rem; }}
[lang=en] {{ font-size: .875rem; }}
@media (max-width: 48rem) {{
  thead {{ position: absolute; clip-path: inset(50%); }}
  tr {{ display: grid; grid-template-columns: 1fr 1fr; padding: .5rem 0;
    border-bottom: 1px solid GrayText; }}
  tr th, tr td {{ padding: .25rem 0; border: 0; text-align: left !important; }}
  th[scope=row], td:nth-child(2) {{ grid-column: 1 / -1; }}
  td[data-label]::before {{ content: attr(data-label); display: block;
    font-size: .875rem; }}
}}
</style>
</head>
<body>
{bar}
<main>
{body}
</main>
</body>
</html>
"""
FRONT = """\
<h1>{title}</h1>
<p>{agency}</p>
<p><a href="{other_address}" hreflang="{other}" lang="{other}">{other_name}</a></p>
{note}
<p><strong>{moment}</strong>, {basis}</p>
<table role="table">
<thead role="rowgroup"><tr role="row">{headings}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>
{form}
<p><a href="/docs">{documentation}</a></p>"""
HEADING = '<th role="columnheader" scope="col">{}</th>'
# The grid layout of narrow windows drops the implicit table roles; these restore them.
ROW = (
    '<tr role="row"><th role="rowheader" scope="row">'
    '<a href="/api/v1/indicators/{code}">{code}</a></th>'
    '<td role="cell">{wording}</td>{cells}</tr>'
)
CELL = '<td role="cell" data-label="{label}">{value}</td>'
FORM = """\
<form method="get" action="/">
<label>{as_of_label} <input type="date" name="as_of" value="{as_of}"
 max="{today}"></label>
<label>{known_on_label} <input type="date" name="known_on"
 value="{known_on}" max="{today}"></label>{size}
<input type="hidden" name="bahasa" value="{language}">
<button>{button}</button>
</form>"""
SIZE = '\n<input type="hidden" name="size" value="{}">'
# The reason why the page shows another day than today.
OLDER = """\
<div class="note">
<p>{why} <a href="/?as_of={iso}&amp;bahasa={language}">{link}</a>.</p>
</div>"""
FAULT = """\
<h1>{heading}</h1>
<p>{indonesian}</p>
<p lang="en">{english}</p>
<p><a href="/">{back}</a></p>"""
