"""Files on a disk or in an object store, written atomically: a reader sees all of a file or none of it.

Used for the landing zone and the small files of a lake. Not for Delta tables: delta-rs has its own storage.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs


def write_atomically(target: Path, data: bytes) -> None:
    """Write a file on disk by temporary name, fsync and rename: after a crash it has all its bytes, or its old content."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class ObjectStore:
    """A folder or an object-store prefix.

    Args:
        uri: a local path, or a URI such as `s3://bucket/prefix` (credentials from the usual AWS variables).
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self.is_local = "://" not in uri
        if self.is_local:
            self._fs: fs.FileSystem = fs.LocalFileSystem()
            self._base = str(Path(uri).absolute())
        elif uri.startswith("s3://"):
            self._fs = fs.S3FileSystem(
                endpoint_override=os.environ.get("AWS_ENDPOINT_URL"),
                region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
                allow_bucket_creation=False,
            )
            self._base = self.uri.removeprefix("s3://")
        else:
            self._fs, self._base = fs.FileSystem.from_uri(self.uri)

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}" if name else self._base

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically: after a crash it has all its bytes, or does not exist.

        On disk by temporary name, fsync and rename; in an object store a put is already atomic.
        """
        path = self._path(name)
        if not self.is_local:
            # Otherwise Arrow compresses a .zst file a second time.
            with self._fs.open_output_stream(path, compression=None) as out:
                out.write(data)
            return
        write_atomically(Path(path), data)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file. Raises FileNotFoundError."""
        with self._fs.open_input_file(self._path(name)) as source:
            data: bytes = source.read()
        return data

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return bool(self._fs.get_file_info(self._path(name)).type == fs.FileType.File)

    def folders(self, name: str = "") -> list[str]:
        """Return the names of the folders directly below, sorted."""
        return sorted(info.base_name for info in self._list(name) if info.type == fs.FileType.Directory)

    def files(self, name: str = "") -> list[str]:
        """Return the names of the finished files directly below, sorted."""
        return sorted(
            info.base_name
            for info in self._list(name)
            if info.type == fs.FileType.File and not info.base_name.startswith(".")
        )

    def move(self, name: str, to: str) -> None:
        """Rename a folder; in an object store, which has no folders, file by file."""
        if self.is_local:
            target = Path(self._path(to))
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(self._path(name)).rename(target)
            return
        for file in list(self.walk(name)):
            self._fs.copy_file(self._path(file), self._path(to + file.removeprefix(name)))
        self._fs.delete_dir(self._path(name))

    def remove(self, name: str) -> None:
        """Remove a folder and everything in it, if there is one."""
        if self._fs.get_file_info(self._path(name)).type == fs.FileType.Directory:
            self._fs.delete_dir(self._path(name))

    def walk(self, name: str = "") -> Iterator[str]:
        """Yield the paths, relative to the store, of all finished files below, sorted."""
        selector = fs.FileSelector(self._path(name), recursive=True, allow_not_found=True)
        for info in sorted(self._fs.get_file_info(selector), key=lambda info: info.path):
            if info.type == fs.FileType.File and not info.base_name.startswith("."):
                yield info.path.removeprefix(self._base).lstrip("/")

    def _list(self, name: str) -> list[fs.FileInfo]:
        listed: list[fs.FileInfo] = self._fs.get_file_info(
            fs.FileSelector(self._path(name), allow_not_found=True)
        )
        return listed
