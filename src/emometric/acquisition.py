"""Acquire a corpus: decode its recordings once, label them, and list what was left out."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import batched
from pathlib import Path
