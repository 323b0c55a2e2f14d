"""Clients are made from fewer reads than boto3 makes them, and are the same clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from workmail_provider.clients import JsonFiles, ServiceModels, client


@pytest.mark.parametrize("service", ["workmail", "cloudformation"])
@pytest.mark.parametrize("type_name", ["service-2", "endpoint-rule-set-1"])
def test_models_hold_what_botocores_own_loader_finds(service: str, type_name: str) -> None:
    models = ServiceModels(file_loader=JsonFiles())
    assert models.load_service_model(service, type_name) == Loader().load_service_model(
        service, type_name
    )


@pytest.mark.parametrize("name", ["endpoints", "partitions", "_retry"])
def test_what_is_not_of_one_service_is_the_same_too(name: str) -> None:
    models = ServiceModels(file_loader=JsonFiles())
    assert models.load_data(name) == Loader().load_data(name)


def test_every_service_that_botocore_knows_is_known() -> None:
    found = ServiceModels().list_available_services("service-2")
    assert found == Loader().list_available_services("service-2")


def test_models_that_somebody_adds_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine" / "2026-01-01").mkdir(parents=True)
    (tmp_path / "mine" / "2026-01-01" / "service-2.json").write_text('{"metadata": {}}')
    models = ServiceModels([str(tmp_path)], JsonFiles())
    assert models.load_service_model("mine", "service-2") == {"metadata": {}}


def test_a_service_that_nobody_knows_is_told() -> None:
    with pytest.raises(UnknownServiceError, match="wrokmail"):
        client("wrokmail", "us-east-1")


def test_a_client_tries_once_in_the_region_it_was_made_for() -> None:
    made = client("workmail", "eu-west-1")
    assert made.meta.region_name == "eu-west-1"
    assert made.meta.endpoint_url == "https://workmail.eu-west-1.amazonaws.com"
    assert made.meta.config.retries == {"total_max_attempts": 1, "mode": "legacy"}
