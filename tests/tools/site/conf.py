# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the documentation site; `make docs` calls it."""

project = "virtual.datacenter"
author = "the virtual.datacenter contributors"
copyright = author  # noqa: A001 # Sphinx names it so.
html_title = project
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False

extensions = ["myst_parser", "sphinx_antsibull_ext"]
include_patterns = [
    "index.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "collections/**",
    "docs/*.md",
    "roles/*/README.md",
]
# Links to headings, as a forge makes them.
myst_heading_anchors = 3
highlight_language = "text"

# A reference that leads nowhere is an error. Those to Ansible and other collections lead elsewhere.
nitpicky = True
nitpick_ignore_regex = [
    ("std:ref", r"ansible_collections\.(?!virtual\.datacenter\.).*"),
    ("std:ref", r"(action|callback)_plugins|ansible_configuration_settings|common_return_values"),
    ("std:envvar", r"ANSIBLE_.*"),
]
