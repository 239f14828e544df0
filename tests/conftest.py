"""What all tests share: the real corpora where there are some, and a cache of their own."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items):
    if os.environ.get("EMOMETRIC_CORPORA"):
        return
    skip = pytest.mark.skip(reason="no real corpora: EMOMETRIC_CORPORA is not set")
    for item in items:
        if "original" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """No test reads or fills the user's clip cache."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("EMOMETRIC_CACHE")
    os.environ["EMOMETRIC_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["EMOMETRIC_CACHE"]
    else:
        os.environ["EMOMETRIC_CACHE"] = before


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Folder of the real corpora; only for tests marked `original`."""
    return Path(os.environ["EMOMETRIC_CORPORA"]).resolve()


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT
