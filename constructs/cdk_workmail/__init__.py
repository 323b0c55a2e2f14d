"""Amazon WorkMail for the AWS CDK."""
