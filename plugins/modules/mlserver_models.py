#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring models into a running MLServer without a restart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlserver_models
author: the modelops.serving authors (@modelops)
short_description: Bring models into a running MLServer
version_added: 0.1.0
description:
  - Installs each model as folder C(<name>_<version>) of MLServer's repository, loads it through the repository API, and
    waits until it is ready. The server is not restarted.
  - Loads every new folder once in a process of its own, before it enters the repository. A model that cannot be loaded
    is refused with the loader's own words, and nothing is changed. MLServer itself would end at its next start.
  - Replaces a folder in one step, keeps the one before until the server has loaded the new one, and puts it back when
    the server does not.
  - An interrupted run leaves unfinished work beside the repository only, in C(<repository>.staging). The next run
    finishes it or takes it back. One run at a time works on a repository, the next one waits for it.
  - Compares the files' contents, so a second run changes nothing.
notes:
  - C(__pycache__) folders are no part of a model.
  - The server need not run yet. Folders are installed meanwhile, then it is waited for.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: partial
    details: New folders are not proven, and where no server answers, it is taken to load what it finds.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  url:
    description: MLServer's own HTTP address.
    type: str
    required: true
  repository:
    description: The folder that MLServer works in, with its C(settings.json). It must exist, except in check mode.
    type: path
    required: true
  models:
    description: The models that the server is to have.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the model. Lower-case letters, digits and C(-).
        type: str
        required: true
      version:
        description: Version of the model. Several versions can be there side by side.
        type: int
        default: 1
      storage_uri:
        description:
          - Absolute path of the folder with the model's files, on the host that the module runs on.
          - A C(model-settings.json) in it is kept, but for the name and the version.
        type: str
        required: true
      requirements:
        description:
          - What a server needs to have to run the model. One of them names the runtime, which is V(huggingface),
            V(lightgbm), V(mlflow), V(sklearn) or V(xgboost), unless a C(model-settings.json) of the model's own names
            an implementation.
        type: list
        elements: str
        default: []
  python:
    description: The Python interpreter of MLServer's environment, which proves new folders.
    type: path
    required: true
  purge:
    description: Whether to unload and remove every other model. Move the routes away from them before.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for another run, for the proof of a model, for the server, and for a model, each.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Serve a model
  modelops.serving.mlserver_models:
    url: http://127.0.0.1:18100
    repository: /srv/serving/mlserver/financial-inference
    python: /srv/serving/venv/bin/python
    models:
      - name: baseline-predictor
        version: 2
        storage_uri: /srv/models/baseline-predictor
        requirements: [sklearn]

- name: Remove what is no longer wanted
  modelops.serving.mlserver_models:
    url: http://127.0.0.1:18100
    repository: /srv/serving/mlserver/financial-inference
    python: /srv/serving/venv/bin/python
    models: "{{ serving_models | selectattr('namespace', 'equalto', 'financial-inference') }}"
    purge: true
"""

RETURN = r"""
loaded:
  description: The models that were loaded, or loaded again, as C(<name>_<version>).
  returned: success
  type: list
  elements: str
  sample: [baseline-predictor_2]
superfluous:
  description: The folders in the repository that were not wanted.
  returned: success
  type: list
  elements: str
  sample: [baseline-predictor_1]
unloaded:
  description: Those of them that were unloaded and removed, which needs O(purge=true).
  returned: success
  type: list
  elements: str
refused:
  description: Why a model cannot be loaded, by its C(<name>_<version>).
  returned: when a model was refused
  type: dict
  sample: {baseline-predictor_2: EOFError}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.model_delivery import ARGUMENTS, deliver_from


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = deliver_from(module.params, dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
