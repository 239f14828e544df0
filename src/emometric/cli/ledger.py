"""`emometric ledger`: what came of the papers' numbers; and its summary in README."""

import json
from pathlib import Path
from typing import Annotated

import typer

from emometric.base import atomic
from emometric.base.errors import PipelineError
from emometric.papers import ledger

START = "<!-- ledger: written by `emometric ledger --readme` -->"
END = "<!-- end of ledger -->"
HEADINGS = {
    "original": "On real recordings:",
    "synthetic": "On stand-ins, which say nothing about people:",
}


def show(
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "original",
    readme: Annotated[
        bool, typer.Option("--readme", help="Write the summaries into README.md.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every row as JSON.")] = False,
) -> None:
    """Print how the papers' numbers compare with ours: rows of each verdict, by paper."""
    if readme:
        path = Path("README.md")
        text = replace(path.read_text(encoding="utf-8"), block(Path("reports")))
        with atomic.new_file(path) as aside:
            aside.write_text(text, encoding="utf-8")
        print(f"see {path}")
        return
    rows = ledger.read(Path("reports", origin, "ledger.csv"))
    if as_json:
        print(json.dumps(rows.to_dict("records"), indent=2, ensure_ascii=False))
    else:
        print(ledger.summary(rows).to_string(index=False))


def block(reports: Path) -> str:
    """The summaries of the ledgers below `reports`, as README holds them."""
    found = [
        (heading, ledger.read(reports / origin / "ledger.csv"))
        for origin, heading in HEADINGS.items()
        if (reports / origin / "ledger.csv").is_file()
    ]
    return ledger.summary_markdown(found) if found else "No ledger has been written yet.\n"


def replace(text: str, new: str) -> str:
    """`text` with `new` between the two markers; PipelineError where they are not there once."""
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise PipelineError(f"README.md has not one '{START}' before one '{END}'; restore them.")
    before, _, rest = text.partition(START)
    return f"{before}{START}\n\n{new}\n{END}{rest.partition(END)[2]}"
