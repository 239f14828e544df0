"""The scripts of stages/ for tests: as modules, or called with words as a user calls them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from emometric.base import console

STAGES = Path(__file__).resolve().parents[1] / "stages"


def load(name: str) -> ModuleType:
    """A stage as a module of its own, made anew at each call."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", STAGES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(monkeypatch: pytest.MonkeyPatch, name: str, *words: str) -> int:
    """Call a stage with these words in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    with pytest.raises(SystemExit) as ended:
        console.main(load(name).app)
    return ended.value.code
