"""The command `cdk-workmail`: reads an organization, never changes it, and loads no CDK."""
