"""Read the files of a revision through git; nothing is checked out."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from emometric.base.errors import PipelineError


@dataclass(frozen=True)
class Revision:
    """A commit of the repository at `root`, or its working tree where `commit` is empty.

    name: what the user calls it.
    """

    root: Path
    name: str
    commit: str

    def __str__(self) -> str:
        """Its name and short hash: `main (1a2b3c4)`."""
        if not self.commit:
            return self.name
        short = self.commit[:7]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where the revision has no such file."""
        if not self.commit:
            file = self.root / path
            return file.read_bytes() if file.is_file() else None
        done = _run(self.root, "cat-file", "blob", f"{self.commit}:{path}")
        return done.stdout if done.returncode == 0 else None

    def files(self, folder: str) -> dict[str, str]:
        """Every file below `folder`, as path -> git's hash of its content."""
        if not self.commit:
            found = sorted(file for file in (self.root / folder).rglob("*") if file.is_file())
            return {file.relative_to(self.root).as_posix(): _blob_id(file) for file in found}
        listing = _git(self.root, "ls-tree", "-r", "-z", self.commit, "--", f"{folder}/")
        rows = [row.partition("\t") for row in listing.split("\0") if row]
        return {path: description.split()[2] for description, _, path in rows}


def root(folder: str | Path = ".") -> Path:
    """The top of the repository that holds `folder`; PipelineError where git reads none."""
    done = _run(Path(folder), "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        if "not a git repository" in said:
            raise PipelineError(
                f"{Path(folder).resolve()} is in no git repository; run from a clone of the "
                "project."
            )
        # Such as a clone of another user in a container; git says itself what to do.
        raise PipelineError(
            f"git does not read the repository of {Path(folder).resolve()} ({said}); mend that "
            "first."
        )
    return Path(os.fsdecode(done.stdout).removesuffix("\n"))  # its name may end in a space


def find(top: Path, name: str) -> Revision:
    """The commit that `name` stands for: anything that git knows, or a branch of `origin`.

    Raises PipelineError for a name that this clone lacks, and says so where it is shallow.
    """
    for candidate in (name, f"origin/{name}"):
        done = _run(
            top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"
        )
        if done.returncode == 0:
            return Revision(top, candidate, done.stdout.decode().strip())
    if is_shallow(top):
        raise PipelineError(
            f"this clone is shallow and lacks the revision '{name}'; run `git fetch --unshallow` "
            "(in GitHub Actions: actions/checkout with fetch-depth: 0)."
        )
    raise PipelineError(
        f"this repository has no revision '{name}'; fetch it (`git fetch origin {name}`) or name "
        "another, such as HEAD~1."
    )


def parting(base: Revision, head: Revision) -> Revision:
    """Where `head` left `base`: their last common commit; `base` itself where they share none.

    So what came to `base` since is not counted against `head`. Raises PipelineError in a shallow
    clone, in which the common commit may be cut off.
    """
    done = _run(base.root, "merge-base", base.commit, head.commit or "HEAD")
    commit = done.stdout.decode().strip()
    if done.returncode == 0:
        return Revision(base.root, base.name, commit)
    if is_shallow(base.root):
        raise PipelineError(
            f"this clone is shallow and lacks the commit at which {head} left {base}; run `git "
            "fetch --unshallow` (in GitHub Actions: actions/checkout with fetch-depth: 0)."
        )
    return base


def worktree(top: Path) -> Revision:
    """The files as they lie there, committed or not."""
    return Revision(top, "the working tree", "")


def uncommitted(top: Path, *paths: str) -> list[str]:
    """Which of `paths`, or files below them, differ from the last commit or are unknown to git."""
    listing = _git(top, "status", "--porcelain", "-z", "--no-renames", "--", *paths)
    return [row[3:] for row in listing.split("\0") if row]


def ignored(top: Path, paths: list[str]) -> set[str]:
    """Those of `paths` that git ignores, whether or not they exist."""
    given = "".join(f"{path}\0" for path in paths).encode()
    done = subprocess.run(
        ["git", "-C", str(top), "check-ignore", "-z", "--no-index", "--stdin"],
        input=given,
        capture_output=True,
    )
    return {path for path in done.stdout.decode().split("\0") if path}


def is_shallow(top: Path) -> bool:
    """Whether the history of this clone is cut off."""
    return _git(top, "rev-parse", "--is-shallow-repository").strip() == "true"


def _blob_id(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _git(top: Path, *arguments: str) -> str:
    done = _run(top, *arguments)
    if done.returncode != 0:
        raise PipelineError(
            f"git {arguments[0]} failed in {top} ({done.stderr.decode().strip()}); mend that first."
        )
    return done.stdout.decode()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        command = ["git", "-C", str(folder), *arguments]
        # What git says is looked at, in English.
        return subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise PipelineError("there is no git on this machine; install it.") from None
