"""The parts of a workbook that are read, unpacked within limits.

A workbook (XLSX, ECMA-376) is a ZIP archive of XML parts. A small archive can unpack to
gigabytes, and two cells at the corners of a sheet take the memory of all cells between
them. Therefore the parts that are needed are unpacked and measured here, and packed
again without the others (pictures, macros, links to other files). The parser of the
workbook sees exactly what was measured.
"""

import io
import re
import zlib
from array import array
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple, TypeAlias
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from iku.exchange.spreadsheet import FileFault, UnreadableSheet
from iku.messages import Message, message

LARGEST_UNPACKED = 64 << 20  # bytes of the parts that are read
LARGEST_TEXT = 32 << 20  # characters of all cells together
MOST_CELLS = 600_000  # of the rectangles around the cells of all sheets
MOST_ELEMENTS = 3_000_000  # of XML; the cells have at most three each
MOST_ATTRIBUTES = 1_000  # of an element; those of a workbook have a few dozen
# Bytes from one "<" to the next, and so of a tag. A cell has 32,767 characters, each
# written with at most ten bytes ("&#x10FFFF;").
LONGEST_RUN = 1 << 19
LARGEST_DIRECTORY = 1 << 20  # bytes of the directory of the archive
ROWS, COLUMNS = 1 << 20, 1 << 14  # of a sheet
_BLOCK = 1 << 16  # bytes
_ARCHIVE = (b"PK\x03\x04", b"PK\x05\x06")
_OLD = b"\xd0\xcf\x11\xe0"  # OLE: XLS, or XLSX encrypted with a password
_PART = re.compile(
    r"\[content_types\]\.xml|_rels/\.rels|xl/_rels/[\w-]+\.xml\.rels"
    r"|xl/(?:workbook\w*|styles\w*|sharedstrings\w*)\.xml|xl/worksheets/[\w -]+\.xml",
    re.IGNORECASE | re.ASCII,
)
_CELL = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})", re.ASCII)
_LONG_RUN = re.compile(rb"<[^<]{%d}" % LONGEST_RUN)
_SHEET, _TEXTS = "xl/worksheets/", "xl/sharedstrings"
# What zipfile, zlib and expat raise for a damaged, an encrypted (RuntimeError) or an
# unknown kind of archive (NotImplementedError). Each is answered by `BROKEN`.
_BROKEN = (
    *(BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
    *(zlib.error, expat.ExpatError, LookupError),
)
BROKEN = message(
    "the file is not a workbook that can be read: open it in the spreadsheet program, "
    "save it as XLSX, and import that file"
)


TOO_LARGE = message(
    "the workbook has more than {cells:,} cells, or more than {text:,} characters; "
    "divide it into several files, or save it as CSV UTF-8",
    cells=MOST_CELLS,
    text=LARGEST_TEXT,
)
FORMULA = message(
    "is a formula; copy the cell and paste it as a value, because only values are "
    "imported"
)
ERROR = message("is an error of the spreadsheet program, not a value")
# Why a cell is refused, by its row and column, from 0.
RefusedCells: TypeAlias = dict[tuple[int, int], Message]


class ReadableWorkbook(NamedTuple):
    """The parts of a workbook that are read.

    Attributes:
        file: An archive of these parts.
        refused: The cells of each sheet that have no value of their own, by the name
            of the sheet.
    """

    file: BinaryIO
    refused: dict[str, RefusedCells]


def is_workbook(file: BinaryIO) -> bool:
    """Whether the file is an archive, or a workbook of an older format."""
    file.seek(0)
    return file.read(4) in {*_ARCHIVE, _OLD}


def unreadable(said: Message) -> UnreadableSheet:
    """The refusal of a whole workbook."""
    return UnreadableSheet(FileFault(1, None, said))


def unpack(file: BinaryIO) -> ReadableWorkbook:
    """The parts of the workbook *file* that are read.

    Raises:
        UnreadableSheet: The file is no workbook, is encrypted, or exceeds a limit.
    """
    file.seek(0)
    if file.read(4) == _OLD:
        raise unreadable(
            message(
                "the file is a workbook of an older format, or one with a password: "
                "save it as XLSX without a password, and import that file"
            )
        )
    try:
        with ZipFile(_Limited(file)) as archive:
            return _unpack(archive)
    except UnreadableSheet:
        raise
    except _BROKEN as error:
        raise unreadable(BROKEN) from error


class _Limited(io.RawIOBase):
    """A file of which no more than a directory is read at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size if size >= 0 else LARGEST_DIRECTORY + 1)
        if max(size, len(found)) > LARGEST_DIRECTORY:
            raise BadZipFile
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _unpack(archive: ZipFile) -> ReadableWorkbook:
    parts = _parts(archive)
    if not any(name.startswith("xl/workbook") for name in parts):
        raise unreadable(BROKEN)
    if sum(info.file_size for info in parts.values()) > LARGEST_UNPACKED:
        raise unreadable(
            message(
                "the workbook is larger than {most} MiB when unpacked; divide it into "
                "several files, or save it as CSV UTF-8",
                most=LARGEST_UNPACKED >> 20,
            )
        )
    packed, scan = io.BytesIO(), _Scan()
    # Compressed, because the parser holds a copy of the archive.
    with ZipFile(packed, "w", ZIP_DEFLATED, compresslevel=1) as written:
        # The texts first, so that their lengths are known when cells refer to them.
        for name in sorted(parts, key=lambda name: not name.startswith(_TEXTS)):
            content = _content(archive, parts[name])
            scan.measure(name, content)
            written.writestr(parts[name].filename, content)
    packed.seek(0)
    return ReadableWorkbook(packed, scan.refused_by_sheet())


def _parts(archive: ZipFile) -> dict[str, ZipInfo]:
    """The parts that are read, by their names in lower case."""
    found: dict[str, ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.lower()
        if not _PART.fullmatch(name):
            continue
        if (
            name in found
            or info.flag_bits & 1  # encrypted
            or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}
        ):
            raise unreadable(BROKEN)
        found[name] = info
    return found


def _content(archive: ZipFile, info: ZipInfo) -> bytearray:
    """The content of a part, unpacked in blocks up to the size that it declares."""
    content = bytearray()
    with archive.open(info) as part:
        while block := part.read(_BLOCK):
            content += block
    if b"\0" in content:  # not UTF-8, as which all parts are parsed
        raise unreadable(BROKEN)
    return content


class _Scan:
    """Measures the parts of a workbook."""

    def __init__(self) -> None:
        self._lengths = array("Q")  # of the shared texts
        self._cells = 0
        self._text = 0
        self._elements = 0
        self._refused: dict[str, RefusedCells] = {}  # by part
        self._sheets: list[tuple[str, str]] = []  # name, and id of the relation
        self._targets: dict[str, str] = {}  # part, by id of the relation

    def measure(self, name: str, content: bytearray) -> None:
        """Measure one part; the shared texts come before the sheets.

        Raises:
            UnreadableSheet: The workbook exceeds a limit.
        """
        if name.startswith(_TEXTS):
            self._measure_texts(content)
        elif name.startswith(_SHEET):
            self._measure_sheet(name, content)
        elif name.startswith("xl/workbook"):
            self._parse(content, self._workbook_element)
        elif name.startswith("xl/_rels/"):
            self._parse(content, self._relation_element)
        else:
            self._parse(content, lambda _name, _attributes: None)

    def refused_by_sheet(self) -> dict[str, RefusedCells]:
        """The cells that are refused, by name of the sheet."""
        return {
            name: self._refused.get(self._targets.get(relation, ""), {})
            for name, relation in self._sheets
        }

    def _workbook_element(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            relation = [v for k, v in attributes.items() if k.endswith("}id")]
            self._sheets.append((attributes.get("name", ""), "".join(relation)))

    def _relation_element(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "").lower().removeprefix("/")
            part = target if target.startswith("xl/") else f"xl/{target}"
            self._targets[attributes.get("Id", "")] = part

    def _measure_texts(self, content: bytearray) -> None:
        lengths = self._lengths

        def begin(name: str, _attributes: dict[str, str]) -> None:
            if name == "si":
                lengths.append(0)

        def add(text: str) -> None:
            if lengths:
                lengths[-1] += len(text)

        self._parse(content, begin, add)
        if len(lengths) > MOST_CELLS or sum(lengths) > LARGEST_TEXT:
            raise unreadable(TOO_LARGE)

    def _measure_sheet(self, part: str, content: bytearray) -> None:
        sheet = _SheetExtent(self._lengths)
        self._parse(content, sheet.begin, sheet.add_text)
        self._cells += sheet.cells
        self._text += sheet.text
        self._refused[part] = sheet.refused
        if self._cells > MOST_CELLS or self._text > LARGEST_TEXT:
            raise unreadable(TOO_LARGE)

    def _parse(
        self,
        content: bytearray,
        begin: Callable[[str, dict[str, str]], None],
        text: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Parse XML, passing on the start of each element and its character data.

        The parser collects the attributes of a tag before it reports the element, at a
        cost that grows faster than their number, so long tags are refused before it.
        """
        if _LONG_RUN.search(content):
            raise unreadable(BROKEN)

        def counted(name: str, attributes: dict[str, str]) -> None:
            self._elements += 1
            if self._elements > MOST_ELEMENTS:
                raise unreadable(TOO_LARGE)
            if len(attributes) > MOST_ATTRIBUTES:
                raise unreadable(BROKEN)
            begin(name.rpartition("}")[2], attributes)

        parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text = True
        parser.StartElementHandler = counted
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.Parse(content, True)


class _SheetExtent:
    """The rectangle around the cells of a sheet, their text, and refused cells."""

    def __init__(self, lengths: "array[int]") -> None:
        self._lengths = lengths
        self._row, self._column = -1, -1
        self._cell = -1, -1  # row and column
        self._rows: tuple[int, int] | None = None
        self._columns: tuple[int, int] = (0, 0)
        self._values = 0
        self._shared = False  # whether the cell refers to a shared text
        self._reads = False  # whether character data are the value of the cell
        self.text = 0
        self.refused: RefusedCells = {}

    @property
    def cells(self) -> int:
        """Number of cells of the rectangle, or of values if there are more."""
        if self._rows is None:
            return 0
        (top, bottom), (left, right) = self._rows, self._columns
        return max((bottom - top + 1) * (right - left + 1), self._values)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """The start of an element."""
        self._reads = False
        match name:
            case "c":
                self._begin_cell(attributes.get("r"), attributes.get("t"))
            case "v" | "t" | "is":
                self._reads = True
                self._widen()
            case "f":
                self.refused[self._cell] = FORMULA
            case "row":
                number = attributes.get("r")
                self._row = self._row + 1 if number is None else int(number) - 1
                self._column = -1
            case _:
                pass

    def _begin_cell(self, place: str | None, kind: str | None) -> None:
        self._shared = kind == "s"
        if place is None:
            self._column += 1
            self._cell = self._row, self._column
        elif found := _CELL.fullmatch(place):
            self._column = column_index(found[1])
            self._cell = int(found[2]) - 1, self._column
        else:
            raise unreadable(BROKEN)
        if kind == "e":
            self.refused[self._cell] = ERROR

    def _widen(self) -> None:
        row, column = self._cell
        top, bottom = self._rows or (row, row)
        # The parser of the workbook relies on the order of the rows.
        if not (bottom <= row < ROWS and top >= 0 and 0 <= column < COLUMNS):
            raise unreadable(BROKEN)
        left, right = self._columns if self._rows else (column, column)
        self._rows = top, row
        self._columns = min(left, column), max(right, column)
        self._values += 1
        if self._values > MOST_CELLS:
            raise unreadable(TOO_LARGE)

    def add_text(self, text: str) -> None:
        """Character data."""
        if not self._reads:
            return
        if self._shared:
            self.text += self._lengths[int(text)]
        else:
            self.text += len(text)


def _refuse_doctype(*_declaration: Any) -> None:
    """A document type can define entities that grow without limit."""
    raise unreadable(BROKEN)


def column_index(letters: str) -> int:
    """The index, from 0, of a column such as ``AB``."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def column_letters(index: int) -> str:
    """The letters of a column: ``AB`` for 27."""
    return "".join(reversed([*_letters(index)]))


def _letters(index: int) -> Iterator[str]:
    while index >= 0:
        yield chr(ord("A") + index % 26)
        index = index // 26 - 1
