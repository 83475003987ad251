#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_probe_info
short_description: Measure for how long an HTTP endpoint does not answer
version_added: 0.1.0
description:
  - Asks an HTTP or HTTPS endpoint again and again, by a new connection each time, without waiting
    for the question before, and tells which questions were not answered.
  - Run it in the background with C(async), break something, and read the result. That is how
    the playbook C(demo_failover.yml) measures.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
options:
  url:
    description:
      - The URL that is asked for with C(GET).
    type: str
    required: true
  status:
    description:
      - The HTTP status that counts as an answer.
    type: int
    default: 200
  ca_data:
    description:
      - The certificates, as PEM text, of the authority that must have signed that of the endpoint.
        Without it the system's authorities count.
    type: str
  server_name:
    description:
      - The name that the certificate must have, where it is not that of O(url).
    type: str
  interval_ms:
    description:
      - Milliseconds between two questions, at least 10.
    type: int
    default: 100
  timeout_ms:
    description:
      - Milliseconds that an answer may take, with the connection.
    type: int
    default: 1000
  duration_seconds:
    description:
      - For how many seconds questions are asked.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Ask the API ten times a second for half a minute
  virtual.datacenter.endpoint_probe_info:
    url: https://192.0.2.10:6443/readyz
    ca_data: "{{ lookup('ansible.builtin.file', 'ca.crt') }}"
  async: 60
  poll: 0
  delegate_to: localhost
  register: probe

- name: Kill a load balancer's haproxy
  ansible.builtin.command:
    argv: [systemctl, kill, --signal=KILL, haproxy]

- name: Read for how long the API did not answer
  ansible.builtin.async_status:
    jid: "{{ probe.ansible_job_id }}"
  delegate_to: localhost
  register: probe_end
  until: probe_end is finished
  retries: 60
  delay: 1
"""

RETURN = r"""
questions:
  description: How many questions were asked.
  returned: success
  type: int
  sample: 300
lost:
  description: How many of them got no answer, or another status.
  returned: success
  type: int
  sample: 12
gaps:
  description:
    - The times without an answer, in order. Each has C(began), the time of the first question that
      was lost, as ISO 8601 in UTC; C(length_ms), from there to the first question that was answered
      again, in milliseconds; C(lost), how many were lost; C(error), what the first of them met;
      and C(ended), false if the endpoint did not answer until the end.
  returned: success
  type: list
  elements: dict
  sample:
    - {began: '2026-11-29T10:00:00.123Z', length_ms: 1200, lost: 12, error: timed out, ended: true}
longest_gap_ms:
  description: The length of the longest of the gaps in milliseconds. V(0) if there is none.
  returned: success
  type: int
  sample: 1200
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: INVALID_OPTION
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._endpoint import probe


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "status": {"type": "int", "default": 200},
            "ca_data": {"type": "str"},
            "server_name": {"type": "str"},
            "interval_ms": {"type": "int", "default": 100},
            "timeout_ms": {"type": "int", "default": 1000},
            "duration_seconds": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        endpoint = probe.Endpoint(
            given["url"],
            given["status"],
            given["timeout_ms"],
            given["ca_data"],
            given["server_name"],
        )
        answers = probe.ask(endpoint.ask, given["interval_ms"], given["duration_seconds"])
    except TaskError as error:
        module.fail_json(**error.as_result())
    module.exit_json(changed=False, **probe.summary(answers))


if __name__ == "__main__":
    main()
