"""Download one published file; neither a broken connection, a kill nor a wrong file does harm.

Our own, because neither pooch nor requests resumes: here what has arrived is kept as `<name>.part`
and continued (HTTP Range, with If-Range so that two editions never mix), also by a later run.
"""

import hashlib
import http.client
import json
import os
import shutil
import ssl
import time
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from emometric.base import atomic, console
from emometric.base.errors import CorpusError
from emometric.download import web
from emometric.download.fetch import Remote

_BLOCK = 1 << 16
_MIB = 1 << 20
_RESERVE = 64 * _MIB  # of the disk, left free for others
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that another try may better


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When to give up.

    tries: failures in a row, where less than a MiB more than ever before arrived in between; after
    each, a pause: pause_s at first, twice as long each time, at most longest_pause_s. timeout_s:
    for an answer, and for each `slowest` bytes of the file.
    """

    tries: int = 6
    pause_s: float = 1.0
    longest_pause_s: float = 30.0
    timeout_s: float = 30.0
    slowest: int = 8192


class _BrokenError(Exception):
    """The transfer failed in a way that another try may mend; pause_s is what the server asks."""

    def __init__(self, reason: str, pause_s: float = 0.0):
        super().__init__(reason)
        self.pause_s = pause_s


def download(remote: Remote, folder: Path, patience: Patience | None = None) -> Path:
    """The file `<folder>/<remote.file_name>`, verified against all that is published about it.

    A file that is already there and right is kept. One process at a time may use `folder`.
    Raises CorpusError: the server refuses, offers another size, sends other bytes (they are
    deleted), the connection keeps breaking (what arrived is kept), or the disk is too small.
    """
    patience = patience or Patience()
    if urlsplit(remote.url).scheme not in ("http", "https"):
        raise CorpusError(f"{remote.url}: is no web address; give one of http or https.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / remote.file_name
    if path.is_file() and mismatch(path, remote) is None:
        return path
    part = _Part(path)
    if remote.n_bytes is not None and part.size() > remote.n_bytes:
        part.discard()
    was_resumed = part.size() > 0
    _persist(remote, part, patience)
    wrong = mismatch(part.path, remote)
    if wrong and was_resumed:  # what lay there may have been of another edition
        part.discard()
        _persist(remote, part, patience)
        wrong = mismatch(part.path, remote)
    if wrong:
        part.discard()
        raise CorpusError(
            f"{remote.url}: {wrong}; nothing was unpacked, try again later or tell its owner."
        )
    os.replace(part.path, path)
    part.discard()
    return path


def mismatch(path: Path, remote: Remote) -> str | None:
    """How a file differs from what is published about it; None where it does not."""
    n_bytes = path.stat().st_size
    if remote.n_bytes is not None and n_bytes != remote.n_bytes:
        return f"holds {n_bytes} bytes where {remote.n_bytes} are published"
    for kind, published in (("md5", remote.md5), ("sha256", remote.sha256)):
        if published is None:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if found != published.lower():
            return f"has the {kind} {found} where {published.lower()} is published"
    return None


def check_disk(folder: Path, n_bytes: int, what: str) -> None:
    """Raise CorpusError where the disk of `folder` has no room for `n_bytes` more, and a little."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes + _RESERVE:
        raise CorpusError(
            f"{folder}: {what} needs {n_bytes / _MIB:.0f} MiB and {_RESERVE // _MIB} to spare, "
            f"the disk has {free / _MIB:.0f} MiB free; make room or choose another folder."
        )


class _Part:
    """What has arrived of a file, and the server's name of the edition that it is from."""

    def __init__(self, path: Path):
        self.path = path.with_name(f"{path.name}.part")
        self._edition = path.with_name(f"{path.name}.edition.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def edition(self, url: str) -> str | None:
        try:
            kept = json.loads(self._edition.read_text(encoding="utf-8"))
            return kept["edition"] if kept["url"] == url else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def begin(self, url: str, edition: str | None) -> None:
        """Forget what arrived before; what comes is of `edition`."""
        self.discard()
        with atomic.new_file(self._edition) as aside:
            aside.write_text(json.dumps({"url": url, "edition": edition}), encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._edition.unlink(missing_ok=True)


def _persist(remote: Remote, part: _Part, patience: Patience) -> None:
    """Receive until the file is complete, over as many connections as that takes."""
    failures, furthest = 0, part.size()
    while True:
        try:
            return _receive(remote, part, patience)
        except _BrokenError as broken:
            if part.size() >= furthest + _MIB:
                furthest, failures = part.size(), 1
            else:
                failures += 1
            if failures >= patience.tries:
                raise CorpusError(
                    f"{remote.url}: broke off {failures} times in a row ({broken}); run the same "
                    f"command again, it goes on from the {part.size()} bytes that are here."
                ) from None
            pause = max(patience.pause_s * 2 ** (failures - 1), broken.pause_s)
            time.sleep(min(pause, patience.longest_pause_s))


def _receive(remote: Remote, part: _Part, patience: Patience) -> None:
    """One connection: continue the part, or begin it where that cannot be."""
    offset, edition = part.size(), part.edition(remote.url)
    if offset == remote.n_bytes:
        return
    headers = {}
    if offset and (edition or remote.md5 or remote.sha256):
        headers["Range"] = f"bytes={offset}-"
        if edition:
            headers["If-Range"] = edition
    try:
        response = web.ask(remote.url, headers, patience.timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                if error.headers.get("Content-Range", "").strip() == f"bytes */{offset}":
                    return  # it was complete
                part.discard()
                raise _BrokenError("the server cannot continue the file") from None
            _refuse(remote, error)
    except (OSError, http.client.HTTPException) as error:
        _raise_unreached(remote, error)
    with response:
        if response.status == 206:
            start, total = web.part_sent(response.headers)
            if start != offset or "Range" not in headers:
                part.discard()
                raise _BrokenError("the server continued at another place")
        elif response.status == 200:
            offset, total = 0, web.length(response.headers)
        else:
            raise CorpusError(f"{remote.url}: answers {response.status}; check the address.")
        _check_offer(remote, response, total)
        check_disk(part.path.parent, (total or 0) - offset, remote.file_name)
        if response.status == 200:
            part.begin(remote.url, web.edition(response.headers))
        _write(response, part, total, patience, remote.file_name)
    if total is not None and part.size() != total:
        raise _BrokenError(f"{part.size()} of {total} bytes arrived")


def _write(response, part: _Part, total: int | None, patience: Patience, what: str) -> None:
    """Append the body to the part, as it comes; what came stays, whatever happens."""
    bar = console.progress(total=total and -(-total // _MIB), what=what, unit="MiB")
    since, arrived = time.monotonic(), 0
    with bar, part.path.open("ab") as file:
        while True:
            try:
                block = response.read1(_BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _BrokenError(str(error) or type(error).__name__) from None
            if not block:
                return
            try:
                file.write(block)
            except OSError as error:
                raise CorpusError(
                    f"{part.path}: cannot be written ({error.strerror}); make room and run again."
                ) from None
            if total is not None and file.tell() > total:
                raise _BrokenError(f"more than the promised {total} bytes arrived")
            bar.update(file.tell() // _MIB - bar.n)
            arrived += len(block)
            if arrived >= patience.slowest:
                since, arrived = time.monotonic(), 0
            elif time.monotonic() - since > patience.timeout_s:
                raise _BrokenError(f"less than {patience.slowest} bytes in {patience.timeout_s} s")


def _check_offer(remote: Remote, response, total: int | None) -> None:
    if remote.n_bytes is not None and total not in (None, remote.n_bytes):
        raise CorpusError(
            f"{remote.url}: offers {total} bytes where {remote.n_bytes} are published; nothing "
            f"was fetched, try again later or tell its owner."
        )
    if response.headers.get_content_type() == "text/html" and not remote.file_name.endswith(
        (".html", ".htm")
    ):
        raise CorpusError(
            f"{remote.url}: sends a web page in place of {remote.file_name}; open the address in a "
            f"browser to see what it asks for."
        )


def _refuse(remote: Remote, error: urllib.error.HTTPError) -> None:
    """Raise what an error status means: another try, or the end."""
    if error.code in _PASSING:
        pause_s = web.retry_after(error.headers)
        raise _BrokenError(f"the server answers {error.code}", pause_s) from None
    raise CorpusError(
        f"{remote.url}: the server answers {error.code} ({error.reason}); check the address in a "
        f"browser."
    ) from None


def _raise_unreached(remote: Remote, error: Exception) -> None:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise CorpusError(
            f"{remote.url}: its certificate is not valid ({reason.verify_message}); check this "
            f"machine's date and network."
        ) from None
    raise _BrokenError(str(reason) or type(reason).__name__) from None
