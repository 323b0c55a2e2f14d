"""The boto3 clients, made when a request needs them."""

from __future__ import annotations

import gzip
import io
import json
import os
from contextlib import suppress
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

# One attempt a call: what is tried again, and for how long, is decided by the budgets, with the
# state read in between. The times are in seconds.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})


def client(service: str, region: str | None) -> Any:
    """A client of `service` in `region`, or in the function's own Region."""
    return _session().client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]


@cache
def _session() -> boto3.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", ServiceModels(file_loader=JsonFiles()))
    return boto3.Session(botocore_session=session)


class ServiceModels(Loader):
    """Finds botocore's models without looking into the 400 folders of services not asked for.

    That, and `JsonFiles`, take an eighth off a cold start: docs/benchmarks.md.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """The names of the folders, whether or not they hold a file of this type."""
        names: set[str] = set()
        for path in self.search_paths:
            with suppress(FileNotFoundError):
                names.update(entry.name for entry in os.scandir(path) if entry.is_dir())
        return sorted(names)


class JsonFiles(JSONFileLoader):
    """Reads them into plain dicts, which are made in a third of the time of OrderedDicts."""

    def load_file(self, file_path: str) -> Any:
        """None if there is no such file."""
        for ending, opened in ((".json", io.FileIO), (".json.gz", gzip.GzipFile)):
            with suppress(FileNotFoundError), opened(file_path + ending) as file:
                return json.loads(file.read())
        return None
