"""Fetching from a real server on this machine that breaks off, lies, redirects and refuses."""

import hashlib
import http.server
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emometric.base import parts
from emometric.base.errors import CorpusError, PipelineError
from emometric.cli import corpora as cli_corpora
from emometric.cli import fetching
from emometric.download import downloading, licences, obtaining, unpacking
from emometric.download.downloading import Patience
from emometric.download.fetch import Remote
from emometric.inspection import published

BODY = bytes(range(256)) * 1200  # 300 KiB
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
QUICK = Patience(tries=3, pause_s=0.0, longest_pause_s=0.0, timeout_s=2.0)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; the next of `server.faults`, if any, says what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        fault = server.faults.pop(0) if server.faults else server.always
        name, _, value = (fault or "").partition(":")
        if name == "status":
            return self.answer(int(value), b"", {"Retry-After": "0"})
        if name == "redirect":
            return self.answer(302, b"", {"Location": value})
        if self.path not in server.files:
            return self.answer(404, b"not here")
        body = server.files[self.path]
        start, headers = self.range(body, name)
        if start is not None and start >= len(body):
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        if start is not None:
            at = start + 1 if name == "wrong-place" else start
            headers["Content-Range"] = f"bytes {at}-{len(body) - 1}/{len(body)}"
        self.answer(206 if start is not None else 200, body[start or 0 :], headers, name, value)

    def range(self, body, name):
        edition = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {} if name == "no-edition" or self.server.no_edition else {"ETag": edition}
        asked = self.headers.get("Range")
        if not asked or name == "ignore-range" or self.server.ignores_range:
            return None, headers
        if self.headers.get("If-Range", edition) != edition:
            return None, headers
        return int(asked.removeprefix("bytes=").rstrip("-")), headers

    def answer(self, status, body, headers=None, name="", value=""):
        self.send_response(status)
        kind = "text/html" if name == "html" else "application/zip"
        for key, text in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(key, text)
        if name == "unknown-length":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if name == "drop":
            self.wfile.write(body[: int(value)])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
        elif name == "drip":
            for position in range(len(body)):
                self.wfile.write(body[position : position + 1])
                self.wfile.flush()
                time.sleep(float(value))
        else:
            self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args):  # the client went away: part of the tests
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.files, server.faults, server.asked = {"/a.zip": BODY}, [], []
    server.always, server.no_edition, server.ignores_range = None, False, False
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(server, folder, path="/a.zip", patience=QUICK, **published):
    return downloading.download(Remote(server.url + path, **published), folder, patience)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- one file --------------------------------------------------------------------------------------


def test_fetches_and_verifies(server, tmp_path):
    path = fetch(server, tmp_path, n_bytes=len(BODY), md5=MD5, sha256=SHA256.upper())
    assert path == tmp_path / "a.zip"
    assert path.read_bytes() == BODY
    assert left(tmp_path) == ["a.zip"]
    assert fetch(server, tmp_path, md5=MD5) == path
    assert len(server.asked) == 1  # what is there and right is not fetched again


def test_goes_on_where_the_connection_broke(server, tmp_path):
    server.faults = ["drop:100000", "drop:50000"]
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == BODY
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for _, asked in server.asked[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] <= 100000
    assert starts[0] < starts[1] <= 150000


def test_starts_over_where_the_server_cannot_continue(server, tmp_path):
    server.ignores_range = True
    server.faults = ["drop:100000"]
    assert fetch(server, tmp_path).read_bytes() == BODY
    assert server.asked[1][1] is not None  # it was asked for


@pytest.mark.parametrize("known", [{}, {"md5": MD5}], ids=["unknown", "known"])
def test_never_joins_two_editions(server, tmp_path, known):
    server.faults = ["drop:100000"]
    server.files["/a.zip"] = bytes(len(BODY))
    with pytest.raises(CorpusError):
        fetch(server, tmp_path, patience=Patience(tries=1))
    assert "a.zip.part" in left(tmp_path)
    server.files["/a.zip"] = BODY
    assert fetch(server, tmp_path, **known).read_bytes() == BODY


def test_without_edition_or_checksum_nothing_is_continued(server, tmp_path):
    server.no_edition = True
    server.faults = ["drop:100000"]
    assert fetch(server, tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, None]
    # With a checksum it may be tried: what comes out is verified.
    server.faults = ["drop:100000"]
    (tmp_path / "other").mkdir()
    assert fetch(server, tmp_path / "other", sha256=SHA256).read_bytes() == BODY
    assert server.asked[-1][1] is not None


def test_a_wrong_beginning_is_noticed_and_fetched_anew(server, tmp_path):
    server.no_edition = True
    (tmp_path / "a.zip.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]


def test_a_part_that_was_complete_is_taken(server, tmp_path):
    server.faults = ["drop:0"]
    with pytest.raises(CorpusError):
        fetch(server, tmp_path, patience=Patience(tries=1))
    (tmp_path / "a.zip.part").write_bytes(BODY)
    assert fetch(server, tmp_path).read_bytes() == BODY  # answered with 416
    (tmp_path / "a.zip").rename(tmp_path / "a.zip.part")
    n_asked = len(server.asked)
    assert fetch(server, tmp_path, n_bytes=len(BODY)).read_bytes() == BODY
    assert len(server.asked) == n_asked


def test_too_long_a_part_is_dropped(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY + b"more")
    assert fetch(server, tmp_path, n_bytes=len(BODY)).read_bytes() == BODY
    (tmp_path / "a.zip").unlink()
    (tmp_path / "a.zip.part").write_bytes(BODY + b"more")
    assert fetch(server, tmp_path, md5=MD5).read_bytes() == BODY


def test_a_server_that_continues_elsewhere(server, tmp_path):
    server.faults = ["drop:100000", "wrong-place"]
    assert fetch(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] is None


def test_unknown_length(server, tmp_path):
    server.faults = ["unknown-length"]
    assert fetch(server, tmp_path, n_bytes=len(BODY)).read_bytes() == BODY


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"n_bytes": len(BODY) + 1}, rf"offers {len(BODY)} bytes where {len(BODY) + 1} are"),
        ({"md5": "0" * 32}, f"has the md5 {MD5} where 0+ is published; nothing was unpacked"),
        ({"sha256": "0" * 64}, f"has the sha256 {SHA256} where 0+ is published"),
    ],
)
def test_wrong_sizes_and_bytes_leave_nothing(server, tmp_path, published, words):
    with pytest.raises(CorpusError, match=words):
        fetch(server, tmp_path, **published)
    assert left(tmp_path) == []


def test_wrong_size_of_unknown_length(server, tmp_path):
    server.always = "unknown-length"
    with pytest.raises(CorpusError, match=f"holds {len(BODY)} bytes where 7 are published"):
        fetch(server, tmp_path, n_bytes=7)


@pytest.mark.parametrize("status", [403, 404, 410, 501])
def test_a_refusal_is_final(server, tmp_path, status):
    server.always = f"status:{status}"
    with pytest.raises(CorpusError, match=f"the server answers {status}"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_is_waited_for(server, tmp_path, status):
    server.faults = [f"status:{status}"] * 2
    assert fetch(server, tmp_path).read_bytes() == BODY
    server.always = f"status:{status}"
    with pytest.raises(CorpusError, match=rf"broke off 3 times .* answers {status}"):
        fetch(server, tmp_path, path="/b.zip")
    assert len(server.asked) == 3 + 3


def test_tries_are_bounded_and_what_arrived_is_kept(server, tmp_path):
    server.always = "drop:1000"
    with pytest.raises(CorpusError, match=r"broke off 3 times in a row.*it goes on from"):
        fetch(server, tmp_path)
    assert len(server.asked) == 3
    kept = (tmp_path / "a.zip.part").stat().st_size
    assert 0 < kept <= 3000
    server.always = None
    assert fetch(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] == f"bytes={kept}-"


def test_each_mebibyte_that_arrives_grants_new_tries(server, tmp_path):
    server.files["/a.zip"] = big = BODY * 30  # 8.8 MiB
    server.always = f"drop:{1300 * 1024}"
    assert fetch(server, tmp_path).read_bytes() == big
    assert len(server.asked) > QUICK.tries


def test_pauses_double_up_to_the_longest(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloading.time, "sleep", pauses.append)
    server.always = "status:503"
    with pytest.raises(CorpusError):
        fetch(server, tmp_path, patience=Patience(tries=6, pause_s=1, longest_pause_s=5))
    assert pauses == [1, 2, 4, 5, 5]


def test_a_trickle_is_given_up(server, tmp_path):
    server.always = "drip:0.02"
    began = time.monotonic()
    with pytest.raises(CorpusError, match=r"less than 8192 bytes in 0\.3 s"):
        fetch(server, tmp_path, patience=Patience(tries=2, pause_s=0, timeout_s=0.3))
    assert time.monotonic() - began < 5


def test_nobody_there(tmp_path):
    with pytest.raises(CorpusError, match=r"broke off 2 times .*refused"):
        downloading.download(
            Remote("http://127.0.0.1:9/a.zip"), tmp_path, Patience(tries=2, pause_s=0)
        )


def test_follows_redirects(server, tmp_path):
    server.faults = ["redirect:/b/../c.zip", "redirect:/a.zip", "drop:5000", "redirect:/a.zip"]
    assert fetch(server, tmp_path, path="/moved.zip?x=1").read_bytes() == BODY
    assert left(tmp_path) == ["moved.zip"]
    server.always = "redirect:/a.zip"
    with pytest.raises(CorpusError, match="the server answers 302"):
        fetch(server, tmp_path, path="/loop.zip")
    assert len(server.asked) < 40


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip"])
def test_does_not_leave_the_web(server, tmp_path, target):
    server.always = f"redirect:{target}"
    with pytest.raises(CorpusError, match=r"not safe|answers 302"):
        fetch(server, tmp_path)
    with pytest.raises(CorpusError, match="is no web address"):
        downloading.download(Remote(target), tmp_path, QUICK)


def test_a_web_page_is_no_archive(server, tmp_path):
    server.always = "html"
    with pytest.raises(CorpusError, match=r"sends a web page in place of a\.zip"):
        fetch(server, tmp_path)


def test_free_disk_is_checked_first(server, tmp_path, monkeypatch):
    usage = downloading.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(CorpusError, match=r"a\.zip needs 0 MiB and 64 to spare, the disk has 0"):
        fetch(server, tmp_path)


def test_killed_and_resumed(server, tmp_path):
    server.files["/a.zip"] = big = BODY * 20
    server.faults = ["drip:0.001"]
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from emometric.download import downloading
        from emometric.download.fetch import Remote
        remote = Remote({server.url + "/a.zip"!r}, n_bytes={len(big)})
        downloading.download(remote, Path({str(tmp_path)!r}), downloading.Patience(slowest=1))
        """
    )
    child = subprocess.Popen([sys.executable, "-c", program], env=dict(os.environ))
    part = tmp_path / "a.zip.part"
    until = time.monotonic() + 30
    while not (part.is_file() and part.stat().st_size > 50) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    arrived = part.stat().st_size
    assert 0 < arrived < len(big)
    assert fetch(server, tmp_path, n_bytes=len(big)).read_bytes() == big
    assert server.asked[-1][1] == f"bytes={arrived}-"


# -- archives --------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode="w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for info, content in members:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_info(name: str, kind=tarfile.REGTYPE, target="") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack(folder: Path, name: str, content: bytes) -> Path:
    archive = folder / name
    archive.write_bytes(content)
    target = folder / "target"
    target.mkdir()
    unpacking.unpack(archive, target)
    return target


FILES = {"wav/03a01Fa.wav": b"abc", "wav/deep/b.wav": b"", "read me.txt": b"hello"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_unpacks(tmp_path, name):
    if name == "a.zip":
        content = zipped({"wav/": b"", **FILES})
    else:
        ending = name.rsplit(".", 1)[1]
        mode = {"tar": "w", "tgz": "w:gz"}.get(ending, f"w:{ending}")
        folder = (tar_info("wav", tarfile.DIRTYPE), b"")
        members = [(tar_info(path), body) for path, body in FILES.items()]
        content = tarred(folder, *members, mode=mode)
    (tmp_path / name).write_bytes(content)
    assert unpacking.unpacked_bytes(tmp_path / name) == 8
    target = unpack(tmp_path, name, content)
    assert {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    } == FILES


OUTSIDE = ["../evil.wav", "a/../../evil.wav", "/evil.wav", "..\\evil.wav", "C:\\evil.wav"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_refuses_paths_outside(tmp_path, name, kind):
    if kind == "a.zip":
        content = zipped({"good.wav": b"x", name: b"evil"})
    else:
        content = tarred((tar_info("good.wav"), b"x"), (tar_info(name), b"evil"))
    (tmp_path / "deep").mkdir()
    with pytest.raises(CorpusError, match="refused, nothing was unpacked"):
        unpack(tmp_path / "deep", kind, content)
    assert [path.name for path in tmp_path.rglob("*")] in (
        ["deep", kind, "target"],
        ["deep", "target", kind],
    )


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (tar_info("out", tarfile.SYMTYPE, "/etc"), "a link"),
        (tar_info("out", tarfile.SYMTYPE, "../.."), "a link"),
        (tar_info("out", tarfile.LNKTYPE, "/etc/passwd"), "a link"),
        (tar_info("null", tarfile.CHRTYPE), "a device"),
        (tar_info("disk", tarfile.BLKTYPE), "a device"),
        (tar_info("pipe", tarfile.FIFOTYPE), "a device"),
    ],
)
def test_refuses_links_and_devices_in_tars(tmp_path, member, words):
    content = tarred((tar_info("good.wav"), b"x"), (member, b""), (tar_info("out/x"), b"evil"))
    with pytest.raises(CorpusError, match=words):
        unpack(tmp_path, "a.tar.gz", content)
    assert not list((tmp_path / "target").iterdir())


@pytest.mark.parametrize(
    ("mode", "words"), [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device"), (stat.S_IFIFO, "a d")]
)
def test_refuses_links_and_devices_in_zips(tmp_path, mode, words):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("out")
        info.create_system, info.external_attr = 3, (mode | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(CorpusError, match=words):
        unpack(tmp_path, "a.zip", buffer.getvalue())
    assert not list((tmp_path / "target").iterdir())


def test_refuses_passwords_and_repeated_names(tmp_path):
    content = bytearray(zipped({"a.wav": b"abc"}))
    content[6] |= 1  # the flag, in the entry and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(CorpusError, match=r"a\.wav is locked with a password"):
        unpack(tmp_path, "a.zip", bytes(content))
    twice = tarred((tar_info("a.wav"), b"1"), (tar_info("./a.wav"), b"2"))
    (tmp_path / "target").rmdir()
    with pytest.raises(CorpusError, match=r"holds a\.wav twice"):
        unpack(tmp_path, "a.tar.gz", twice)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_damaged_archives(tmp_path, name, share):
    noise = {"a.wav": os.urandom(50000), "b.wav": os.urandom(50000)}
    if name == "a.zip":
        content = zipped(noise)
    else:
        mode = "w:gz" if name.endswith("gz") else "w"
        content = tarred(*((tar_info(path), body) for path, body in noise.items()), mode=mode)
    with pytest.raises(CorpusError, match="is damaged or no archive") as caught:
        unpack(tmp_path, name, content[: int(share * len(content))])
    assert "\n" not in str(caught.value)


def with_a_name_that_is_no_utf8() -> bytes:
    """A zip that flags its one name as UTF-8, which it is not."""
    name = "café.wav".encode()
    return zipped({"café.wav": b"abc"}).replace(name, name.replace(b"\xc3\xa9", b"\xff\xff"))


def with_a_null_byte_in_a_name() -> bytes:
    info = tar_info("a.wav")
    info.pax_headers = {"path": "a\0.wav"}
    return tarred((info, b"abc"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", with_a_name_that_is_no_utf8()),
        ("a.zip", zipped({"a.wav": b"abc"}).replace(b"a.wav", b"\0.wav")),  # no name at all
        ("a.tar.gz", with_a_null_byte_in_a_name()),
    ],
)
def test_names_that_no_file_can_have_are_damage(tmp_path, name, content):
    with pytest.raises(CorpusError, match="is damaged or no archive"):
        unpack(tmp_path, name, content)


def test_one_flipped_bit_in_a_zip_is_noticed(tmp_path):
    content = bytearray(zipped({"a.wav": os.urandom(5000)}))
    content[2000] ^= 1
    with pytest.raises(CorpusError, match="is damaged or no archive"):
        unpack(tmp_path, "a.zip", bytes(content))


# -- a whole corpus --------------------------------------------------------------------------------


def nothing_wrong(_folder: Path) -> list[str]:
    return []


def obtain(server, root, verify=nothing_wrong, folder="", **published):
    remote = Remote(server.url + "/a.zip", folder=folder, **published)
    return obtaining.obtain("emodb", (remote,), root, verify=verify, patience=QUICK)


def tree(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def test_puts_a_corpus_in_place(server, tmp_path):
    server.files["/a.zip"] = zipped(FILES)
    server.faults = ["drop:50"]
    assert obtain(server, tmp_path / "new", folder="download") is True
    assert tree(tmp_path / "new") == sorted(f"emodb/download/{name}" for name in FILES)
    n_asked = len(server.asked)
    assert obtain(server, tmp_path / "new") is False
    assert len(server.asked) == n_asked


def test_several_files_and_one_that_is_no_archive(server, tmp_path):
    server.files |= {"/a.zip": zipped(FILES), "/labels.csv": b"name,label\n"}
    remotes = (
        Remote(server.url + "/a.zip"),
        Remote(server.url + "/labels.csv", name="table.csv", folder="labels", n_bytes=11),
    )
    assert obtaining.obtain("x", remotes, tmp_path, verify=nothing_wrong, patience=QUICK)
    assert tree(tmp_path) == sorted(["x/labels/table.csv", *(f"x/{name}" for name in FILES)])


def test_does_not_touch_what_is_there(server, tmp_path):
    (tmp_path / "emodb").mkdir()
    (tmp_path / "emodb" / "mine.wav").write_bytes(b"mine")
    assert obtain(server, tmp_path) is False
    assert tree(tmp_path) == ["emodb/mine.wav"]
    assert server.asked == []


def test_what_is_wrong_inside_is_not_put_in_place(server, tmp_path):
    server.files["/a.zip"] = zipped(FILES)
    seen = []

    def verify(folder):
        seen.append(sorted(path.name for path in folder.rglob("*.wav")))
        return ["03a01Fb is missing", "b.wav is extra", "c", "d"]

    words = r"not what is published \(03a01Fb is missing; b\.wav is extra; c; \.\.\.\)"
    with pytest.raises(CorpusError, match=words):
        obtain(server, tmp_path, verify)
    assert seen == [["03a01Fa.wav", "b.wav"]]
    assert tree(tmp_path) == []  # no checksum vouched for the archive: fetched anew next time
    with pytest.raises(CorpusError, match=words):
        obtain(server, tmp_path, verify, md5=hashlib.md5(server.files["/a.zip"]).hexdigest())
    assert tree(tmp_path) == [".downloads/emodb/a.zip"]


def test_an_evil_archive_leaves_nothing(server, tmp_path):
    server.files["/a.zip"] = zipped({"good.wav": b"x", "../../evil.wav": b"evil"})
    with pytest.raises(CorpusError, match="a path that leads outside"):
        obtain(server, tmp_path)
    assert tree(tmp_path) == []
    server.files["/a.zip"] = b"<html>please log in</html>"
    with pytest.raises(CorpusError, match="is damaged or no archive"):
        obtain(server, tmp_path)
    assert tree(tmp_path) == []


def test_an_archive_whose_names_are_damaged_is_fetched_anew(server, tmp_path):
    server.files["/a.zip"] = with_a_name_that_is_no_utf8()
    with pytest.raises(CorpusError, match="is damaged or no archive"):
        obtain(server, tmp_path)
    assert tree(tmp_path) == []
    server.files["/a.zip"] = zipped(FILES)
    assert obtain(server, tmp_path) is True


def test_a_file_in_the_place_of_the_corpus_is_left_alone(server, tmp_path):
    (tmp_path / "emodb").write_bytes(b"mine")
    with pytest.raises(CorpusError, match=r"emodb: is no folder that can be read .*move it away"):
        obtain(server, tmp_path)
    assert tree(tmp_path) == ["emodb"]
    assert server.asked == []


def test_room_for_what_is_unpacked(server, tmp_path, monkeypatch):
    server.files["/a.zip"] = zipped({"zeros.wav": bytes(100 << 20)})
    usage = downloading.shutil.disk_usage(tmp_path)
    free = (64 << 20) + (1 << 20)  # enough for the archive, not for what it holds
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(CorpusError, match="emodb, unpacked, needs 100 MiB"):
        obtain(server, tmp_path)
    assert tree(tmp_path) == [".downloads/emodb/a.zip"]  # kept for when there is room
    with pytest.raises(CorpusError, match="the download needs 300 MiB"):
        obtain(server, tmp_path, n_bytes=(300 << 20) + len(server.files["/a.zip"]))


def test_many_at_once(server, tmp_path):
    server.files["/a.zip"] = zipped({f"{n:03}.wav": os.urandom(3000) for n in range(100)})
    server.faults = ["drop:100000"]
    done, errors = [], []

    def work():
        try:
            done.append(obtain(server, tmp_path))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(done) == [False] * 5 + [True]
    assert len(tree(tmp_path)) == 100
    assert len(server.asked) == 2


# -- the licence -----------------------------------------------------------------------------------


def test_a_licence_is_accepted_once_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path / "config"))
    part = parts.load("corpora", "ravdess")
    shown = licences.text(part)
    for words in ("CC BY-NC-SA 4.0", "no commercial use", part.LICENCE_URL, "Livingstone"):
        assert words in shown
    assert not licences.is_accepted("ravdess", part)
    record = json.loads(licences.accept("ravdess", part).read_text(encoding="utf-8"))
    assert record["licence"] == "CC BY-NC-SA 4.0"
    assert licences.is_accepted("ravdess", part)
    assert not licences.is_accepted("emodb", parts.load("corpora", "emodb"))
    monkeypatch.setattr(part, "LICENCE", "another one")
    assert not licences.is_accepted("ravdess", part)
    assert "Read the owner's terms" in licences.text(part)


@pytest.mark.parametrize("content", ["[]", "null", "3", '"text"', "{", "\xff"])
def test_a_record_that_is_none_accepts_nothing(tmp_path, monkeypatch, content):
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path))
    part = parts.load("corpora", "ravdess")
    licences.accept("ravdess", part).write_text(content, encoding="latin-1")
    assert not licences.is_accepted("ravdess", part)
    licences.accept("ravdess", part)
    assert licences.is_accepted("ravdess", part)


def test_a_configuration_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("a file")
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path / "config"))
    part = parts.load("corpora", "ravdess")
    assert not licences.is_accepted("ravdess", part)
    with pytest.raises(PipelineError, match=r"ravdess\.json: cannot be written .*EMOMETRIC_CONFIG"):
        licences.accept("ravdess", part)


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def get(server, tmp_path, monkeypatch):
    """Run `emometric corpora get CORPUS`, whose archive comes from the server."""
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(Patience, "__init__", lambda self: self.__dict__.update(vars(QUICK)))

    def run(corpus, *words):
        part = parts.load("corpora", corpus)
        monkeypatch.setattr(part, "REMOTES", (Remote(server.url + "/a.zip"),))
        words = ("get", corpus, "--root", str(tmp_path / "root"), *words)
        return CliRunner().invoke(cli_corpora.app, words)

    return run


def spoken(corpus: str, leave_out: int = 0) -> bytes:
    """An archive with the published names of a corpus, but for the first ones."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(880), 8000, format="WAV")
    paths = [str(one.path) for one in published.of(corpus).recordings.values()]
    return zipped(dict.fromkeys(paths[leave_out:], buffer.getvalue()))


def test_get_command(get, server, tmp_path):
    server.files["/a.zip"] = spoken("emodb")
    server.faults = ["drop:20000"]
    error = get("emodb").exception
    assert isinstance(error, CorpusError)
    assert "its licence is not accepted, nothing was fetched" in str(error)
    assert server.asked == []
    done = get("emodb", "--accept-licence")
    assert done.exit_code == 0, done.output
    for words in ("CC0 1.0", "size unknown, checksum unknown", "emodb: as published", "next: "):
        assert words in done.stdout
    assert len(list((tmp_path / "root" / "emodb").rglob("*.wav"))) == 535
    again = get("emodb")  # the licence is not asked for again
    assert again.exit_code == 0
    assert "is there already" in again.stdout
    assert "CC0" not in again.stdout
    assert len(server.asked) == 2


def test_without_a_terminal_nothing_is_accepted(server, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "stdin", None)  # as `<&-` leaves it
    part = parts.load("corpora", "emodb")
    with pytest.raises(CorpusError, match="its licence is not accepted, nothing was fetched"):
        fetching.fetch("emodb", part, tmp_path / "root", accept_licence=False)
    assert not (tmp_path / "root").exists()


def test_get_command_reports_another_edition(get, server, tmp_path):
    server.files["/a.zip"] = spoken("emodb", leave_out=1)
    done = get("emodb", "--accept-licence")
    assert done.exit_code == 1
    assert "missing      download/wav/" in done.stdout
    assert len(list((tmp_path / "root" / "emodb").rglob("*.wav"))) == 534


def test_get_command_refuses_other_bytes(get, server, tmp_path):
    server.files["/a.zip"] = spoken("urdu")  # of which its owner's digests are known
    error = get("urdu", "--accept-licence").exception
    assert isinstance(error, CorpusError)
    assert "urdu: what was fetched is not what is published (" in str(error)
    server.files["/a.zip"] = zipped({"read me.txt": b"moved"})
    assert "it holds no recording" in str(get("urdu").exception)
    assert not (tmp_path / "root" / "urdu").exists()


# -- what the corpora declare ----------------------------------------------------------------------


@pytest.mark.parametrize("corpus", parts.available("corpora"))
def test_what_corpora_declare(corpus):
    part = parts.load("corpora", corpus)
    names = [remote.file_name for remote in part.REMOTES]
    assert len(set(names)) == len(names)
    for remote in part.REMOTES:
        assert remote.url.startswith(("https://", "http://"))
        assert remote.n_bytes is None or remote.n_bytes > 0
        for digest, digits in ((remote.md5, 32), (remote.sha256, 64)):
            assert digest is None or (len(digest) == digits and int(digest, 16) >= 0)
        assert not Path(remote.folder).is_absolute()
        assert ".." not in Path(remote.folder).parts
    assert part.ACCESS.strip()


def test_ravdess_is_what_its_owner_publishes():
    (remote,) = parts.load("corpora", "ravdess").REMOTES
    assert remote.file_name == "Audio_Speech_Actors_01-24.zip"
    assert (remote.n_bytes, remote.md5) == (208468073, "bc696df654c87fed845eb13823edef8a")
