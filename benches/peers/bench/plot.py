"""The plots, as SVG by hand. Each brings its own background, for light and for dark readers."""

import math
from html import escape

STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #656d76 } .grid { stroke: #d8dee4 }
  .mark { stroke: #8d96a0 }
  .limit { stroke: #cf222e; fill: #cf222e } .own { fill: #0969da } .own-sys { fill: #86b8f0 }
  .peer { fill: #6e7781 } .peer-sys { fill: #c3c9d0 }
  .l0 { stroke: #0969da; fill: #0969da } .l1 { stroke: #8250df; fill: #8250df }
  .l2 { stroke: #1a7f37; fill: #1a7f37 } .l3 { stroke: #bf5600; fill: #bf5600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #8d96a0 } .grid { stroke: #30363d }
    .limit { stroke: #ff7b72; fill: #ff7b72 } .own { fill: #388bfd } .own-sys { fill: #1f4f8f }
    .peer { fill: #8d96a0 } .peer-sys { fill: #484f58 }
    .l0 { stroke: #58a6ff; fill: #58a6ff } .l1 { stroke: #bc8cff; fill: #bc8cff }
    .l2 { stroke: #3fb950; fill: #3fb950 } .l3 { stroke: #f0883e; fill: #f0883e }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
  .title { font-size: 16px; font-weight: 600 } .bold { font-weight: 600 } .small { font-size: 12px }
  .line { fill: none; stroke-width: 2.5 } .dash { stroke-dasharray: 5 4; stroke-width: 1.5 }
"""
GROUPS = (
    ("No check at all", ("haproxy", "nginx", "envoy")),
    ("Token seen before", ("own-rs", "own-es", "envoy-cache")),
    ("RS256 checked", ("own-new-rs", "haproxy-rs", "envoy-rs")),
    ("ES256 checked", ("own-new-es", "haproxy-es", "envoy-es")),
)
SHORT = {
    "nginx": "nginx", "haproxy": "HAProxy", "envoy": "Envoy", "envoy-cache": "Envoy, RS256",
    "own-rs": "Portcullis, RS256", "own-es": "Portcullis, ES256", "own-new-rs": "Portcullis",
    "own-new-es": "Portcullis", "haproxy-rs": "HAProxy", "haproxy-es": "HAProxy",
    "envoy-rs": "Envoy", "envoy-es": "Envoy",
}
WIDTH, LEFT, RIGHT = 780, 170, 60
BAR, STEP, GAP = 18, 25, 40


def bars(table):
    """CPU microseconds a request, user and system stacked, in groups that compare."""
    widest = max(row.median("total") for row in table.values())
    scale = (WIDTH - LEFT - RIGHT) / widest
    parts, y = [], 70
    for title, keys in GROUPS:
        y += GAP - STEP + 10
        parts.append(_text(24, y, title, "text bold"))
        y += 10
        for key in keys:
            parts += _bar(y, table[key], scale)
            y += STEP
    height = y + 36
    mark = LEFT + table["haproxy"].median("total") * scale
    # Behind the bars: the plain proxy that the others are held against.
    line = f'<line class="mark dash" x1="{mark:.1f}" x2="{mark:.1f}" y1="78" y2="{y + 4}"/>'
    note = _text(mark, y + 20, "HAProxy without any check", "faint small", "middle")
    head = [_text(24, 34, "CPU a request, in microseconds (less is better)", "text title"),
            *_legend(24, 56)]
    return _page(height, [*head, line, *parts, note])


def _bar(y, row, scale):
    user, system = row.median("user") * scale, row.median("system") * scale
    kind = "own" if row.key.startswith("own") else "peer"
    weight = " bold" if kind == "own" else ""
    return [
        _text(LEFT - 10, y + 13.5, SHORT[row.key], f"text{weight}", "end"),
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{user:.1f}" height="{BAR}"/>',
        f'<rect class="{kind}-sys" x="{LEFT + user:.1f}" y="{y}" width="{system:.1f}" height="{BAR}"/>',
        _text(LEFT + user + system + 8, y + 13.5, f"{row.median('total'):.0f}", f"text{weight}"),
    ]


def _legend(x, y):
    parts = []
    for classes, label in ((("own", "peer"), "in the program"), (("own-sys", "peer-sys"), "in the kernel")):
        for name in classes:
            parts.append(f'<rect class="{name}" x="{x}" y="{y - 10}" width="12" height="12"/>')
            x += 14
        parts.append(_text(x + 4, y, label, "faint small"))
        x += 110
    return parts


def growth(lines):
    """CPU a request beside the smallest case, over what grows."""
    height, top, bottom, left, right = 340, 70, 44, 60, 200
    most = max(max(line.points) for line in lines)
    ratios = [value / line.points[min(line.points)] for line in lines for value in line.points.values()]
    high = max(1.3, math.ceil(max(ratios) * 10) / 10)

    def x(size):
        return left + (WIDTH - left - right) * math.log10(size) / math.log10(most)

    def y(ratio):
        return top + (height - top - bottom) * (1 - ratio / high)

    parts = [_text(24, 34, "CPU a request as things grow, beside the smallest case", "text title"),
             _text(24, 54, "flat is good; the dashed line is the bar", "faint small")]
    for tick in (0, 0.5, 1, *((1.5, 2) if high > 1.6 else ())):
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - right}" y1="{y(tick):.1f}" '
                     f'y2="{y(tick):.1f}"/>')
        parts.append(_text(left - 10, y(tick) + 4, f"{tick:g} ×", "faint small", "end"))
    for power in range(int(math.log10(most)) + 1):
        parts.append(_text(x(10 ** power), height - bottom + 20, f"{10 ** power:,}", "faint small",
                           "middle"))
    parts.append(f'<line class="limit dash" x1="{left}" x2="{WIDTH - right}" y1="{y(1.1):.1f}" '
                 f'y2="{y(1.1):.1f}"/>')
    return _page(height, parts + _lines(lines, x, y))


def _lines(lines, x, y):
    parts, labels = [], []
    for number, line in enumerate(lines):
        base = line.points[min(line.points)]
        points = [(x(size), y(value / base)) for size, value in sorted(line.points.items())]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline class="line l{number}" style="fill:none" points="{path}"/>')
        parts += [f'<circle class="l{number}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in points]
        last = line.points[max(line.points)] / base
        labels.append([points[-1][1], points[-1], f"{line.title} {last:.2f}", number])
    # Names stand at the right edge, never on each other.
    labels.sort()
    for above, below in zip(labels, labels[1:]):
        below[0] = max(below[0], above[0] + 17)
    middle = sum(at - point[1] for at, point, _, _ in labels) / len(labels)
    for at, _, text, number in labels:
        parts.append(f'<text class="l{number}" style="stroke:none" x="{WIDTH - 188}" '
                     f'y="{at - middle + 4:.1f}">{escape(text)} ×</text>')
    return parts


def _text(x, y, text, classes, anchor="start"):
    return (f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>")


def _page(height, parts):
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img">\n<style>{STYLE}</style>\n'
            f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>\n{body}\n</svg>\n')
