#!/usr/bin/env python3
"""The convergence figure as SVG from the document of `tributary bench convergence --json`: figure.py results.json [SETTING...] >figure.svg

Held-out loss by round, the mean of the seeds as a line and their range as a band; without names, the settings that are held against the first three-site reference.
"""
import json
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 420, 56, 190, 20, 44
COLOURS = ["#1b6ca8", "#c8553d", "#3c8d40", "#8a4fbf", "#b8860b", "#4b5563", "#d1477a", "#0f9d9d"]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def main():
    report = json.load(open(sys.argv[1], encoding="utf-8"))
    names = sys.argv[2:]
    settings = [setting for setting in report["settings"] if not names or setting["name"] in names]
    curves = [(setting["name"], list(zip(*[run["losses"] for run in setting["runs"]]))) for setting in settings]
    rounds = len(curves[0][1]) - 1
    low = min(min(values) for _, curve in curves for values in curve)
    high = max(max(values) for _, curve in curves for values in curve)
    x = lambda at: LEFT + (WIDTH - LEFT - RIGHT) * at / rounds
    y = lambda loss: TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    step = 0.5 if high - low > 1.5 else 0.1
    tick = step * int(low / step + 1)
    while tick < high:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#555">{tick:.1f}</text>')
        tick += step
    for at in range(0, rounds + 1, max(1, rounds // 10)):
        out.append(f'<text x="{x(at):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">{at}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle" fill="#555">round</text>'
               f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" text-anchor="middle" fill="#555">held-out loss, nats per response token</text>')
    for place, (name, curve) in enumerate(curves):
        colour = COLOURS[place % len(COLOURS)]
        dash = ' stroke-dasharray="6 3"' if place >= len(COLOURS) else ""
        band = [f"{x(at):.1f},{y(max(values)):.1f}" for at, values in enumerate(curve)] + [f"{x(at):.1f},{y(min(values)):.1f}" for at, values in reversed(list(enumerate(curve)))]
        line = [f"{x(at):.1f},{y(sum(values) / len(values)):.1f}" for at, values in enumerate(curve)]
        out.append(f'<polygon points="{" ".join(band)}" fill="{colour}" opacity="0.15"/><polyline points="{" ".join(line)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
        top = TOP + 14 + 18 * place
        out.append(f'<line x1="{WIDTH - RIGHT + 14}" x2="{WIDTH - RIGHT + 38}" y1="{top - 4}" y2="{top - 4}" stroke="{colour}" stroke-width="2"{dash}/>'
                   f'<text x="{WIDTH - RIGHT + 44}" y="{top}" fill="#222">{escape(name)}</text>')
    print("\n".join(out + ["</svg>"]))


if __name__ == "__main__":
    main()
