"""The custom resource types, one module each: find, decide, act, wait."""
