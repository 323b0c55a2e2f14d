"""The Lambda function that exports the mailboxes of an organization and verifies the exports."""
