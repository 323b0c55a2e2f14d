"""A user of an organization."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_workmail._entity import Entity, Kind
from cdk_workmail._literals import IDENTITY_PROVIDER_USER_ID, USER_NAME, USER_ROLE, text
from cdk_workmail._permissions import USER, USER_DELETION, USER_PASSWORD
from cdk_workmail.provider import WorkMailProvider

_TEXTS = (
    "display_name",
    "first_name",
    "last_name",
    "initials",
    "telephone",
    "street",
    "job_title",
    "city",
    "company",
    "zip_code",
    "department",
    "country",
    "office",
)
_KIND = Kind(
    word="User",
    name=USER_NAME,
    attributes={
        **{option: text(option, 256) for option in _TEXTS},
        "role": USER_ROLE,
        "identity_provider_user_id": IDENTITY_PROVIDER_USER_ID,
    },
    permission=USER,
    deletion=USER_DELETION,
)
_PASSWORD_LENGTH = 32
# Of what people or programs take for the end of a word or of a string.
_NOT_IN_PASSWORDS = "\"'`\\ "


class WorkMailUser(Entity):
    """A user of an Amazon WorkMail organization.

    Deployed, the user is there with what is declared here; what is not declared is left as it is.
    A user of that name who is there already is taken over. A changed name is refused, because
    WorkMail cannot rename a user, and a user deleted and made again is another one without the
    mailbox. The user has no mailbox yet: enable it with `enable`, or with a `WorkMailRegistration`
    whose `entity_id` is `user_id`.

    Removed, the user stays, because deleting one is for good; `RemovalPolicy.DESTROY` deletes.

    Unless a password is given, Secrets Manager makes one, in a secret that stays when it leaves the
    stack. The function reads it at the moment when it makes the user, and again only when
    `reset_password` changes. So it is not the password of a user who was there before, and after
    the construct was renamed or moved the new secret is not it either, until it is reset.

    Tokens are welcome in every string, and literals are checked at once, as in
    `WorkMailRegistration`.

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
        role: str | None = None,
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
    ) -> None:
        """Declares that the user is there.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: What the user signs in with, 1 to 64 characters. It cannot be changed.
        :param display_name: What others see, at most 256 characters, as all attributes.
        :param first_name: The first name.
        :param last_name: The last name.
        :param role: USER or REMOTE_USER; WorkMail makes a USER unless given.
        :param hidden_from_global_address_list: Whether the address book leaves the user out.
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
        :param password: A secret whose whole text is the password, in the stack's region. Unless
            given, and without `identity_provider_user_id`, one is generated: 32 letters, digits and
            punctuation. Each secret costs what Secrets Manager takes for it.
        :param reset_password: A text, such as a date; never the password. When it changes, the
            user's password becomes what the secret holds at that moment. A new version of the
            secret alone resets nothing, and neither does a rollback. Refused without a secret.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            Unless given, the region that the stack is deployed to.
        :param adopt_existing: A user of this name who is there already is taken over. With False
            the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the user leaves the stack. Unless given it is
            RETAIN, and nothing does. DESTROY deletes the user for good, but not in a
            rollback. The others are refused; SNAPSHOT is for registrations, which have the
            mailbox.
        :param provider: The function to use; one of the stack's own unless given.
        """
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
        )
        if password is not None:
            self._declarations.check_password(self, password)
        elif identity_provider_user_id is None:
            password = self._generate(name)
        elif reset_password is not None:
            raise ValueError(
                f"{self.node.path}: reset_password must come with password, got "
                f"identity_provider_user_id alone: there is no secret to reset it to"
            )
        if reset_password == "":
            raise ValueError(f"{self.node.path}: reset_password must be a text, got ''")
        self.password = password
        self._make_entity(
            {
                "display_name": display_name,
                "first_name": first_name,
                "last_name": last_name,
                "role": role,
                "hidden_from_global_address_list": hidden_from_global_address_list,
                "initials": initials,
                "telephone": telephone,
                "street": street,
                "job_title": job_title,
                "city": city,
                "company": company,
                "zip_code": zip_code,
                "department": department,
                "country": country,
                "office": office,
                "identity_provider_user_id": identity_provider_user_id,
            },
            PasswordSecretArn=password.secret_arn if password else None,
            ResetPassword=reset_password,
        )
        if password is not None:
            self._resource.add_resource_dependency(self._permissions.on_password(password))
        if reset_password is not None:
            self._permit(USER_PASSWORD)

    @property
    def user_id(self) -> str:
        """The user's id in WorkMail."""
        return self._entity_id

    def _generate(self, name: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            "Password",
            description=f"Password of the Amazon WorkMail user {name}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=_PASSWORD_LENGTH,
                exclude_characters=_NOT_IN_PASSWORDS,
            ),
            # The user stays as well.
            removal_policy=RemovalPolicy.RETAIN,
        )
