"""Files as streams, compressed or not, and whether they hold UTF-8 text."""

import bz2
import codecs
import contextlib
import difflib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from kgplatform.errors import InputError

Stamp = tuple[int, int]

_CHUNK = 1 << 20

_COMPRESSED_SUFFIXES = {".gz", ".zst", ".bz2"}

_UNREAD = {
    b"PK\x03\x04": ("a zip archive", "unzip it and load what it holds"),
    b"\xfd7zXZ\x00": (
        "compressed by xz",
        "decompress it with unxz, or compress it by gzip or zstd",
    ),
}
"""First bytes of files that are not read → what they are, and what to do."""

_LONGEST_LINE = 64 << 20
"""Bytes of the longest line: one line is held in memory, so a file may not be one."""


def plain_name(path: Path) -> Path:
    """The name of a file without the ending of its compression: ``a.tsv`` of ``b/a.tsv.gz``."""
    return Path(path.stem if path.suffix.lower() in _COMPRESSED_SUFFIXES else path.name)


def check_exists(path: Path) -> None:
    """Make sure that something is at ``path``.

    Raises:
        InputError: Nothing is, and the hint names what in the folder is called nearly so; or this
            user may not look.
    """
    try:
        if path.exists():
            return
        folder = path.parent
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else None
    except PermissionError as error:
        raise InputError(
            f"cannot look at {path}: {error.strerror}",
            hint=f"let this user read the folder {Path(error.filename or path).parent}",
        ) from error
    hint = f"the folder {folder} does not exist either"
    if names is not None:
        nearest = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
        hint = f"did you mean {folder / nearest[0]}?" if nearest else "check the path"
    raise InputError(f"no such file or folder: {path}", hint=hint)


@contextlib.contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file; those of gzip, bzip2 and zstd files decompressed as they are read.

    Raises:
        InputError: It cannot be read, or is damaged or cut short, or changes while it is read.
    """
    try:
        with path.open("rb") as raw:
            stamp = _stamp(os.fstat(raw.fileno()))
            start = raw.read(4)
            raw.seek(0)
            with contextlib.closing(_decompressed(raw, start)) as stream:
                yield stream
                if _stamp(os.fstat(raw.fileno())) != stamp:
                    raise _changed(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path} is a damaged or cut {path.suffix} file: {error}",
            hint="fetch or compress it again",
        ) from error
    except OSError as error:
        # What the libraries of bzip2 and zstd raise for damaged data has no errno.
        hint = "check the file's permissions" if error.errno else "fetch or compress it again"
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """The text of a file, decompressed, without a byte order mark; lines end at LF alone.

    Raises:
        InputError: As ``open_binary``, or it is not UTF-8.
    """
    with open_binary(path) as binary:
        # newline="\n" keeps a carriage return inside a field from ending a row.
        stream = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="\n")
        try:
            yield stream
        except UnicodeDecodeError as error:
            # The decoder counts from the last block; this says the line and what it may be.
            check_text(path)
            raise InputError(
                f"{path} is not UTF-8 ({error.reason})",
                hint=f"convert it: iconv -f ISO-8859-1 -t UTF-8 {path.name} > utf8-{path.name}",
            ) from error
        finally:
            # The binary stream is closed by its owner.
            with contextlib.suppress(ValueError, OSError, EOFError):
                stream.detach()


def stamp_of(path: Path) -> Stamp:
    """Size and time of a file, which differ when it was changed.

    Raises:
        InputError: The file is gone.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="check that the file is still there"
        ) from error
    return _stamp(found)


def check_unchanged(path: Path, stamp: Stamp) -> None:
    """Make sure that a file is what it was: a shorter one would just end before its time.

    Raises:
        InputError: It was changed.
    """
    if stamp_of(path) != stamp:
        raise _changed(path)


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_size, found.st_mtime_ns


def _changed(path: Path) -> InputError:
    return InputError(
        f"{path} was changed while it was read",
        hint="load it again when it is written to no more",
    )


def _decompressed(raw: BinaryIO, start: bytes) -> BinaryIO:
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if start == b"\x28\xb5\x2f\xfd":
        import pyarrow

        return cast(BinaryIO, io.BufferedReader(pyarrow.CompressedInputStream(raw, "zstd")))
    return raw


def check_text(path: Path) -> int:
    """Make sure that a file is UTF-8 text, all of it, and count its lines.

    The whole file is decoded once before its first row is used: a file in another encoding
    fails before anything of it is loaded, not in the middle. Of a compressed file, this is
    its content.

    Returns:
        The number of lines.

    Raises:
        InputError: It is missing, empty, an archive, binary, damaged, not UTF-8, or has a line
            of more than 64 MiB.
    """
    check_exists(path)
    if not path.is_file():
        raise InputError(f"not a regular file: {path}", hint="name a file or a folder")
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = lines = line_start = 0
    last = b""
    with open_binary(path) as stream:
        while chunk := stream.read(_CHUNK):
            if offset == 0:
                _check_start(path, chunk)
            if (nul := chunk.find(b"\x00")) >= 0:
                _fail_binary(path, lines + 1 + chunk.count(b"\n", 0, nul), offset + nul)
            # What the decoder still holds of the chunk before belongs in front.
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                start = error.start - held
                line = lines + 1 + chunk.count(b"\n", 0, max(start, 0))
                raise _not_utf8(path, line, offset + start) from error
            lines += chunk.count(b"\n")
            if (end := chunk.rfind(b"\n")) >= 0:
                line_start = offset + end + 1
            offset += len(chunk)
            if offset - line_start > _LONGEST_LINE:
                raise _too_long(path, lines + 1)
            last = chunk
    if held := len(decoder.getstate()[0]) if last else 0:
        raise _not_utf8(path, lines + 1, offset - held)
    if offset == 0:
        raise InputError(f"{path} is empty", hint="a row is: head, relation, tail")
    return lines + (not last.endswith(b"\n"))


def _check_start(path: Path, start: bytes) -> None:
    for magic, (what, hint) in _UNREAD.items():
        if start.startswith(magic):
            raise InputError(f"{path} is {what}, which is not read", hint=hint)
    if start[257:262] == b"ustar":
        raise InputError(f"{path} is a tar archive, which is not read", hint="unpack it: tar -xf")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(
            f"{path} is UTF-16 text, not UTF-8 (line 1, byte 0)",
            hint=f"convert it: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}",
        )


def _too_long(path: Path, line: int) -> InputError:
    return InputError(
        f"{path}: line {line} is longer than {_LONGEST_LINE >> 20} MiB",
        hint="a table has one row a line, and JSON Lines one record a line",
    )


def _fail_binary(path: Path, line: int, offset: int) -> None:
    raise InputError(
        f"{path} is not a text file: NUL byte on line {line} (byte {offset})",
        hint="triples are read from TSV or CSV in UTF-8; if it is text in UTF-16: "
        f"iconv -f UTF-16LE -t UTF-8 {path.name} > utf8-{path.name}",
    )


def _not_utf8(path: Path, line: int, offset: int) -> InputError:
    return InputError(
        f"{path} is not UTF-8: line {line}, byte {offset}",
        hint="convert it, if it is Latin-1 for instance: "
        f"iconv -f ISO-8859-1 -t UTF-8 {path.name} > utf8-{path.name}",
    )
