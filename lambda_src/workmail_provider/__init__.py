"""The function behind the custom resources of cdk-workmail."""
