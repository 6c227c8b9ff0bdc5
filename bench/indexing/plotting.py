"""Curves of seconds over logs come in; a plot of them goes out, as SVG by hand: no library is worth its size for it."""

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 90, 190, 40, 60
COLOURS = ("#1b6ca8", "#7fb2d9", "#2d2d2d", "#c8553d", "#e0a458", "#6b8f71")

Curve = Sequence[tuple[int, float]]
"""Logs on the chain, and logs indexed a second."""


def draw(curves: Mapping[str, Curve], title: str, file: Path) -> None:
    """Both axes are logarithmic: what stays level costs the same per log however much there is."""
    points = [point for curve in curves.values() for point in curve]
    xs, ys = [log10(x) for x, _ in points], [log10(y) for _, y in points]
    x_span, y_span = (min(xs), max(xs)), (int(min(ys)), int(max(ys)) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
    ]
    for exponent in range(y_span[0], y_span[1] + 1):
        y = _y(10.0**exponent, y_span)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**exponent:,}</text>')
    for logs in sorted({x for x, _ in points}):
        x = _x(logs, x_span)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{logs:,}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 14}">logs on the chain; upwards: logs indexed a second</text>')
    for i, (name, curve) in enumerate(curves.items()):
        parts += _curve(name, curve, COLOURS[i % len(COLOURS)], TOP + 18 * i, x_span, y_span)
    file.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _curve(
    name: str, curve: Curve, colour: str, legend_y: int, x_span: tuple[float, float], y_span: tuple[int, int]
) -> list[str]:
    places = [(_x(x, x_span), _y(y, y_span)) for x, y in sorted(curve)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
    key = WIDTH - RIGHT + 16
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *dots,
        f'<rect x="{key}" y="{legend_y}" width="12" height="12" fill="{colour}"/>',
        f'<text x="{key + 18}" y="{legend_y + 11}">{name}</text>',
    ]


def _x(logs: float, span: tuple[float, float]) -> float:
    share = (log10(logs) - span[0]) / ((span[1] - span[0]) or 1)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(speed: float, span: tuple[int, int]) -> float:
    share = (log10(speed) - span[0]) / (span[1] - span[0])
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
