# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws measured gaps: a row for each kind, a dot for each round, a line at the median."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from html import escape

LEFT, WIDTH, ROW, TOP = 220, 520, 22, 30
STYLE = "font-family: sans-serif; font-size: 12px; fill: #333"


def draw(found: Mapping[str, Mapping[str, list[float]]]) -> str:
    """An SVG; what happens, by what, to the gaps in seconds."""
    longest = max(1.0, *(gap for rows in found.values() for gaps in rows.values() for gap in gaps))
    scale = WIDTH / longest
    parts: list[str] = []
    y = TOP
    for act, rows in found.items():
        parts.append(f'<text x="8" y="{y + 4}" font-weight="bold">{escape(act)}</text>')
        y += ROW
        for name, gaps in rows.items():
            parts.append(f'<text x="16" y="{y + 4}">{escape(name)}</text>')
            parts.append(f'<path d="M{LEFT} {y}h{WIDTH}" stroke="#ddd"/>')
            for gap in gaps:
                parts.append(
                    f'<circle cx="{LEFT + gap * scale:.1f}" cy="{y}" r="4" fill="#1f77b4"'
                    ' fill-opacity="0.4"/>'
                )
            median = LEFT + statistics.median(gaps) * scale
            parts.append(f'<path d="M{median:.1f} {y - 8}v16" stroke="#d62728" stroke-width="2"/>')
            y += ROW
        y += ROW // 2
    for second in range(int(longest) + 1):
        x = LEFT + second * scale
        parts.append(f'<text x="{x:.1f}" y="{y + 12}" text-anchor="middle">{second} s</text>')
        parts.append(f'<path d="M{x:.1f} {TOP}V{y}" stroke="#eee"/>')
    size = f'width="{LEFT + WIDTH + 40}" height="{y + 30}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{STYLE}">'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"
    )
