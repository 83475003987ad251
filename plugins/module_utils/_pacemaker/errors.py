# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of failures around Pacemaker."""

from __future__ import annotations

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


class PacemakerError(TaskError):
    """Pacemaker's tools gave an answer that is of no use."""

    default_code = "PACEMAKER_ERROR"


class RefusedError(PacemakerError):
    """A change that the cluster did not take: somebody may have changed the same element."""

    outcome_unknown = True


class NotConnectedError(PacemakerError):
    """The cluster does not run on this node, or its tools are not installed."""

    default_code = "CLUSTER_NOT_RUNNING"


class InvalidConfigurationError(PacemakerError):
    """The configuration that was asked for is not one that Pacemaker accepts."""

    default_code = "INVALID_CONFIGURATION"


class ConflictError(PacemakerError):
    """Something in the live configuration stands in the way; a person has to decide."""

    default_code = "CONFLICT"
