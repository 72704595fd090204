"""What SQLite and PostgreSQL say of texts, made the same: their order, and whether one is within another.

Code points order texts, whatever collation a database was created with. Letter case is folded for people's texts as
Unicode says it, for what devices send, which need be no text at all, only among the letters of ASCII.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Integer, LargeBinary, String, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Search: TypeAlias = Callable[[str], ColumnElement[bool]]
"""Whether a row holds a text."""

FOLD: Final = "trunkline_fold"
FOLD_ASCII: Final = "trunkline_fold_ascii"
"""Functions of SQLite by these names are `fold` and `fold_ascii`."""


def fold(text: str | None) -> str | None:
    """SQLite's own knows only the letters of ASCII; folded, so that a Greek word's last sigma is one within another."""
    return text.casefold() if text is not None else None


def fold_ascii(data: bytes | None) -> bytes | None:
    """The bytes with ASCII's capital letters made small."""
    return data.lower() if data is not None else None


def holds(column: ColumnElement[str]) -> Search:
    """Whether the text is in the column, letter case aside."""
    folded = _Folded(column)
    return lambda text: _Place(folded, _Folded(literal(text, String))) > 0


def any_holds(*columns: ColumnElement[bytes]) -> Search:
    """Whether the text's UTF-8 is in one of the columns, the case of ASCII's letters aside."""
    folded = [_FoldedAscii(column) for column in columns]

    def search(text: str) -> ColumnElement[bool]:
        sought = _FoldedAscii(literal(text.encode(), LargeBinary))
        return or_(*(_Place(column, sought) > 0 for column in folded))

    return search


def by_code_point(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """What to sort by: the column, and if it is a text, the code points of its characters."""
    return _ByCodePoint(column) if isinstance(column.type, String) else column


class _Folded(FunctionElement[str]):
    type = String()
    inherit_cache = True


class _FoldedAscii(FunctionElement[Any]):
    """Bytes on SQLite; on PostgreSQL a text with a character for each byte."""

    inherit_cache = True


class _Place(FunctionElement[int]):
    """Where in the first the second begins, from 1; 0: nowhere."""

    type = Integer()
    inherit_cache = True


class _ByCodePoint(FunctionElement[str]):
    type = String()
    inherit_cache = True


@compiles(_Folded, "sqlite")
def _folded_sqlite(element: _Folded, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{FOLD}({compiler.process(element.clauses, **kw)})"


@compiles(_Folded, "postgresql")
def _folded_postgresql(element: _Folded, compiler: SQLCompiler, **kw: Any) -> str:
    """It has no function that folds: capitals first, since ß has two, then small letters, with one sigma."""
    text = compiler.process(element.clauses, **kw)
    return f"""replace(lower(upper({text} COLLATE "und-x-icu")), 'ς', 'σ')"""


@compiles(_FoldedAscii, "sqlite")
def _folded_ascii_sqlite(element: _FoldedAscii, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{FOLD_ASCII}({compiler.process(element.clauses, **kw)})"


@compiles(_FoldedAscii, "postgresql")
def _folded_ascii_postgresql(element: _FoldedAscii, compiler: SQLCompiler, **kw: Any) -> str:
    r"""Its texts cannot hold 0x00, which becomes 0xFF: no UTF-8 has that.

    `encode` writes a byte as itself, as \\ or as \ooo; with \134 for the second a \000 is nothing but that byte.
    """
    data = compiler.process(element.clauses, **kw)
    without_zero = rf"decode(replace(replace(encode({data}, 'escape'), '\\', '\134'), '\000', '\377'), 'escape')"
    return f"""lower(convert_from({without_zero}, 'LATIN1') COLLATE "C")"""


@compiles(_Place, "sqlite")
def _place_sqlite(element: _Place, compiler: SQLCompiler, **kw: Any) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(_Place, "postgresql")
def _place_postgresql(element: _Place, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


@compiles(_ByCodePoint, "sqlite")
def _by_code_point_sqlite(element: _ByCodePoint, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(_ByCodePoint, "postgresql")
def _by_code_point_postgresql(element: _ByCodePoint, compiler: SQLCompiler, **kw: Any) -> str:
    return f"""{compiler.process(element.clauses, **kw)} COLLATE "C\""""
