"""A short document of headings, sentences and tables, as Markdown or as plain text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_MARKUP = re.compile(r"[\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 is the document's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Sentence:
    """A paragraph; in Markdown, where `text` may hold Markdown, `markdown` stands for it."""

    text: str
    markdown: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a header; of its columns the first `n_text` are text, then `n_numbers` numbers."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    n_text: int = 1
    n_numbers: int = 99


@dataclass(frozen=True)
class Listing:
    """Lines, each as plain text and as Markdown."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader opens by a click; in plain text they follow their title."""

    title: str
    blocks: Sequence["Block"]


Block = Heading | Sentence | Table | Listing | Fold
MAX_ROWS = 60  # of a table or a listing


def markdown(blocks: Sequence[Block], max_rows: int = MAX_ROWS) -> str:
    """The blocks as GitHub's Markdown, one newline at the end.

    Of a table or listing with more than max_rows rows the rest is counted.
    """
    return "\n\n".join(_markdown(block) for block in _shortened(blocks, max_rows)) + "\n"


def fitting(blocks: Sequence[Block], n_bytes: int) -> str:
    """The Markdown with as many rows of each table as let it fit into n_bytes; at least three."""
    max_rows = MAX_ROWS
    while len((text := markdown(blocks, max_rows)).encode()) > n_bytes and max_rows > 3:
        max_rows = max(3, max_rows * 2 // 3)
    return text


def plain(blocks: Sequence[Block]) -> str:
    """The blocks for a terminal, tables aligned."""
    return "\n\n".join(_plain(block) for block in _shortened(blocks, MAX_ROWS)) + "\n"


def _shortened(blocks: Sequence[Block], max_rows: int) -> list[Block]:
    return [_cut(block, max_rows) for block in blocks]


def _cut(block: Block, max_rows: int) -> Block:
    match block:
        case Fold(title, inner):
            return Fold(title, _shortened(inner, max_rows))
        case Table() if len(block.rows) > max_rows:
            rest = f"and {len(block.rows) - max_rows} more"
            last = (rest, *[""] * (len(block.header) - 1))
            return replace(block, rows=[*block.rows[:max_rows], last])
        case Listing(lines) if len(lines) > max_rows:
            rest = f"and {len(lines) - max_rows} more"
            return Listing([*lines[:max_rows], (rest, rest)])
    return block


def cell(text: str) -> str:
    """Any text as content of a Markdown table's cell: it neither ends it nor marks it up.

    An underscore inside a word marks nothing up and stays as it is.

    >>> print(cell("run.svm_rbf.uar"), cell("a|b"), cell("_x"))
    run.svm_rbf.uar a\\|b \\_x
    """
    return " ".join(_MARKUP.sub(r"\\\g<0>", text).split())


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Sentence(text, styled):
            return styled or text
        case Listing(lines):
            return "\n".join(f"- {styled}" for _, styled in lines)
        case Fold(title, blocks):
            inner = "\n\n".join(_markdown(part) for part in blocks)
            return f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"
        case Table():
            marks = ["---:" if _is_right(block, i) else "---" for i in range(len(block.header))]
            rows = [block.header, *block.rows]
            lines = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
            return "\n".join([lines[0], f"|{'|'.join(marks)}|", *lines[1:]])


def _plain(block: Block) -> str:
    match block:
        case Heading(text):
            return text
        case Sentence(text):
            return text
        case Listing(lines):
            return "\n".join(text for text, _ in lines)
        case Fold(title, blocks):
            return "\n\n".join([f"{title}:", *(_plain(part) for part in blocks)])
        case Table():
            rows = [block.header, *block.rows]
            widths = [max(len(row[i]) for row in rows) for i in range(len(block.header))]
            lines = [
                "  ".join(
                    text.rjust(width) if _is_right(block, i) else text.ljust(width)
                    for i, (text, width) in enumerate(zip(row, widths, strict=True))
                ).rstrip()
                for row in rows
            ]
            return "\n".join(lines)


def _is_right(table: Table, column: int) -> bool:
    return table.n_text <= column < table.n_text + table.n_numbers
