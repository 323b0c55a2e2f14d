"""The organization of a request, as its resource type may use it."""

from __future__ import annotations

from functools import cache

from workmail_provider.cloudformation.ownership import status_if_over
from workmail_provider.cloudformation.request import Invocation
from workmail_provider.errors import RequestFailed
from workmail_provider.resources import declarations
from workmail_provider.retry import Retry
from workmail_provider.workmail.organization import Organization


def organization(invocation: Invocation, organization_id: str) -> Organization:
    """The one with this id, in the Region that the request declares.

    An Update that comes late changes nothing in it: a later one may have declared something else.
    """
    region = declarations.organization_region(invocation.request.properties)

    @cache
    def refuse_late_update() -> None:
        if invocation.request.request_type != "Update":
            return
        # Repeated here: to the caller, NotReady would be about the change itself.
        retry = Retry(invocation.retry.deadline, invocation.retry.clock)
        status = retry.call(lambda: status_if_over(invocation))
        if status:
            raise RequestFailed(
                f"the stack is {status}: CloudFormation no longer waits for this update, "
                "so nothing was changed"
            )

    client = invocation.clients("workmail", region)
    return Organization(client, organization_id, invocation.retry, refuse_late_update)
