"""The line of each value in a JSON text, which `json` does not keep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass
class Positions:
    """Lines by path, counted from 1, and the paths of keys that occur twice in one object."""

    lines: dict[Path, int] = field(default_factory=dict)
    repeated: list[tuple[Path, int]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the value, or of what it would be in."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def forget(self, path: Path) -> None:
        """Drops the value and all that is in it: `json` keeps the last of two."""
        self.lines = {
            known: line for known, line in self.lines.items() if known[: len(path)] != path
        }


def positions(text: str) -> Positions:
    """The positions in a text that is valid JSON."""
    found = Positions()
    _walk(_tokens(text), (), found)
    return found


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        yield match[0], line


def _walk(tokens: Iterator[tuple[str, int]], path: Path, found: Positions) -> bool:
    """Walks one value. False where a list or an object ends instead."""
    token, line = next(tokens)
    if token in "]}":
        return False
    found.lines.setdefault(path, line)
    if token == "[":
        index = 0
        while _walk(tokens, (*path, index), found) and next(tokens)[0] == ",":
            index += 1
    elif token == "{":
        _walk_object(tokens, path, found)
    return True


def _walk_object(tokens: Iterator[tuple[str, int]], path: Path, found: Positions) -> None:
    for key, line in tokens:
        if key == "}":
            return
        if key != ",":
            next(tokens)  # the colon
            member = (*path, json.loads(key))
            if member in found.lines:
                found.repeated.append((member, line))
                found.forget(member)
            found.lines[member] = line
            _walk(tokens, member, found)
