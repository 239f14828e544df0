"""Show a corpus's licence and remember that it was accepted: once a user, until it changes."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import platformdirs

from emometric.base import atomic
from emometric.base.errors import PipelineError

# What the licences ask, in our words; the owner's page is what counts.
_TERMS = {
    "CC0": "The owner waives all rights: any use is free. Naming the source is good custom.",
    "CC BY-NC-SA": "You may copy and adapt it if you name the source, make no commercial use of "
    "it, and pass on what you derive under the same licence only.",
    "CC BY-NC-ND": "You may copy it if you name the source, make no commercial use of it, and "
    "pass it on unchanged only.",
    "CC BY-NC": "You may copy and adapt it if you name the source and make no commercial use.",
    "CC BY-SA": "You may copy and adapt it if you name the source and pass on what you derive "
    "under the same licence only.",
    "CC BY": "You may copy and adapt it if you name the source and say what you changed.",
    "ODbL": "You may copy and adapt it if you name the source, and keep an adapted database that "
    "you publish under the same licence and open.",
    "research": "You may use it for research only, and not pass the recordings on.",
}


def text(part: ModuleType) -> str:
    """What is shown before anything is fetched: licence, what it asks, where it stands, source."""
    asks = next(
        (terms for name, terms in _TERMS.items() if part.LICENCE.startswith(name)),
        "Read the owner's terms before you go on.",
    )
    return (
        f"{part.NAME} is published under: {part.LICENCE}\n"
        f"  {asks}\n"
        f"  Full text: {part.LICENCE_URL}\n"
        f"  Please cite: {part.CITATION}"
    )


def is_accepted(corpus: str, part: ModuleType) -> bool:
    """Whether this user has accepted the licence that the corpus has now.

    A record that cannot be read, or is none, accepts nothing: the user is asked again.
    """
    try:
        record = json.loads(_path(corpus).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(record, dict):
        return False
    return record.get("licence") == part.LICENCE and record.get("url") == part.LICENCE_URL


def accept(corpus: str, part: ModuleType) -> Path:
    """Record the acceptance, with its date, in the user's configuration; returns the file.

    Raises PipelineError where the configuration cannot be written.
    """
    path = _path(corpus)
    record = {
        "corpus": corpus,
        "licence": part.LICENCE,
        "url": part.LICENCE_URL,
        "accepted": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        with atomic.new_file(path) as aside:
            aside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise PipelineError(
            f"{path}: cannot be written ({error.strerror}), so that the licence would not stay "
            f"accepted; set EMOMETRIC_CONFIG to a folder that can be written."
        ) from None
    return path


def _path(corpus: str) -> Path:
    folder = os.environ.get("EMOMETRIC_CONFIG") or platformdirs.user_config_dir("emometric")
    return Path(folder, "licences", f"{corpus}.json")
