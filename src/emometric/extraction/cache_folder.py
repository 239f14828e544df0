"""Where the caches lie."""

from pathlib import Path

import platformdirs


def root(given: str | Path | None) -> Path:
    """The folder of all caches: the one given (EMOMETRIC_CACHE), or else the user's own."""
    return Path(given or platformdirs.user_cache_dir("emometric"))
