"""The calls to Amazon WorkMail, with every error as a sentence."""
