#!/usr/bin/env python3
"""Draws docs/fairness.svg: tasks done of each job over time, a panel for each policy.

usage: bench-fairness --scenario six-nine-3 --series | plot.py POLICY... > docs/fairness.svg
"""
import sys

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 220, 44, 34, 40
COLOURS = ['#1b6ca8', '#c1440e', '#3c7a3c', '#7a5195']


def read(lines):
    panels, scenario = {}, ''
    for line in lines[1:]:
        scenario, policy, second, *tasks = line.rstrip('\n').split('\t')
        panels.setdefault(policy, []).append((int(second), [float(task) for task in tasks]))
    return scenario, panels


def panel(x, policy, points, seconds, most):
    def at(second, tasks):
        return f'{x + WIDTH * second / seconds:.1f},{TOP + HEIGHT * (1 - tasks / most):.1f}'

    bottom = TOP + HEIGHT
    yield f'<text x="{x}" y="{TOP - 10}" font-weight="bold">{policy}</text>'
    yield f'<path d="M{x},{TOP} V{bottom} H{x + WIDTH}" fill="none" stroke="#444"/>'
    for second in range(0, seconds + 1, 60):
        place = x + WIDTH * second / seconds
        yield f'<text x="{place:.1f}" y="{bottom + 16}" text-anchor="middle">{second} s</text>'
    for tasks in range(0, int(most) + 1, 10):
        place = bottom - HEIGHT * tasks / most
        yield (f'<text x="{x - 6}" y="{place + 4:.1f}" text-anchor="end">{tasks}</text>'
               f'<path d="M{x},{place:.1f} h{WIDTH}" stroke="#ddd"/>')
    for job in range(len(points[0][1])):
        line = ' '.join(at(second, tasks[job]) for second, tasks in points)
        colour = COLOURS[job % len(COLOURS)]
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield (f'<text x="{x + 12}" y="{TOP + 16 + 16 * job}" fill="{colour}">'
               f'job {job + 1}</text>')


def main():
    scenario, panels = read(sys.stdin.readlines())
    chosen = sys.argv[1:] or list(panels)
    if not scenario or any(policy not in panels for policy in chosen):
        sys.exit(__doc__)
    seconds = max(point[0] for policy in chosen for point in panels[policy])
    most = max(max(tasks) for policy in chosen for _, tasks in panels[policy]) * 1.05
    width = LEFT + len(chosen) * (WIDTH + GAP + 10)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + HEIGHT + 40}" '
          f'font-family="sans-serif" font-size="12">')
    print(f'<title>Tasks done over time ({scenario})</title>')
    print('<rect width="100%" height="100%" fill="white"/>')
    for number, policy in enumerate(chosen):
        for line in panel(LEFT + number * (WIDTH + GAP + 10), policy, panels[policy], seconds, most):
            print(line)
    print('</svg>')


main()
