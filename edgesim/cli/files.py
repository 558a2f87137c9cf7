"""Files that a command writes where the user says."""

from pathlib import Path

from edgesim.errors import UsageError


def write_new(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a text file, in folders that are made if need be.

    Raises UsageError when there is one already (unless `replace`) or when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists and is not overwritten; choose another name or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
