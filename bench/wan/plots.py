# SPDX-License-Identifier: BSD-3-Clause
"""Plots of what compare measured, by gnuplot, as SVG and PNG."""

import bisect
import shutil
import statistics
import subprocess

TERMINALS = {'svg': 'svg size 900,500 dynamic background "white"', 'png': 'png size 900,500'}


def draw(path, title, settings, curves):
    """curves: (title, style, rows) each; a row is the columns of a point."""
    data = ''.join('\n'.join(' '.join(map(str, row)) for row in rows) + '\ne\n'
                   for _, _, rows in curves)
    plots = ', '.join(f"'-' {style} title \"{name}\"" for name, style, _ in curves)
    for ending, terminal in TERMINALS.items():
        script = (f"set terminal {terminal}\nset output '{path}.{ending}'\nset title '{title}'\n"
                  f"set grid\nset key below\n{settings}\nplot {plots}\n{data}")
        subprocess.run(['gnuplot'], input=script, text=True, check=True)


WINDOW_S = 2.0


def arrivals(series, step):
    """[(s, Mbit so far)] where something was complete."""
    points, total = [(0.0, 0.0)], 0.0
    for i, mbps in enumerate(series):
        if mbps > 0:
            total += mbps * step
            points.append(((i + 1) * step, total))
    return points


def arrived(points, at):
    """Mbit until `at`: what a message brings is taken to have come evenly since the one before."""
    i = min(max(bisect.bisect_left(points, (at,)), 1), len(points) - 1)
    (t, low), (u, high) = points[i - 1], points[i]
    return low + (high - low) * (at - t) / (u - t)


def over_time(path, title, by_peer):
    """Goodput of the last round over windows of two seconds."""
    curves = []
    for peer, samples in by_peer.items():
        series = (samples[-1] or {}).get('series_mbps')
        if not series:
            continue
        step = 1.0 if peer.startswith('iperf3') else 0.1
        points = arrivals(series, step)
        n_windows = int(2 * points[-1][0] / WINDOW_S) - 1 if len(points) > 1 else 0
        rows = [((i + 1) * WINDOW_S / 2,
                 (arrived(points, (i + 2) * WINDOW_S / 2) - arrived(points, i * WINDOW_S / 2))
                 / WINDOW_S) for i in range(n_windows)]
        curves.append((peer, 'with lines', rows))
    if curves:
        draw(path, title, "set xlabel 's'\nset ylabel 'Mbit/s'\nset yrange [0:*]", curves)


def over_size(path, title, by_peer):
    for key, label, scale in (('goodput_mbps', 'Mbit/s, one way', ''),
                              ('round_trip_ms', 'round trip in ms', 'set logscale y')):
        curves = []
        for peer, samples in by_peer.items():
            by_size = {}
            for sample in filter(None, samples):
                for row in sample.get('sizes', ()):
                    by_size.setdefault(row['size'], []).append(row[key])
            rows = [(size, statistics.median(v)) for size, v in sorted(by_size.items())]
            if rows:
                curves.append((peer, 'with linespoints', rows))
        if curves:
            draw(f'{path}-{key.split("_")[0]}', title,
                 f"set xlabel 'bytes'\nset ylabel '{label}'\nset logscale x 2\n"
                 f"set format x '%.0b %BB'\n{scale}", curves)


def streams_in(told):
    """Bytes that each stream sent, by the rank that sent most, wherever the statistics have lists of
    streams; or None."""
    if isinstance(told, dict):
        rows = told.get('streams')
        if isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows):
            key = next((k for k in ('bytes_sent', 'sent_bytes', 'bytes') if k in rows[0]), None)
            if key:
                return [r.get(key, 0) for r in rows]
        told = list(told.values())
    if isinstance(told, list):
        return max(filter(None, map(streams_in, told)), key=sum, default=None)
    return None


def shares(path, title, samples):
    """True if the statistics tell of streams."""
    last = next((s for s in reversed(samples) if s), {})
    sent = streams_in(last.get('statistics'))
    if not sent:
        return False
    rows = [(i, n / 1e6) for i, n in enumerate(sent)]
    draw(path, title, "set xlabel 'stream'\nset ylabel 'MB'\nset yrange [0:*]\n"
         'set style fill solid 0.5\nset boxwidth 0.8', [('Widespan', 'with boxes', rows)])
    return True


def draw_all(output, results, workload_of):
    """All plots that the results allow; says which it leaves out."""
    if not shutil.which('gnuplot'):
        print('no plots: gnuplot is not there (package gnuplot-nox; make bench installs it)')
        return
    for link_name, by_workload in results.items():
        for name, by_peer in by_workload.items():
            path, title = output / f'{link_name}-{name}', f'{link_name}, {name}'
            if workload_of(name)[0] == 'sizes':
                over_size(path, title, by_peer)
                continue
            over_time(path, title, by_peer)
            if name == 'stream-64M' and 'Widespan' in by_peer and not shares(
                    f'{path}-streams', f'{title}: what each stream sent', by_peer['Widespan']):
                print(f'{link_name}: no plot of streams: the statistics do not tell of each')
