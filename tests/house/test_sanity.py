# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity of what ships, on a copy at the address that it wants; the tests have linters of their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support import CACHE, copy_checkout, run

# ansible-test fetches a pip installer from its own site; ensurepip does the same without a network.
INSTALLER = "import ensurepip\n\nensurepip.bootstrap()\n"


def pip_installers() -> list[str]:
    """Return the file names under which ansible-test looks for the installer in its cache."""
    source = run(
        ["python", "-c", "import ansible_test._internal.python_requirements as m; print(m.__file__)"]
    ).require()
    text = Path(source.strip()).read_text(encoding="utf-8")
    versions = re.findall(r"'(\d+\.\d+(?:\.\d+)?)'", text)
    return [f"get_pip_{version.replace('.', '_')}.py" for version in versions]


@pytest.mark.timeout(1500)
def test_sanity(tmp_path: Path) -> None:
    collection = copy_checkout(tmp_path / "ansible_collections/modelops/serving")
    for name in ("tests", "molecule", "tools"):
        shutil.rmtree(collection / name)
    # The tests' own environments are kept from run to run; a home of their own keeps everything else out.
    home = CACHE / "ansible-test"
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in pip_installers():
        (cache / name).write_text(INSTALLER, encoding="utf-8")
    run(
        ["ansible-test", "sanity", "--color", "no", "--python", "3.11"],
        cwd=collection,
        env={"HOME": str(home)},
        timeout=1400,
    ).require()
    assert not list(collection.glob("tests/sanity/ignore*"))
