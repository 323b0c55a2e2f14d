"""Users, a group with its members, and a room with its delegate, all with mailboxes."""

from aws_cdk import App, Stack

from cdk_workmail import WorkMailGroup, WorkMailResource, WorkMailResourceType, WorkMailUser

ORGANIZATION = {
    "organization_id": "m-0123456789abcdef0123456789abcdef",
    "organization_region": "us-east-1",
}
app = App()
stack = Stack(app, "Team")
dora = WorkMailUser(stack, "Dora", **ORGANIZATION, name="dora", display_name="Dora Dean")
emil = WorkMailUser(stack, "Emil", **ORGANIZATION, name="emil", display_name="Emil Ekman")
sales = WorkMailGroup(
    stack, "Sales", **ORGANIZATION, name="sales", members=[dora.user_id, emil.user_id]
)
room = WorkMailResource(
    stack,
    "BlueRoom",
    **ORGANIZATION,
    name="blue-room",
    type=WorkMailResourceType.ROOM,
    auto_accept_requests=False,
    delegates=[dora.user_id],
)
dora.enable(email="dora@example.com")
emil.enable(email="emil@example.com", aliases=["office@example.com"])
sales.enable(email="sales@example.com")
room.enable(email="blue-room@example.com")
app.synth()
