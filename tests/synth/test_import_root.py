from __future__ import annotations

import subprocess
import sys

from tests.synth.conftest import ROOT


def test_the_folder_constructs_is_no_package() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_the_library_constructs_is_found_from_the_projects_root() -> None:
    asked = "import constructs, sys; sys.stdout.write(constructs.Construct.__jsii_type__)"
    # Not isolated: the folder it runs in comes first on the path, as for anybody's app.py.
    found = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "constructs.Construct"
