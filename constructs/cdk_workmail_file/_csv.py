"""Reads mailboxes from CSV, as spreadsheets export it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from cdk_workmail_file._positions import Path as ValuePath
from cdk_workmail_file._read import InvalidFile, OrganizationFile, check, text_of

_REQUIRED = ("entity_id", "email")
_COLUMNS = (*_REQUIRED, "aliases", "removal_policy", "key")


def read_csv(
    path: str | Path,
    *,
    organization_id: str,
    organization_region: str | None = None,
    has_export: bool = False,
) -> OrganizationFile:
    """Reads a file of mailboxes: `entity_id,email[,aliases,removal_policy,key]`.

    Aliases are separated by spaces, the key is by default the entity id, and an empty cell is not
    given. Raises InvalidFile with every error, and OSError if it cannot be read.
    """
    text = text_of(path)
    heading = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=";" if ";" in heading else ",", strict=True)
    mailboxes: dict[str, Any] = {}
    lines: dict[str, int] = {}
    problems: list[tuple[int | None, ValuePath, str]] = []
    try:
        columns = [name.strip().lower() for name in next(rows, [])]
        _check_columns(columns, str(path))
        for row in rows:
            cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if cell}
            key = cells.pop("key", "") or cells.get("entity_id", f"row {rows.line_num}")
            if not any(cells.values()):
                continue
            if len(row) > len(columns):
                allowed = f"the row must have {len(columns)} cells, got {len(row)}"
                problems.append((rows.line_num, ("mailboxes", key), allowed))
            if key in mailboxes:
                twice = f"a key must occur once, got {key!r}, as in line {lines[key]}"
                problems.append((rows.line_num, ("mailboxes", key), twice))
                continue
            lines[key] = rows.line_num
            mailboxes[key] = {name: cell for name, cell in cells.items() if cell}
            if "aliases" in mailboxes[key]:
                mailboxes[key]["aliases"] = mailboxes[key]["aliases"].split()
    except csv.Error as error:
        raise InvalidFile([f"{path}:{rows.line_num}: the file is not CSV: {error}"]) from error
    document = {"organization_id": organization_id, "mailboxes": mailboxes}
    if organization_region is not None:
        document["organization_region"] = organization_region

    def line_of(where: ValuePath) -> int | None:
        return lines.get(str(where[1])) if len(where) > 1 else None

    return check(document, str(path), line_of, problems, has_export=has_export)


def _check_columns(columns: list[str], path: str) -> None:
    allowed = ", ".join(_COLUMNS)
    errors = [
        f"{path}:1: unknown column {name!r}, allowed: {allowed}"
        for name in columns
        if name not in _COLUMNS
    ]
    errors += [
        f"{path}:1: the column {name!r} is missing: add it"
        for name in _REQUIRED
        if name not in columns
    ]
    errors += [
        f"{path}:1: the column {name!r} occurs twice: remove one of the two"
        for name in sorted({name for name in columns if columns.count(name) > 1})
    ]
    if errors:
        raise InvalidFile(errors)
