#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_removal
author: the modelops.serving authors (@modelops)
short_description: Remove K3s and everything it left from a host
version_added: 0.1.0
description:
  - Ends the unit and what still runs in containers, unmounts, removes network links and packet filter rules, and at
    last the folders and the program. The data of the cluster is lost.
  - A file system that somebody mounted below one of the folders stays as it is.
  - A run that was cut off is gone on with by the next one, since the program goes last.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options: {}
"""

EXAMPLES = r"""
- name: Give the host back
  modelops.serving.k3s_removal:
"""

RETURN = r"""
removed:
  description: What was there, as text.
  returned: success
  type: list
  elements: str
  sample: [unit k3s, link cni0, /var/lib/rancher/k3s]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.k3s import clear_host


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        found = clear_host(dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(**found)


if __name__ == "__main__":
    main()
