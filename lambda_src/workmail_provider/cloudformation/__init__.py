"""The custom resource protocol: requests, responses, and what CloudFormation knows of the stack."""
