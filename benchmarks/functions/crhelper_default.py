"""For crhelper with its defaults."""

from crhelper import CfnResource

from benchmarks.functions.with_crhelper import handler_of

handler = handler_of(CfnResource())
