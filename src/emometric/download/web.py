"""Ask a web server for a file, and read what its answer says about it."""

import email.utils
import re
import time
import urllib.request
from email.message import Message
from urllib.parse import urlsplit

from emometric import __version__
from emometric.base.errors import CorpusError


def ask(url: str, headers: dict[str, str], timeout_s: float):
    """The open answer to GET, redirects followed; urllib's errors for refusals and failures."""
    ours = {"User-Agent": f"emometric/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=ours | headers)
    return urllib.request.build_opener(_Redirects).open(request, timeout=timeout_s)


def edition(headers: Message) -> str | None:
    """What If-Range may compare: a strong ETag, else the date of the last change."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("Last-Modified")


def length(headers: Message) -> int | None:
    """Bytes of the body; None where the server does not say."""
    value = headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None


def part_sent(headers: Message) -> tuple[int | None, int | None]:
    """Of a partial answer: where it starts and how long the whole file is; None where unsaid."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def retry_after(headers: Message) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    wish = headers.get("Retry-After", "").strip()
    if wish.isdigit():
        return float(wish)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(wish).timestamp() - time.time())
    except ValueError:
        return 0.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Followed within the web (ten at most), but never from https to http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        new, old = urlsplit(newurl).scheme, urlsplit(req.full_url).scheme
        if new not in ("http", "https") or (old, new) == ("https", "http"):
            raise CorpusError(
                f"{req.full_url}: leads to {newurl}, which is not safe; fetch the file by hand."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)
