# SPDX-License-Identifier: BSD-3-Clause
"""Whether measurements meet the bars: ratios pair by pair, with their 95% interval. What counts is
the bound of it that is worse for Widespan.

Results are those of compare: link -> workload -> peer -> one sample for each round, or None."""

import random
import statistics

import link as wan

MB = 1 << 20


def interval(values, draws=5000):
    """Median of the values with its 95% interval, by resampling; None without values."""
    if not values:
        return None
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values)))
                     for _ in range(draws))
    return statistics.median(values), medians[int(0.025 * draws)], medians[int(0.975 * draws) - 1]


def figures(samples, key):
    return [None if s is None else s.get(key) for s in samples or []]


def ratios(ours, theirs):
    return [a / b for a, b in zip(ours, theirs) if a is not None and b]


def median_of(samples, key):
    there = [f for f in figures(samples, key) if f is not None]
    return statistics.median(there) if there else None


def best_iperf(by_peer, key='goodput_mbps'):
    """The name of the iperf3 whose number of streams did best."""
    medians = {name: median_of(samples, key) for name, samples in by_peer.items()
               if name.startswith('iperf3')}
    medians = {name: m for name, m in medians.items() if m is not None}
    return max(medians, key=medians.get) if medians else None


class Verdicts:
    """Collects judgements of one link."""

    def __init__(self, link_name, by_workload):
        self.link, self.by_workload, self.all = link_name, by_workload, []

    def of(self, workload, peer='Widespan'):
        return self.by_workload.get(workload, {}).get(peer)

    def others(self, workload):
        return [p for p in self.by_workload.get(workload, {}) if not p.startswith('Widespan')]

    def add(self, point, workload, what, values, least=None, most=None):
        values = [v for v in values if v is not None]
        found = interval(values)
        if not found:
            return
        holds = found[1] >= least if most is None else found[2] <= most
        bar = f'at least {least:g}' if most is None else f'at most {most:g}'
        self.all.append({'point': point, 'link': self.link, 'workload': workload, 'what': what,
                         'median': found[0], 'low': found[1], 'high': found[2], 'bar': bar,
                         'n': len(values), 'holds': holds})

    def add_ratio(self, point, workload, peer, key, least=None, most=None):
        values = ratios(figures(self.of(workload), key), figures(self.of(workload, peer), key))
        self.add(point, workload, f'{key}, Widespan / {peer}', values, least, most)


def streaming(v):
    for workload, least in (('stream-64M', 0.95), ('stream-1M', 0.90)):
        best = best_iperf(v.by_workload.get(workload, {}))
        for peer in v.others(workload):
            if peer == best:
                v.add_ratio(1, workload, peer, 'goodput_mbps', least=least)
            elif not peer.startswith('iperf3') and peer != 'bare TCP' and workload == 'stream-64M':
                v.add_ratio(1, workload, peer, 'goodput_mbps', least=1)


def large_round_trips(v, options):
    workload = 'pingpong-64M'
    if options.get('congestion') != 'bbr':
        for peer in v.others(workload):
            v.add_ratio(1, workload, peer, 'round_trip_ms', most=1)
        return
    by_peer = v.by_workload.get('stream-64M', {})
    best = best_iperf(by_peer)
    if not best or not v.of(workload):
        return
    rtt_s = wan.parse(options['rtt'], wan.TIME_NS, 'rtt') / 1e9
    rates = figures(by_peer[best], 'goodput_mbps')
    ideal = [2 * 64 * MB * 8 / (r * 1e6) + rtt_s if r else None for r in rates]
    values = [i * 1e3 / t for i, t in zip(ideal, figures(v.of(workload), 'round_trip_ms'))
              if i and t]
    v.add(1, workload, f"of what {best}'s rate and the RTT allow", values, least=0.85)


def first_messages(v):
    for peer in v.others('first-64M'):
        v.add_ratio(2, 'first-64M', peer, 'goodput_mbps', least=1)


def small_round_trips(v, options):
    ours, bare = v.of('pingpong-8'), v.of('pingpong-8', 'bare TCP')
    if not ours or not bare:
        return
    if 'rtt' not in options:
        v.add_ratio(3, 'pingpong-8', 'bare TCP', 'round_trip_ms', most=1.3)
        return
    over = [a - b for a, b in zip(figures(ours, 'round_trip_ms'), figures(bare, 'round_trip_ms'))
            if a is not None and b is not None]
    v.add(3, 'pingpong-8', 'ms above bare TCP', over, most=0.2)


def beside_bulk(v):
    workload = 'small-beside-bulk'
    if not v.of(workload):
        return
    v.add(4, workload, 'loaded round trip / idle', figures(v.of(workload), 'times_idle'), most=1.5)
    best = best_iperf(v.by_workload[workload])
    if best:
        v.add_ratio(4, workload, best, 'goodput_mbps', least=0.90)


def streams(v, options):
    v.add(5, 'slowed-stream', 'of 7/8 of the goodput before',
          figures(v.of('slowed-stream'), 'of_the_rest'), least=0.85)
    by_peer = v.by_workload.get('fixed-streams', {})
    fixed = {p: median_of(s, 'goodput_mbps') for p, s in by_peer.items() if ' -P ' in p}
    fixed = {p: m for p, m in fixed.items() if m is not None}
    if fixed:
        v.add_ratio(6, 'fixed-streams', max(fixed, key=fixed.get), 'goodput_mbps',
                    least=0.90 if options.get('kind') == 'loopback' else 0.97)


def overlap(v):
    v.add(7, 'overlap', 'ms in all', figures(v.of('overlap'), 'whole_ms'), most=105)
    v.add(7, 'overlap', 'computation, of its idle rate',
          figures(v.of('overlap'), 'rate_of_idle'), least=0.9)


def neighbours(v):
    alone = best_iperf(v.by_workload.get('stream-64M', {}))
    best = alone or best_iperf(v.by_workload.get('neighbour', {}))
    if best:
        v.add_ratio(8, 'neighbour', best, 'neighbour_mbps', least=0.5)
    v.add(8, 'two-pairs', 'Jain index', figures(v.of('two-pairs'), 'jain'), least=0.9)
    if alone:  # a flow of iperf3 that repeats nothing leaves no ratio: 1 per GB is as good as none
        key = 'retransmits_per_gb'
        ours, theirs = (figures(v.of('stream-64M', p), key) for p in ('Widespan', alone))
        v.add(8, 'stream-64M', f'{key}, Widespan / {alone}',
              [max(a, 1) / max(b, 1) for a, b in zip(ours, theirs)
               if a is not None and b is not None], most=1)


def judge(results):
    """All judgements that the results allow, in the order of the points."""
    verdicts = []
    for link_name, by_workload in results.items():
        options = wan.LINKS[link_name]
        v = Verdicts(link_name, by_workload)
        streaming(v)
        large_round_trips(v, options)
        first_messages(v)
        small_round_trips(v, options)
        beside_bulk(v)
        streams(v, options)
        overlap(v)
        neighbours(v)
        verdicts += v.all
    return sorted(verdicts, key=lambda verdict: verdict['point'])


def text(verdicts):
    lines = ['| point | link | workload | what | median (95%) | rounds | bar | met |',
             '|---:|---|---|---|---|---:|---|---|']
    for x in verdicts:
        lines.append(f'| {x["point"]} | {x["link"]} | {x["workload"]} | {x["what"]} |'
                     f' {x["median"]:.3f} ({x["low"]:.3f} .. {x["high"]:.3f}) | {x["n"]} |'
                     f' {x["bar"]} | {"yes" if x["holds"] else "no"} |')
    return '\n'.join(lines) + '\n' if verdicts else ''
