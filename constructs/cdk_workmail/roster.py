"""All that an organization file declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast

from aws_cdk import CfnResource, Duration, NestedStack, RemovalPolicy
from constructs import Construct

from cdk_workmail._actions import REGISTRATION
from cdk_workmail._declaration import Organization, resource_of
from cdk_workmail._entity import Entity
from cdk_workmail._lanes import Lanes, lanes_of
from cdk_workmail._placement import (
    MOST_RESOURCES,
    count_member_lists,
    fewest_stacks,
    fits,
    place,
)
from cdk_workmail._stack import StackDeclarations
from cdk_workmail._validation import check_type, invalid
from cdk_workmail.export import MailboxExport
from cdk_workmail.group import WorkMailGroup
from cdk_workmail.provider import WorkMailProvider
from cdk_workmail.registration import WorkMailRegistration
from cdk_workmail.resource import WorkMailResource
from cdk_workmail.user import WorkMailUser
from cdk_workmail_file import Entry, OrganizationFile, check, read, read_csv

DEFAULT_CONCURRENCY = 3
_CONSTRUCTS: Mapping[str, Callable[..., Entity]] = {
    "users": WorkMailUser,
    "groups": WorkMailGroup,
    "resources": WorkMailResource,
}
_OF_REGISTRATIONS = ("email", "aliases", "remove_other_aliases")
_RETAINED = (RemovalPolicy.RETAIN, RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
# No key of an entry has a dollar sign, so that these ids are free.
_EXPORT, _GUARD, _STACK = "$Export", "$Guard", "$Stack"


class WorkMailRoster(Construct):
    """The users, groups, resources and mailboxes that an organization file declares.

    Each entry is the construct that you would declare yourself, with its own custom resource and
    with the entry's key as construct id. Rename a key, or change `stacks`, and no mailbox is
    touched.

    With `stacks` the entries are in that many nested stacks. The nested stack of an entry follows
    from its key alone, so that another entry never moves it. Members and delegates are declared in
    the roster's own stack, after all nested stacks.

    CloudFormation works on `concurrency` entries at a time, over all nested stacks together, so
    that WorkMail throttles few requests.

    An update that removes more than `maximum_removals` fails before anything is changed. It says
    how many entries it would remove, names the first ten and how to allow it once. Rollbacks and
    the deletion of the whole stack pass; CloudFormation's termination protection guards against
    the latter. Entries with RETAIN do not count, nor those that are declared elsewhere.

    Raises ValueError with every error of the file, each with file, line, path, value and what is
    allowed.

    Termination protection:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
    """

    organization_id: str
    """The organization's id."""

    provider: WorkMailProvider
    """The function that does what is declared here."""

    mailbox_export: MailboxExport | None
    """Where SNAPSHOT exports to."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: str | PathLike[str] | Mapping[str, Any],
        stacks: int = 1,
        removal_policy: RemovalPolicy | None = None,
        mailbox_export: MailboxExport | None = None,
        maximum_removals: float = 0.25,
        concurrency: int = DEFAULT_CONCURRENCY,
        organization_id: str | None = None,
        organization_region: str | None = None,
        provider: WorkMailProvider | None = None,
        revision: str | None = None,
    ) -> None:
        """Declares all entries.

        :param source: The path of an organization file, of a `.csv` file of mailboxes with the
            columns entity_id, email and perhaps aliases, removal_policy and key, or what an
            organization file contains as a dict.
        :param stacks: How many nested stacks share the entries. By default they are in the stack
            itself, which has 500 resources at most. If they do not fit, the error says how many
            nested stacks do.
        :param removal_policy: What happens to the mailboxes of removed entries that the file gives
            no policy for: DESTROY by default, which deregisters them.
        :param mailbox_export: Where SNAPSHOT exports to; by default what the file declares.
        :param maximum_removals: How many entries one update may remove: a number such as 40, or a
            share such as 0.25, the default, which counts once there are ten entries.
        :param concurrency: How many entries CloudFormation works on at a time.
        :param organization_id: The organization of a `.csv` file; other sources contain it.
        :param organization_region: Where the organization of a `.csv` file is: us-east-1, us-west-2
            or eu-west-1. By default the stack's region.
        :param provider: The function to use; by default the stack's own.
        :param revision: Any text, for entries that neither have one nor get one from the file. When
            it changes, the next deployment compares everything with WorkMail again and repairs it.
        """
        super().__init__(scope, id)
        self._check_number("stacks", stacks)
        self._check_number("concurrency", concurrency)
        check_type(self, "removal_policy", removal_policy, RemovalPolicy)
        check_type(self, "mailbox_export", mailbox_export, MailboxExport)
        check_type(self, "provider", provider, WorkMailProvider)
        file = self._read(source, organization_id, organization_region, mailbox_export is not None)
        self._check_size(file, stacks)
        self._file = file
        self._removal_policy = removal_policy
        self._revision = revision
        declarations = StackDeclarations.of(self)
        declarations.check_region(self, file.organization_region)
        self.organization_id = file.organization_id
        self.provider = provider or declarations.provider
        self.mailbox_export = mailbox_export or self._create_export()
        if self.mailbox_export is None and self._removal_policy is RemovalPolicy.SNAPSHOT:
            raise ValueError(
                f"{self.node.path}: removal_policy SNAPSHOT must come with mailbox_export, got "
                f"none: create a MailboxExport, or add it to {file.path}"
            )
        organization = Organization(
            self,
            declarations,
            self.provider,
            file.organization_id,
            file.organization_region,
            None,
        )
        guard = self._create_guard(organization, self._share(maximum_removals))
        earlier = len(declarations.member_lists)
        if stacks == 1:
            lanes = Lanes(concurrency, [guard])
            for entry in file.entries:
                self._declare(self, entry, lanes)
        else:
            if self.mailbox_export:
                # Here, and as long as there is an export: nested stacks export what they remove.
                organization.permissions.on_export(
                    self.mailbox_export, file.organization_id, file.organization_region
                )
            lanes = Lanes(concurrency, self._nest(declarations, stacks, concurrency, guard))
        # Nothing waits for member lists, which may wait for any entry.
        for member_list in declarations.member_lists[earlier:]:
            lanes.add(member_list, member_list)

    def _nest(
        self, declarations: StackDeclarations, stacks: int, concurrency: int, guard: CfnResource
    ) -> list[CfnResource]:
        """Declares all entries in nested stacks, which it returns."""
        placed: dict[int, list[Entry]] = {}
        for entry in self._file.entries:
            placed.setdefault(place(entry.key, stacks), []).append(entry)
        nested_stacks: list[CfnResource] = []
        for number, lane_count in zip(
            sorted(placed), lanes_of(concurrency, len(placed)), strict=True
        ):
            nested = NestedStack(self, f"{_STACK}{number + 1}")
            resource = cast(CfnResource, nested.nested_stack_resource)
            resource.add_resource_dependency(guard)
            if len(nested_stacks) >= concurrency:
                resource.add_resource_dependency(nested_stacks[-concurrency])
            nested_stacks.append(resource)
            own = StackDeclarations(nested, declarations)
            lanes = Lanes(lane_count, [own.announce(self.organization_id)])
            own.announces_in_lanes = True
            for entry in placed[number]:
                self._declare(nested, entry, lanes)
            own.announces_in_lanes = False
        return nested_stacks

    def _declare(self, scope: Construct, entry: Entry, lanes: Lanes) -> None:
        options = dict(entry.options)
        where: dict[str, Any] = {
            "organization_id": self.organization_id,
            "organization_region": self._file.organization_region,
            "provider": self.provider,
            "revision": options.pop("revision", self._revision),
        }
        policy = self._mailbox_policy(entry)
        removal: dict[str, Any] = {
            "removal_policy": policy,
            "mailbox_export": self.mailbox_export if policy is RemovalPolicy.SNAPSHOT else None,
        }
        if entry.section == "mailboxes":
            registration = WorkMailRegistration(scope, entry.key, **(options | removal), **where)
            resource = resource_of(registration)
            lanes.add(resource, resource)
            return
        options.pop("mailbox_removal_policy", None)
        registered = {name: options.pop(name) for name in _OF_REGISTRATIONS if name in options}
        if "adopt_existing" in options:
            registered["adopt_existing"] = options["adopt_existing"]
        if "removal_policy" in options:
            options["removal_policy"] = RemovalPolicy[options["removal_policy"]]
        entity = _CONSTRUCTS[entry.section](scope, entry.key, **options, **where)
        first = last = resource_of(entity)
        if "email" in registered:
            last = resource_of(entity.enable(**registered, **removal))
        lanes.add(first, last)

    def _create_guard(self, organization: Organization, maximum_removals: str) -> CfnResource:
        removable: list[str] = []
        retained: list[str] = []
        for entry in self._file.entries:
            name = entry.options["entity_id" if entry.section == "mailboxes" else "name"]
            if "email" in entry.options:
                is_retained = self._mailbox_policy(entry) in _RETAINED
                (retained if is_retained else removable).append(f"registration/{name}")
            if entry.section != "mailboxes":
                is_retained = entry.options.get("removal_policy", "RETAIN") == "RETAIN"
                (retained if is_retained else removable).append(f"{entry.section[:-1]}/{name}")
        return organization.create_resource(
            self,
            _GUARD,
            "Custom::WorkMailRemovalGuard",
            REGISTRATION,
            {"Entries": removable, "Retained": retained, "MaximumRemovals": maximum_removals},
        )

    def _create_export(self) -> MailboxExport | None:
        declared = self._file.document.get("mailbox_export")
        if not declared:
            return None
        options: Mapping[str, Any] = {} if declared is True else declared
        hours = options.get("maximum_age_hours")
        return MailboxExport(
            self,
            _EXPORT,
            prefix=options.get("prefix"),
            maximum_age=None if hours is None else Duration.hours(hours),
        )

    def _mailbox_policy(self, entry: Entry) -> RemovalPolicy | None:
        name = entry.mailbox_removal_policy
        return RemovalPolicy[name] if name else self._removal_policy

    def _read(
        self,
        source: str | PathLike[str] | Mapping[str, Any],
        organization_id: str | None,
        organization_region: str | None,
        has_export: bool,
    ) -> OrganizationFile:
        if isinstance(source, (str, PathLike)) and Path(source).suffix.lower() == ".csv":
            if organization_id is None:
                raise invalid(self, "organization_id", "given with a .csv file", None)
            return read_csv(
                Path(source),
                organization_id=organization_id,
                organization_region=organization_region,
                has_export=has_export,
            )
        for option, given in (
            ("organization_id", organization_id),
            ("organization_region", organization_region),
        ):
            if given is not None:
                raise invalid(self, option, "in the source, except for a .csv file", given)
        if isinstance(source, Mapping):
            return check(source, f"{self.node.path}: source", has_export=has_export)
        if not isinstance(source, (str, PathLike)):
            raise invalid(self, "source", "a path or a dict", source)
        return read(Path(source), has_export=has_export)

    def _check_number(self, option: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise invalid(self, option, "a whole number of at least 1", value)

    def _check_size(self, file: OrganizationFile, stacks: int) -> None:
        lists = count_member_lists(file.entries)
        if lists > MOST_RESOURCES:
            raise ValueError(
                f"{self.node.path}: {file.path} must have at most {MOST_RESOURCES} entries with "
                f"members, delegates or booking options, got {lists}: declare some of them in a "
                f"roster in another stack"
            )
        if not fits(file.entries, stacks):
            raise ValueError(
                f"{self.node.path}: stacks must be at least {fewest_stacks(file.entries)} for the "
                f"{len(file.entries)} entries of {file.path}, got {stacks}: a stack has 500 "
                f"resources at most"
            )

    def _share(self, maximum_removals: float) -> str:
        """As the function reads it: a number, or a share such as 25%."""
        is_number = isinstance(maximum_removals, int) and not isinstance(maximum_removals, bool)
        if is_number and maximum_removals >= 0:
            return str(maximum_removals)
        if isinstance(maximum_removals, float) and 0 <= maximum_removals <= 1:
            return f"{maximum_removals * 100:g}%"
        allowed = "a whole number, or a share from 0.0 to 1.0"
        raise invalid(self, "maximum_removals", allowed, maximum_removals)
