"""A user of an organization."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Literal

from aws_cdk import CfnResource, RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_workmail._actions import USER, USER_DELETION, USER_PASSWORD
from cdk_workmail._entity import Entity, EntityKind, to_api_parameters
from cdk_workmail._permissions import depend
from cdk_workmail._validation import (
    IDENTITY_PROVIDER_USER_ID,
    USER_NAME,
    USER_ROLE,
    invalid,
    text,
)
from cdk_workmail.provider import WorkMailProvider

_HIDDEN = "hidden_from_global_address_list"
# CreateUser takes these. UpdateUser takes all, and WorkMail may refuse it for a disabled user.
_CREATED_WITH = {
    "display_name",
    "first_name",
    "last_name",
    "role",
    _HIDDEN,
    "identity_provider_user_id",
}
_PASSWORD_LENGTH = 32
# Characters that end a word or a string in shells and programs.
_NOT_IN_PASSWORDS = "\"'`\\ "


class WorkMailUser(Entity):
    """A user of an Amazon WorkMail organization.

    An existing user of that name is adopted, and what you do not declare stays as it is. WorkMail
    cannot rename a user, so a changed name is refused. The user has a mailbox once you enable
    it, with `enable` or with a `WorkMailRegistration` of its `user_id`. Prefer
    `enable`: WorkMail may refuse to set the attributes from `initials` to `office` on a disabled
    user, and with `enable` they are set after the user is enabled.

    Deletion is permanent, so a removed user is retained unless you set `RemovalPolicy.DESTROY`.

    Unless you give a password, Secrets Manager generates one, in a secret that is retained. The
    function reads it when it creates the user, and again only when `reset_password` changes. So it
    is not the password of an adopted user, nor is the new secret of a renamed or moved construct,
    until you reset it.

    Every string can be a token. Literals are checked at synth, as in `WorkMailRegistration`:
    ValueError names the construct, the value and what is allowed.

    CreateUser: https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateUser.html
    UpdateUser: https://docs.aws.amazon.com/workmail/latest/APIReference/API_UpdateUser.html
    """

    password: secretsmanager.ISecret | None
    """The secret with the password; None for a user of an identity provider without one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        name: str,
        display_name: str,
        first_name: str | None = None,
        last_name: str | None = None,
        role: Literal["USER", "REMOTE_USER"] | None = None,
        hidden_from_global_address_list: bool | None = None,
        initials: str | None = None,
        telephone: str | None = None,
        street: str | None = None,
        job_title: str | None = None,
        city: str | None = None,
        company: str | None = None,
        zip_code: str | None = None,
        department: str | None = None,
        country: str | None = None,
        office: str | None = None,
        identity_provider_user_id: str | None = None,
        password: secretsmanager.ISecret | None = None,
        reset_password: str | None = None,
        organization_region: str | None = None,
        adopt_existing: bool = True,
        removal_policy: RemovalPolicy | None = None,
        provider: WorkMailProvider | None = None,
        revision: str | None = None,
    ) -> None:
        """Declares that the user exists.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: The name to sign in with, 1 to 64 characters. It cannot be changed.
        :param display_name: The name that others see, at most 256 characters, as all attributes.
        :param first_name: The first name.
        :param last_name: The last name.
        :param role: USER or REMOTE_USER; WorkMail's default is USER.
        :param hidden_from_global_address_list: Whether the address book omits the user.
        :param initials: The initials.
        :param telephone: The telephone number.
        :param street: The street.
        :param job_title: The job title.
        :param city: The city.
        :param company: The company.
        :param zip_code: The postal code.
        :param department: The department.
        :param country: The country.
        :param office: The office.
        :param identity_provider_user_id: The user's id in IAM Identity Center. No password is
            generated for such a user.
        :param password: A secret that holds the password as its whole text, in the stack's region.
            By default, without `identity_provider_user_id`, one is generated: 32 letters, digits
            and punctuation. Secrets Manager charges for each secret.
        :param reset_password: A text, such as a date; never the password. When it changes, the
            password is reset to what the secret holds at that time. A new version of the secret
            alone resets nothing, and neither does a rollback. Refused without a secret.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            By default the stack's region.
        :param adopt_existing: By default an existing user of this name is adopted. With False the
            deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the user leaves the stack: RETAIN, the default, or
            DESTROY, which deletes it permanently, but not in a rollback.
        :param provider: The function to use; by default the stack's own.
        :param revision: Any text. When it changes, the next deployment compares everything with
            WorkMail again and repairs it, although nothing else has changed.
        """
        given = locals()
        super().__init__(
            scope,
            id,
            kind=_KIND,
            organization_id=organization_id,
            name=name,
            organization_region=organization_region,
            adopt_existing=adopt_existing,
            removal_policy=removal_policy,
            provider=provider,
            revision=revision,
        )
        self._check_password(password, reset_password, identity_provider_user_id)
        generated = None
        if password is None and identity_provider_user_id is None:
            password = generated = self._generate(name)
        self.password = password
        attributes = {option: given[option] for option in _ATTRIBUTES}
        self._updated_with = to_api_parameters(
            {option: attributes[option] for option in _ATTRIBUTES if option not in _CREATED_WITH}
        )
        self._create_entity(
            attributes,
            PasswordSecretArn=password.secret_arn if password else None,
            ResetPassword=reset_password,
        )
        permissions = self._organization.permissions
        if generated:
            depend(self._resource, permissions.on_generated_password(generated))
        elif password:
            depend(self._resource, permissions.on_given_password(password))
        if reset_password is not None:
            self._organization.permit(self._resource, USER_PASSWORD)

    @property
    def user_id(self) -> str:
        """The user's id in WorkMail."""
        return self._entity_id

    def _move_attributes(self, registration: CfnResource) -> None:
        if not self._updated_with:
            return
        for name in self._updated_with:
            self._resource.add_property_deletion_override(f"Attributes.{name}")
        registration.add_property_override("UserAttributes", self._updated_with)
        self._organization.permit(registration, USER)

    def _check_password(
        self,
        password: secretsmanager.ISecret | None,
        reset_password: str | None,
        identity_provider_user_id: str | None,
    ) -> None:
        path = self.node.path
        if password is not None:
            if not hasattr(password, "secret_arn"):
                # The value can be a password, which no error may show.
                raise ValueError(
                    f"{path}: password must be a secret of Secrets Manager, got a "
                    f"{type(password).__name__}"
                )
            self._organization.declarations.check_password(self, password)
        if reset_password is None:
            return
        if not isinstance(reset_password, str) or not reset_password:
            raise invalid(self, "reset_password", "a text that is not empty", reset_password)
        if password is None and identity_provider_user_id is not None:
            raise ValueError(
                f"{path}: reset_password must come with password, got "
                f"identity_provider_user_id alone: there is no secret to reset it to"
            )

    def _generate(self, name: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            "Password",
            description=f"Password of the Amazon WorkMail user {name}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=_PASSWORD_LENGTH,
                exclude_characters=_NOT_IN_PASSWORDS,
            ),
            # The user is retained as well.
            removal_policy=RemovalPolicy.RETAIN,
        )


def _options(construct: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(construct.__init__).parameters  # type: ignore[misc]


_ATTRIBUTES = [
    option
    for option in _options(WorkMailUser)
    if option not in {*_options(Entity), "password", "reset_password"}
]
_KIND = EntityKind(
    word="User",
    name=USER_NAME,
    attributes={
        **{option: text(option, 256) for option in _ATTRIBUTES if option != _HIDDEN},
        "role": USER_ROLE,
        "identity_provider_user_id": IDENTITY_PROVIDER_USER_ID,
    },
    required=frozenset({"display_name"}),
    permission=USER,
    deletion=USER_DELETION,
)
