"""What may be fetched: the files that owners publish for anybody, each as one `Remote`.

How they are fetched is not said here (see downloading.py): a corpus's reader depends on this file
alone, so that a change of the download does not acquire every corpus anew.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Remote:
    """One file that an owner publishes for anybody to fetch.

    n_bytes, md5, sha256: as published; None where the owner publishes none (said to be unknown,
    never guessed). name: the file's name here, the last part of the URL where None. folder: below
    the corpus's own folder, where the file (or what an archive holds) goes. Archives (.zip, .tar,
    .tar.gz, .tgz, .tar.bz2, .tar.xz, by name) are unpacked, any other file is kept as it is.
    """

    url: str
    n_bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None
    name: str | None = None
    folder: str = ""

    @property
    def file_name(self) -> str:
        """The file's name here.

        >>> Remote("https://example.org/a%20b.zip?download=1").file_name
        'a b.zip'
        """
        return self.name or PurePosixPath(unquote(urlsplit(self.url).path)).name
