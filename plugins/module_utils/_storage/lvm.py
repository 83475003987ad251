# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LVM says about itself, from one `lvm fullreport`."""

from __future__ import annotations

import json
import typing as t

FIELDS = {
    "vg": "vg_name,vg_size,vg_free,vg_extent_size,vg_missing_pv_count",
    "pv": "pv_name,pv_uuid,pv_size,dev_size,pv_missing",
    "lv": "lv_name,lv_size,lv_tags,lv_attr,origin,data_percent",
    # Not wanted, and a full report cannot be had without them.
    "pvseg": "pvseg_start",
    "seg": "segtype",
}
ARGUMENTS = [
    "fullreport",
    "--reportformat",
    "json",
    "--units",
    "b",
    "--nosuffix",
    "--quiet",
    *(
        word
        for report, fields in FIELDS.items()
        for word in ("--configreport", report, "--options", fields)
    ),
]


def number(text: str) -> int:
    return int(float(text or 0))


def parse(text: str) -> dict[str, dict[str, t.Any]]:
    """Groups, physical volumes and logical volumes, each by name; sizes in bytes.

    Physical volumes of no group come in a report of their own, whose group has no name.
    """
    groups: dict[str, t.Any] = {}
    physical: dict[str, t.Any] = {}
    volumes: dict[str, t.Any] = {}
    for report in json.loads(text or "{}").get("report", []):
        group = ""
        for row in report.get("vg", []):
            group = row["vg_name"]
            if group:
                groups[group] = {
                    "size": number(row["vg_size"]),
                    "free": number(row["vg_free"]),
                    "extent": number(row["vg_extent_size"]),
                    "missing": [],
                }
        for row in report.get("pv", []):
            if row["pv_missing"]:
                groups[group]["missing"].append(row["pv_uuid"])
                continue
            physical[row["pv_name"]] = {
                "group": group,
                "size": number(row["pv_size"]),
                "device_size": number(row["dev_size"]),
            }
        for row in report.get("lv", []):
            volumes[f"{group}/{row['lv_name']}"] = {
                "size": number(row["lv_size"]),
                "tags": [tag for tag in row["lv_tags"].split(",") if tag],
                "active": row["lv_attr"][4:5] == "a",
                "origin": row["origin"],
                "used_percent": float(row["data_percent"] or 0),
                "invalid": row["lv_attr"][4:5] in ("I", "S"),
                "merging": row["lv_attr"][:1] in ("O", "S"),
            }
    return {"groups": groups, "physical_volumes": physical, "volumes": volumes}
