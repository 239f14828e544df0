"""What the README says is there."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_uar_that_it_prints_is_the_committed_one():
    run = json.loads((ROOT / "reports/synthetic/metrics.json").read_text(encoding="utf-8"))["run"]
    printed = re.search(r"run: UAR (\S+) \((\S+) to (\S+)\)", TEXT).groups()
    assert [float(number) for number in printed] == [run["uar"], run["uar_low"], run["uar_high"]]


def test_files_and_parts_that_it_names_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    table = TEXT[TEXT.index("| part | choices |") : TEXT.index("The method is that of")]
    for row in table.splitlines()[2:]:
        if not row.strip():
            continue
        kind, choices = row.strip("|").split("|", 1)
        folder = {"corpus": "corpora", "loss": "losses"}.get(kind.strip(), f"{kind.strip()}s")
        for name in re.findall(r"`(\w+)`", choices):
            assert (ROOT / "src/emometric" / folder / f"{name}.py").exists(), f"{kind}: {name}"
