"""For crhelper without its sleep on Delete."""

from crhelper import CfnResource

from benchmarks.functions.with_crhelper import handler_of

handler = handler_of(CfnResource(sleep_on_delete=0))
