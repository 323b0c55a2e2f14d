"""Where mailboxes are exported to before they are deregistered."""

from __future__ import annotations

import re
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_workmail._validation import FieldPattern, check_type

# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
EXPORT_KEY_ACTIONS = ["kms:Decrypt", "kms:GenerateDataKey"]
# Of the roles that WorkMail exports with.
EXPORT_ROLE_PATH = "/cdk-workmail/"
# WorkMail's own pattern allows * too, which in the role's policy would match other prefixes.
# Its keys have at most 1023 characters: the function appends 34 of the organization, up to 256 of
# the entity, the time and three slashes, and WorkMail the name of its file.
PREFIX = FieldPattern(
    field="prefix",
    pattern=re.compile(r"(?!/)[A-Za-z0-9!_.'()/-]+(?<!/)"),
    longest=700,
    allowed="1 to 700 letters, digits and ! _ . ' ( ) / -, without / at its beginning or end",
)
_DEFAULT_PREFIX = "workmail"
_DEFAULT_AGE = Duration.hours(24)
# https://docs.aws.amazon.com/workmail/latest/APIReference/API_ListMailboxExportJobs.html
_OLDEST = Duration.days(7)


class MailboxExport(Construct):
    """The bucket and the key for mailboxes of registrations with `RemovalPolicy.SNAPSHOT`.

    By default the bucket has no public access, refuses requests without TLS, keeps versions, and is
    encrypted with a key of its own, which rotates. Bucket and key are retained. CloudTrail shows
    each decryption of an object, because S3 requests it from the key.

    A mailbox is exported to `<prefix>/<organization id>/<entity id>/<time>` as one zip: mail and
    calendar items as MIME, no contacts, tasks or notes. One export serves any number of
    registrations, organizations and stacks in the organization's region.

    WorkMail writes with a role in the registration's stack, which a given bucket and key must
    admit. A bucket policy does, unless it denies. The policy of a key in this app gets a statement
    that admits the roles of exports through S3; the policy of another key must delegate to the
    account's IAM policies, as KMS's default does. If only that statement admits the role, remove
    the registrations before the export: CloudFormation changes the key's policy first, exports then
    fail, and the mailboxes stay enabled.

    Raises ValueError for a prefix or an age that WorkMail would refuse, and for a key that is not
    symmetric.

    Exporting mailbox content:
    https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
    """

    bucket: s3.IBucket
    """The bucket of the exports."""

    encryption_key: kms.IKey
    """The key that encrypts them."""

    prefix: str
    """The beginning of their S3 keys."""

    maximum_age: Duration
    """How old an export may be to stand in for a new one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
        prefix: str | None = None,
        maximum_age: Duration | None = None,
        archive_after: Duration | None = None,
    ) -> None:
        """Creates the bucket and the key, unless you give them.

        :param bucket: A bucket without public access, in the organization's region. By default one
            is created.
        :param encryption_key: A symmetric encryption key in the organization's region. By default
            the key that the given bucket was declared with, or a new one, for which KMS charges.
            A bucket that is created is encrypted with it too.
        :param prefix: 1 to 700 letters, digits and ! _ . ' ( ) / -, without / at its beginning or
            end; `workmail` by default.
        :param maximum_age: How long ago an export may have ended to stand in for a new one, in
            whole seconds, 0 to 7 days; 24 hours by default. It lacks later mail, but WorkMail keeps
            the mailbox for 30 days. WorkMail exports a mailbox once in 24 hours, counted from
            the start of the last export. So with less than 24 hours there can be a time when a
            removal can neither start an export nor use the last one: it fails, and the mailbox
            stays enabled. WorkMail lists exports for seven days.
        :param archive_after: When exports move to the storage class S3 Glacier Instant Retrieval:
            whole days, at least 1; never by default. They stay readable at once, at a lower price
            for storage and a higher one for reading, and S3 charges for at least 90 days. For a
            bucket of your own, declare the lifecycle there.
        """
        super().__init__(scope, id)
        check_type(self, "maximum_age", maximum_age, Duration)
        self.prefix = _DEFAULT_PREFIX if prefix is None else prefix
        PREFIX.check(self, self.prefix)
        self.maximum_age = maximum_age or _DEFAULT_AGE
        self._check_age(self.maximum_age)
        self._check_archive(bucket, archive_after)
        if encryption_key is None and bucket is not None:
            encryption_key = bucket.encryption_key
        self.encryption_key = self._admit(encryption_key) if encryption_key else self._create_key()
        self.bucket = bucket or self._create_bucket(archive_after)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets the grantee read all exports, manifests and reports: all mail of the organizations.

        A key of another app, whose policy does not leave it to IAM, has to allow kms:Decrypt too.
        """
        grant = self.bucket.grant_read(grantee, f"{self.prefix}/*")
        own = self.bucket.encryption_key
        if own is not None and own.key_arn == self.encryption_key.key_arn:
            # The bucket's grant includes its key.
            return grant
        return grant.combine(self.encryption_key.grant_decrypt(grantee))

    def _check_age(self, age: Duration) -> None:
        path = self.node.path
        if age.is_unresolved():
            raise ValueError(f"{path}: maximum_age must be known at synth, got a token")
        seconds, oldest = age.to_seconds(integral=False), _OLDEST.to_seconds()
        if not 0 <= seconds <= oldest or seconds % 1:
            raise ValueError(
                f"{path}: maximum_age must be 0 to {oldest:.0f} whole seconds, got {seconds:g}: "
                f"WorkMail lists exports for seven days"
            )

    def _check_archive(self, bucket: s3.IBucket | None, archive_after: Duration | None) -> None:
        path = self.node.path
        check_type(self, "archive_after", archive_after, Duration)
        if archive_after is None:
            return
        if bucket is not None:
            raise ValueError(
                f"{path}: archive_after must come without bucket, got {bucket.node.path}: declare "
                f"the lifecycle of your own bucket there"
            )
        days = archive_after.to_days(integral=False)
        if days < 1 or days % 1:
            raise ValueError(
                f"{path}: archive_after must be at least 1 day, in whole days, got {days:g}"
            )

    def _admit(self, key: kms.IKey) -> kms.IKey:
        declared = _declaration_of(key)
        if declared is not None:
            self._check_key(declared)
        # Not the role itself, as `grant` does: the stack of the key cannot name a role in a stack
        # that refers to the key. And not the whole account, which a careful policy denies mail.
        roles = Stack.of(key).format_arn(
            service="iam", region="", resource=f"role{EXPORT_ROLE_PATH}*"
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AccountRootPrincipal()],
                actions=EXPORT_KEY_ACTIONS,
                resources=["*"],
                conditions={
                    "StringEquals": {"kms:ViaService": f"s3.{key.env.region}.amazonaws.com"},
                    "ArnLike": {"aws:PrincipalArn": roles},
                },
            )
        )
        return key

    def _check_key(self, key: kms.CfnKey) -> None:
        for what, got, allowed in (
            ("KeySpec", key.key_spec, "SYMMETRIC_DEFAULT"),
            ("KeyUsage", key.key_usage, "ENCRYPT_DECRYPT"),
        ):
            if got not in (None, allowed) and not Token.is_unresolved(got):
                raise ValueError(
                    f"{self.node.path}: encryption_key must have the {what} {allowed}, got {got}: "
                    f"WorkMail exports with symmetric keys only"
                )

    def _create_key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="Exports of Amazon WorkMail mailboxes",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _create_bucket(self, archive_after: Duration | None) -> s3.Bucket:
        archive = archive_after and s3.LifecycleRule(
            id="Archive",
            prefix=f"{self.prefix}/",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                    transition_after=archive_after,
                )
            ],
        )
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.encryption_key,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[archive] if archive else None,
            removal_policy=RemovalPolicy.RETAIN,
        )
        # A bucket that is kept without its policy would be open to requests without TLS.
        cast(s3.BucketPolicy, bucket.policy).apply_removal_policy(RemovalPolicy.RETAIN)
        return bucket


def _declaration_of(key: kms.IKey) -> kms.CfnKey | None:
    """Its resource if this app has it: below a `Key`, or above what `from_cfn_key` returns."""
    for found in (key.node.default_child, key.node.scope):
        if isinstance(found, kms.CfnKey):
            return found
    return None
