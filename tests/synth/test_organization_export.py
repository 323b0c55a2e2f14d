"""The state machine of an `OrganizationExport`, its roles and its outputs."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from aws_cdk import App, CfnParameter, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from cdk_workmail import MailboxExport, OrganizationExport
from tests.synth.roster import ORGANIZATION, new_stack, only, resources

FUNCTION = "AWS::Lambda::Function"
ROLE = "AWS::IAM::Role"
MACHINE = "AWS::StepFunctions::StateMachine"
POLICY = "AWS::IAM::Policy"
BUCKET_ARN = {"Fn::GetAtt": ["ExportBucketFD42BCED", "Arn"]}
KEY_ARN = {"Fn::GetAtt": ["ExportKeyCEC9964D", "Arn"]}


def departure(stack: Stack, id: str = "Departure", **options: Any) -> OrganizationExport:
    given: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "export": options.pop("export", None) or MailboxExport(stack, "Export"),
    }
    return OrganizationExport(stack, id, **(given | options))


def settings(stack: Stack) -> Any:
    """What the function receives, with tokens as their names."""
    variables = only(resources(stack, FUNCTION))["Properties"]["Environment"]["Variables"]
    return json.loads(text(variables["ORGANIZATION_EXPORT"]))


def text(value: Any) -> str:
    match value:
        case {"Fn::Join": [_, parts]}:
            return "".join(map(text, parts))
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
    return str(value)


def role_statements(stack: Stack, id: str) -> list[dict[str, Any]]:
    role = resources(stack, ROLE)[id]["Properties"]
    return [
        statement
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {
        action
        for statement in statements
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }


def test_ten_mailboxes_are_exported_at_a_time_and_none_fails_the_run() -> None:
    stack = new_stack()
    departure(stack)
    machine = only(resources(stack, MACHINE))["Properties"]
    # Standard, which is the default, waits for up to a year.
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
    states = json.loads(text(machine["DefinitionString"]))["States"]
    mailboxes = states["Mailboxes"]
    assert (mailboxes["MaxConcurrency"], mailboxes["ToleratedFailurePercentage"]) == (10, 100)
    mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert mailboxes["ItemProcessor"]["ProcessorConfig"] == mode
    advance = mailboxes["ItemProcessor"]["States"]["Advance"]
    assert [catch["ErrorEquals"] for catch in advance["Catch"]] == [["States.ALL"]]


def test_each_plan_has_the_input_and_the_start_of_its_run() -> None:
    stack = new_stack()
    departure(stack)
    machine = only(resources(stack, MACHINE))["Properties"]
    states = json.loads(text(machine["DefinitionString"]))["States"]
    assert states["Plan"]["Parameters"] == {
        "action": "plan",
        "pass.$": "$.pass",
        "run.$": "$$.Execution.Name",
        "input.$": "$$.Execution.Input",
        "started_at.$": "$$.Execution.StartTime",
    }


def test_the_function_receives_what_is_declared() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export", prefix="last", maximum_age=Duration.days(7))
    departure(
        stack,
        export=export,
        organization_region="eu-west-1",
        include=["a*"],
        exclude=["adam"],
        check_contents=True,
    )
    assert settings(stack) == {
        "OrganizationId": ORGANIZATION,
        "OrganizationRegion": "eu-west-1",
        "RoleArn": "DepartureExportRole07053D25.Arn",
        "KmsKeyArn": "ExportKeyCEC9964D.Arn",
        "BucketName": "ExportBucketFD42BCED",
        "Prefix": "last",
        "MaximumAge": 604800,
        "Include": ["a*"],
        "Exclude": ["adam"],
        "CheckContents": True,
    }


def test_the_function_may_read_workmail_and_start_exports_and_change_nothing() -> None:
    stack = new_stack()
    departure(stack)
    statements = role_statements(stack, "DepartureRoleE5993CA0")
    of_workmail = {action for action in actions(statements) if action.startswith("workmail:")}
    changing = {
        action
        for action in of_workmail
        if not action.removeprefix("workmail:").startswith(("Describe", "Get", "List"))
    }
    assert changing == {"workmail:StartMailboxExportJob"}
    for statement in statements:
        if "workmail:" in json.dumps(statement["Action"]):
            assert text(statement["Resource"]).endswith(f":organization/{ORGANIZATION}")


def test_the_function_writes_manifests_and_reports_but_no_export() -> None:
    stack = new_stack()
    departure(stack)
    statements = role_statements(stack, "DepartureRoleE5993CA0")
    (writing,) = (each for each in statements if each["Action"] == "s3:PutObject")
    folder = f"ExportBucketFD42BCED.Arn/workmail/{ORGANIZATION}"
    assert [text(resource) for resource in writing["Resource"]] == [
        f"{folder}/_manifest/*",
        f"{folder}/_runs/*",
        f"{folder}/report.html",
        f"{folder}/manifest.json",
        f"{folder}/manifest.csv",
        f"{folder}/dossier.json",
    ]
    assert not actions(statements) & {"s3:DeleteObject", "s3:PutBucketPolicy"}


def test_the_state_machine_reads_its_plans_and_no_export() -> None:
    stack = new_stack()
    departure(stack)
    (policy,) = (policy for id, policy in resources(stack, POLICY).items() if "RunPolicy" in id)
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    (reading,) = (each for each in statements if each["Action"] == "s3:GetObject")
    assert text(reading["Resource"]).endswith(f"/workmail/{ORGANIZATION}/_runs/*")
    assert actions(statements) == {
        "lambda:InvokeFunction",
        "s3:GetObject",
        "kms:Decrypt",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
    }


def test_workmail_exports_with_a_role_like_that_of_removals() -> None:
    stack = new_stack()
    departure(stack)
    role = resources(stack, ROLE)["DepartureExportRole07053D25"]["Properties"]
    assert role["Path"] == "/cdk-workmail/"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "export.workmail.amazonaws.com"}
    assert text(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(ORGANIZATION)


def test_the_outputs_name_state_machine_bucket_and_manifest() -> None:
    stack = new_stack()
    departure(stack)
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    values = {id[:-8]: text(output["Value"]) for id, output in outputs.items()}
    (machine,) = resources(stack, MACHINE)
    assert values == {
        "DepartureStateMachineArn": machine,
        "DepartureBucket": "ExportBucketFD42BCED",
        "DepartureManifestPrefix": f"workmail/{ORGANIZATION}/",
    }


def test_a_stack_can_export_two_organizations_to_one_bucket() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    departure(stack, "One", export=export)
    departure(stack, "Two", export=export, organization_id=f"m-{'1' * 32}")
    assert len(resources(stack, MACHINE)) == 2


def test_an_organization_can_be_a_token() -> None:
    stack = new_stack()
    departure(stack, organization_id=CfnParameter(stack, "Organization").value_as_string)
    assert settings(stack)["OrganizationId"] == "Organization"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"organization_id": "acme"}, "organization_id must be 'm-' and 32 hexadecimal digits"),
        ({"organization_region": "eu-central-1"}, "organization_region must be one of us-east-1"),
        ({"export": "bucket"}, "export must be a MailboxExport, got 'bucket'"),
        ({"include": "alice"}, "include must be a list of strings, got 'alice'"),
        ({"exclude": [""]}, "exclude must be a list of names or ids, got ''"),
        ({"check_contents": "yes"}, "check_contents must be True or False, got 'yes'"),
    ],
)
def test_what_workmail_would_refuse_is_refused_at_synth(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^Mail/Departure: {message}"):
        departure(new_stack(), **options)


def test_an_organization_in_another_region_is_refused() -> None:
    app = App()
    account = "111111111111"
    there = Stack(app, "There", env={"account": account, "region": "us-west-2"})
    export = MailboxExport(there, "Export")
    stack = Stack(app, "Mail", env={"account": account, "region": "eu-central-1"})
    message = (
        r"^Mail/Departure: organization_region must be the stack's region 'eu-central-1', "
        r"got 'us-west-2': .* declare it in a stack there"
    )
    with pytest.raises(ValueError, match=message):
        departure(stack, export=export, organization_region="us-west-2")


def test_a_bucket_of_another_region_is_refused() -> None:
    app = App()
    account = "111111111111"
    there = Stack(app, "There", env={"account": account, "region": "us-west-2"})
    export = MailboxExport(there, "Export")
    stack = Stack(app, "Mail", env={"account": account, "region": "eu-west-1"})
    with pytest.raises(ValueError, match="export must have its bucket in the organization's"):
        departure(stack, export=export)


class TestReading:
    def grantee(self, stack: Stack) -> iam.Role:
        return iam.Role(stack, "Auditor", assumed_by=iam.AccountRootPrincipal())

    def granted(self, stack: Stack) -> list[dict[str, Any]]:
        (policy,) = resources(stack, POLICY).values()
        return cast(list[dict[str, Any]], policy["Properties"]["PolicyDocument"]["Statement"])

    def test_a_grant_reads_the_exports_below_the_prefix_and_decrypts_them(self) -> None:
        stack = new_stack()
        MailboxExport(stack, "Export").grant_read(self.grantee(stack))
        reading, decrypting = self.granted(stack)
        assert text(reading["Resource"][1]) == "ExportBucketFD42BCED.Arn/workmail/*"
        assert "kms:Decrypt" in decrypting["Action"]
        assert decrypting["Resource"] == KEY_ARN

    def test_a_grant_decrypts_with_a_key_that_is_not_the_buckets(self) -> None:
        stack = new_stack()
        key, bucket = kms.Key(stack, "Key"), s3.Bucket.from_bucket_name(stack, "Mine", "mine")
        MailboxExport(stack, "Export", bucket=bucket, encryption_key=key).grant_read(
            self.grantee(stack)
        )
        assert "kms:Decrypt" in actions(self.granted(stack))


class TestArchiving:
    def test_exports_move_to_an_archive_that_stays_readable(self) -> None:
        stack = new_stack()
        MailboxExport(stack, "Export", archive_after=Duration.days(30))
        bucket = only(resources(stack, "AWS::S3::Bucket"))["Properties"]
        assert bucket["LifecycleConfiguration"]["Rules"] == [
            {
                "Id": "Archive",
                "Prefix": "workmail/",
                "Status": "Enabled",
                "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 30}],
            }
        ]

    @pytest.mark.parametrize("given", [Duration.hours(36), Duration.days(0)])
    def test_only_whole_days_are_allowed(self, given: Duration) -> None:
        with pytest.raises(ValueError, match="archive_after must be at least 1 day, in whole days"):
            MailboxExport(new_stack(), "Export", archive_after=given)

    def test_a_bucket_of_your_own_keeps_its_lifecycle(self) -> None:
        stack = new_stack()
        bucket = s3.Bucket(stack, "Mine")
        with pytest.raises(ValueError, match="archive_after must come without bucket, got Mail/M"):
            MailboxExport(stack, "Export", bucket=bucket, archive_after=Duration.days(1))
