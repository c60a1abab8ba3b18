#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: files
author: the modelops.serving authors (@modelops)
short_description: Write many folders, files and links in one call
version_added: 0.1.0
description:
  - Makes folders, writes files with given content, makes links and removes files, all in one module run.
    A run costs far more than a file, so this is what a role with many small files wants.
  - Looks at everything before it writes anything. A file is written beside and moved into place.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  folders:
    description: Folders, made with their parents before any file.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Mode, octal and as text.
        type: str
        default: "0755"
  files:
    description: Files. The folder of each must exist or be one of O(folders).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      mode:
        description: Mode, octal and as text.
        type: str
        default: "0644"
      replace:
        description: Whether an existing file is brought to O(files[].content) and O(files[].mode), or stays as it is.
        type: bool
        default: true
  secrets:
    description: Files whose content shows in no log and in no diff.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      mode:
        description: Mode, octal and as text.
        type: str
        default: "0600"
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      target:
        description: Where it points, as it is to be written.
        type: str
        required: true
      replace:
        description: Whether what is there already is brought to O(links[].target), or stays, whatever it is.
        type: bool
        default: true
  absent:
    description: Files and links that are not to be there. Folders are never removed.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Write the settings of a server
  modelops.serving.files:
    folders:
      - path: /srv/serving/server
        mode: "0700"
    files:
      - path: /srv/serving/server/settings.json
        content: "{{ {'http_port': 8080} | to_nice_json }}"
        mode: "0600"
    secrets:
      - path: /srv/serving/server/token
        content: "{{ server_token }}"
"""

RETURN = r"""
paths:
  description: The folders and files that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/srv/serving/server/settings.json]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.file_tree import ARGUMENTS, bring_about


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        steps = bring_about(module.params, dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(
        changed=bool(steps),
        paths=[step.wanted.path for step in steps],
        diff=[step.as_diff() for step in steps],
    )


if __name__ == "__main__":
    main()
