"""Reads and checks an organization file; every error at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from cdk_workmail_file._positions import Path as ValuePath
from cdk_workmail_file._positions import positions

SCHEMA_PATH = Path(__file__).with_name("organization.schema.json")
SECTIONS = ("users", "groups", "resources", "mailboxes")


class InvalidFile(ValueError):
    """The file breaks the schema. Each of `errors` is a line: file, line, path, value, allowed."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True)
class Entry:
    """One entry of the file. `options` have the file's defaults filled in."""

    section: str
    key: str
    options: Mapping[str, Any]
    line: int

    @property
    def mailbox_removal_policy(self) -> str | None:
        """What happens to the mailbox when the entry is removed, None if the file says nothing."""
        return self.options.get(_mailbox_policy(self.section))


@dataclass(frozen=True)
class OrganizationFile:
    """An organization file that obeys the schema."""

    path: str
    document: Mapping[str, Any]
    entries: tuple[Entry, ...]

    @property
    def organization_id(self) -> str:
        """The organization's id."""
        return str(self.document["organization_id"])

    @property
    def organization_region(self) -> str | None:
        """The organization's Region, None for the Region of the stack."""
        return self.document.get("organization_region")


def read(path: str | Path, *, has_export: bool = False) -> OrganizationFile:
    """Reads the file. Raises InvalidFile with every error, and OSError if it cannot be read.

    With `has_export`, SNAPSHOT needs no `mailbox_export` in the file.
    """
    return parse(text_of(path), str(path), has_export=has_export)


def text_of(path: str | Path) -> str:
    """The text of the file. Raises InvalidFile if it is not UTF-8, and OSError."""
    try:
        # A spreadsheet begins its CSV with a byte order mark.
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFile([f"{path}: the file is not UTF-8: save it as UTF-8"]) from error


def parse(text: str, path: str, *, has_export: bool = False) -> OrganizationFile:
    """Reads the text of a file; `path` names it in errors. Raises InvalidFile."""
    try:
        document = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise InvalidFile([f"{path}:{line}: the file is not JSON: {error}"]) from error
    found = positions(text)
    repeated = [
        (line, where, "the key occurs twice in one object: remove one of the two")
        for where, line in found.repeated
    ]
    return check(document, path, found.line, repeated, has_export=has_export)


def check(
    document: Any,
    path: str,
    line_of: Callable[[ValuePath], int | None] = lambda where: None,
    problems: Iterable[tuple[int | None, ValuePath, str]] = (),
    *,
    has_export: bool = False,
) -> OrganizationFile:
    """What a document declares. `problems` are those known already. Raises InvalidFile.

    Of Python values, any mapping counts as an object and a tuple as a list.
    """
    document = _as_json(document)
    broken = set(_broken_rules(document))
    if not broken:
        broken = {*_repetitions(document), *(() if has_export else _missing_export(document))}
    errors = [*problems, *((line_of(where), where, problem) for where, problem in broken)]
    if errors:
        in_order = sorted((line or 0, _json_path(where), why) for line, where, why in errors)
        raise InvalidFile(
            f"{path}:{f'{line}:' if line else ''} {where}: {why}" for line, where, why in in_order
        )
    return OrganizationFile(
        path,
        document,
        tuple(
            Entry(
                section,
                key,
                _with_defaults(section, options, document),
                line_of((section, key)) or 0,
            )
            for section in SECTIONS
            for key, options in document.get(section, {}).items()
        ),
    )


def _as_json(value: Any) -> Any:
    """Mappings and tuples as JSON has them; what JSON lacks stays, for the schema to refuse."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


def _broken_rules(document: object) -> Iterator[tuple[ValuePath, str]]:
    for error in _validator().iter_errors(document):
        where = tuple(error.absolute_path)
        yield from ((where + more, problem) for more, problem in _explained(error))


def _explained(error: ValidationError) -> Iterator[tuple[ValuePath, str]]:
    schema: Any = error.schema
    value: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            for key in value.keys() - known.keys():
                yield (key,), f"unknown key {key!r}, allowed: {', '.join(known)}"
        case "required":
            for key in set(schema["required"]) - value.keys():
                yield (), f"the key {key!r} is missing: add it"
        case "dependentRequired":
            for key in schema["dependentRequired"].keys() & value.keys():
                for needed in set(schema["dependentRequired"][key]) - value.keys():
                    yield (key,), f"{key} needs {needed}: add {needed}, or remove {key}"
        case _:
            yield (), f"must be {schema.get('errorMessage', error.message)}, got {_shown(value)}"


def _repetitions(document: Mapping[str, Any]) -> Iterator[tuple[ValuePath, str]]:
    """What must occur once in the file, compared without regard to case."""
    first: dict[tuple[str, str], ValuePath] = {}
    for what, value, where in _declared_once(document):
        earlier = first.setdefault((what, value.casefold()), where)
        if earlier != where:
            yield where, f"{what} must occur once, got {value!r}, as at {_json_path(earlier)}"


def _declared_once(document: Mapping[str, Any]) -> Iterator[tuple[str, str, ValuePath]]:
    for section in SECTIONS:
        for key, options in document.get(section, {}).items():
            at = (section, key)
            yield "a key", key, at
            named = "entity_id" if section == "mailboxes" else "name"
            yield "an entity", options[named], (*at, named)
            if "email" in options:
                yield "an address", options["email"], (*at, "email")
            for number, alias in enumerate(options.get("aliases", ())):
                yield "an address", alias, (*at, "aliases", number)
            for field in ("members", "delegates"):
                for number, entity_id in enumerate(options.get(field, ())):
                    what = f"an entry of {_json_path((*at, field))}"
                    yield what, entity_id, (*at, field, number)


def _missing_export(document: Mapping[str, Any]) -> Iterator[tuple[ValuePath, str]]:
    if document.get("mailbox_export"):
        return
    for where, value in _removal_policies(document):
        if value == "SNAPSHOT":
            yield where, 'SNAPSHOT needs mailbox_export: add "mailbox_export": true to the file'


def _removal_policies(document: Mapping[str, Any]) -> Iterator[tuple[ValuePath, object]]:
    name = "mailbox_removal_policy"
    yield ("defaults", name), document.get("defaults", {}).get(name)
    for section in SECTIONS:
        name = _mailbox_policy(section)
        for key, options in document.get(section, {}).items():
            yield (section, key, name), options.get(name)


def _mailbox_policy(section: str) -> str:
    """The option that says what happens to the mailbox of an entry."""
    return "removal_policy" if section == "mailboxes" else "mailbox_removal_policy"


def _with_defaults(
    section: str, options: Mapping[str, Any], document: Mapping[str, Any]
) -> dict[str, Any]:
    defaults = dict(document.get("defaults", {}))
    if "revision" in document:
        defaults["revision"] = document["revision"]
    policy = defaults.pop("mailbox_removal_policy", None)
    if policy and "email" in options:
        defaults[_mailbox_policy(section)] = policy
    return {**defaults, **options}


def _json_path(where: ValuePath) -> str:
    path = "$"
    for part in where:
        plain = isinstance(part, str) and re.fullmatch(r"[\w$-]+", part)
        path += f".{part}" if plain else f"[{part!r}]"
    return path


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:77]}..."
