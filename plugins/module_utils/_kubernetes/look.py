# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a machine's files and ask its cluster: what membership judges, and details tell."""

from __future__ import annotations

import base64
import glob
import os
import re
import tempfile
import typing as t
from contextlib import contextmanager

from ansible_collections.virtual.datacenter.plugins.module_utils._core import files, wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import (
    details,
    membership,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.https import (
    Answer,
    Identity,
    Server,
    UnreachableError,
    UntrustedError,
)

ETC = "/etc/kubernetes"
PKI = f"{ETC}/pki"
ADMIN = Identity(
    f"{PKI}/ca.crt", f"{PKI}/apiserver-kubelet-client.crt", f"{PKI}/apiserver-kubelet-client.key"
)
# The certificate above may read nodes only; this one may read everything.
ADMIN_CONF = f"{ETC}/admin.conf"
KUBELET_CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
KUBELET = Identity(f"{PKI}/ca.crt", KUBELET_CERTIFICATE, KUBELET_CERTIFICATE)
ETCD = Identity(
    f"{PKI}/etcd/ca.crt",
    f"{PKI}/etcd/healthcheck-client.crt",
    f"{PKI}/etcd/healthcheck-client.key",
)
LEFTOVERS = (
    *(f"{ETC}/{name}.conf" for name in ("kubelet", "bootstrap-kubelet", "admin", "super-admin")),
    *(f"{ETC}/{name}.conf" for name in ("controller-manager", "scheduler")),
    f"{ETC}/manifests/*.yaml",
    f"{PKI}/apiserver.crt",
    membership.ETCD_DATA,
    "/var/lib/kubelet/config.yaml",
)


def read_local(mark: str) -> membership.Local:
    try:
        with open(mark, encoding="utf-8") as data:
            begun = data.read().strip()
    except OSError:
        begun = ""
    # Somebody may have laid a CA of their own there before an init; after one of ours it is ours.
    patterns = (*LEFTOVERS, f"{PKI}/*") if begun else LEFTOVERS
    return membership.Local(
        mark=begun,
        kubelet_conf=os.path.exists(f"{ETC}/kubelet.conf"),
        static_pods=frozenset(
            name
            for name in membership.STATIC_PODS
            if os.path.exists(f"{ETC}/manifests/{name}.yaml")
        ),
        leftovers=tuple(path for pattern in patterns for path in sorted(glob.glob(pattern))),
    )


class Asker:
    """Asks servers and notes what goes wrong."""

    def __init__(self, server: str, timeout: int) -> None:
        self.host, _colon, port = server.rpartition(":")
        self.port = int(port)
        self.timeout = timeout
        self.unreachable: list[str] = []
        self.refused: list[str] = []

    def _ask(
        self, host: str, port: int, identity: Identity, path: str, body: t.Any = None
    ) -> Answer | None:
        try:
            answer = Server(host, port, identity, self.timeout).ask(path, body)
        except UnreachableError as error:
            self.unreachable.append(str(error))
            return None
        except UntrustedError as error:
            self.refused.append(str(error))
            return None
        if answer.status != 200:
            self.refused.append(f"{host}:{port}{path}: {answer.status}")
        return answer

    def api(self, identity: Identity, path: str) -> Answer | None:
        return self._ask(self.host.strip("[]"), self.port, identity, path)

    def etcd(self, path: str) -> Answer | None:
        return self._ask("127.0.0.1", 2379, ETCD, path, {})


def found(answer: Answer | None) -> bool:
    return answer is not None and answer.status == 200


@contextmanager
def administrator(folder: str) -> t.Iterator[Identity]:
    """Who admin.conf says, in a file in memory meanwhile: TLS reads it from files only."""
    try:
        with open(ADMIN_CONF, encoding="utf-8") as data:
            found = re.findall(r"client-(?:certificate|key)-data: *([A-Za-z0-9+/=]+)", data.read())
    except OSError:
        found = []
    if len(found) != 2:
        yield ADMIN
        return
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"\n".join(base64.b64decode(part) for part in found))
        file.flush()
        yield Identity(ADMIN.ca, file.name, file.name)


def ask_as_control_plane(
    asker: Asker, local: membership.Local, identity: Identity
) -> membership.Cluster:
    if not os.path.exists(ADMIN.key):
        return membership.Cluster()
    ready = asker.api(ADMIN, "/readyz")
    listed = asker.api(ADMIN, "/api/v1/nodes") if ready is not None else None
    etcd = asker.etcd("/v3/cluster/member/list")
    addons = None
    if local.initialises and ready is not None:
        addons = all(
            found(asker.api(identity, path))
            for path in (details.DNS, "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy")
        )
    nodes = None
    if listed is not None and found(listed):
        parsed = [membership.parse_node(item) for item in listed.document["items"]]
        nodes = {node.name: node for node in parsed}
    return membership.Cluster(
        api_ready=found(ready),
        nodes=nodes,
        etcd=membership.parse_etcd_members(etcd.document)
        if etcd is not None and found(etcd)
        else None,
        addons=addons,
        problems=tuple(asker.refused + asker.unreachable),
    )


def ask_as_worker(asker: Asker, name: str) -> membership.Cluster:
    if not os.path.exists(KUBELET_CERTIFICATE):
        return membership.Cluster()
    answer = asker.api(KUBELET, f"/api/v1/nodes/{name}")
    if answer is not None and answer.status >= 500:
        asker.refused.clear()
        answer = None
    nodes = None
    if answer is not None:
        nodes = {name: membership.parse_node(answer.document)} if found(answer) else {}
    # Only a clear answer is a problem; silence leaves the question open.
    return membership.Cluster(nodes=nodes, problems=tuple(asker.refused))


def ask_for_details(
    asker: Asker, role: str, cluster: membership.Cluster, identity: Identity
) -> dict[str, t.Any]:
    """What is missing from the answer was not told."""
    told: dict[str, t.Any] = {}

    def ask(path: str) -> t.Any:
        answer = asker.api(identity if role == "control_plane" else KUBELET, path)
        return answer.document if answer is not None and found(answer) else None

    version = ask("/version")
    if version is None:
        return told
    told["version"] = version["gitVersion"].lstrip("v")
    if role == "worker":
        return told
    maps = {
        kind: ask(f"{details.CONFIG_MAPS}/{name}")
        for kind, (name, _key) in details.SETTINGS.items()
    }
    told["settings"] = {
        kind: maps[kind]["data"][key]
        for kind, (_name, key) in details.SETTINGS.items()
        if maps[kind] is not None
    }
    dns, tokens = ask(details.DNS), ask(details.TOKENS)
    told["dns_spread"] = dns is not None and details.dns_is_spread(dns)
    told["dns_nodes"] = details.dns_nodes((cluster.nodes or {}).values())
    told["join_secrets"] = [] if tokens is None else details.own_tokens(tokens)
    if ask(f"{details.SECRETS}/{details.CERTIFICATES}") is not None:
        told["join_secrets"].append(details.CERTIFICATES)
    return told


@contextmanager
def no_kubeadm_runs(lock: str, timeout: int) -> t.Iterator[None]:
    """kubeadm goes on when the run that started it was killed: let it end first."""
    os.makedirs(os.path.dirname(lock), mode=0o700, exist_ok=True)
    with open(lock, "a", encoding="utf-8") as handle:
        if not files.lock(handle.fileno(), timeout):
            raise TaskError(
                f"a kubeadm still holds {lock}: {files.holder(handle.fileno())}",
                hint="see what it does, then retry",
                error_code="LOCKED",
            )
        yield


def look(params: t.Mapping[str, t.Any]) -> tuple[bool, dict[str, t.Any]]:
    """One look at the machine: whether what is waited for holds, and the result."""
    name, role = params["name"], params["role"]
    asker = Asker(params["server"], params["timeout"])
    folder = os.path.dirname(params["lock"])
    with no_kubeadm_runs(params["lock"], params["lock_timeout"]), administrator(folder) as identity:
        local = read_local(params["mark"])
        if role == "control_plane":
            cluster = ask_as_control_plane(asker, local, identity)
            state, gaps = membership.control_plane_state(name, local, cluster)
        else:
            cluster = ask_as_worker(asker, name)
            state, gaps = membership.worker_state(name, local, cluster)
        asks = params["details"] and (cluster.api_ready or (role == "worker" and cluster.nodes))
        told = ask_for_details(asker, role, cluster, identity) if asks else {}
    done = membership.reached(params["wait_for"], state, gaps, cluster, params["etcd_members"])
    return done or state in params["give_up_states"], {
        "state": state,
        "healthy": state == membership.MEMBER and not gaps,
        "gaps": gaps,
        "mark": local.mark,
        "leftovers": list(local.leftovers),
        "resumable": local.resumable,
        "details": told,
        "nodes": {node.name: vars(node) for node in (cluster.nodes or {}).values()},
        "etcd_members": [{**vars(member), "voter": member.voter} for member in cluster.etcd or ()],
        "problems": asker.refused + asker.unreachable,
    }


def look_until_done(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Look again until what is waited for holds, or the time is over; the last result."""
    result: dict[str, t.Any] = {}

    def done() -> bool:
        nonlocal result
        found, result = look(params)
        return found

    wait.until(done, params["wait_seconds"], pause=1)
    return result
