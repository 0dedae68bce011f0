"""A second copy of landing: a backup, and the restore from one.

Landing is the one layer that cannot be rebuilt from another. The copy of bronze is not needed: rebuild.py makes it from landing.
"""

from dataclasses import dataclass, field

from f1_lakehouse.operations.verify import Progress, check_pull, pull_folders, silent
from f1_lakehouse.storage.landing import Landing


@dataclass
class Copied:
    """The result of a copy: files and bytes that were copied, files that were there, and what could not be copied."""

    files: int = 0
    bytes: int = 0
    there: int = 0
    problems: list[str] = field(default_factory=list)


def copy_landing(
    source: Landing, target: Landing, *, progress: Progress = silent, dry_run: bool = False
) -> Copied:
    """Copy the files that the target lacks or has damaged. From the lake to a backup, or back.

    A damaged file of the source is reported and never copied, and an intact file of the target is never overwritten. The manifest of a
    pull is copied last, so an interrupted copy has no pull that looks finished but is not.
    """
    done = Copied()
    for folder in pull_folders(source):
        progress(folder)
        files = source.store.files(folder)
        there = set(target.store.files(folder))
        broken = check_pull(target, folder)[0] if there else {}
        wanted = [name for name in files if name not in there or name in broken]
        done.there += len(files) - len(wanted)
        if not wanted:
            continue
        bad = check_pull(source, folder)[0]
        for name in wanted:
            if name in bad:
                done.problems.append(f"{source.store.uri}/{folder}/{name}: {bad[name]}")
                continue
            data = source.store.read(f"{folder}/{name}")
            if not dry_run:
                target.store.write(f"{folder}/{name}", data)
            done.files += 1
            done.bytes += len(data)
        for name in set(bad) - set(files):
            done.problems.append(f"{source.store.uri}/{folder}/{name}: {bad[name]}")
    return done
