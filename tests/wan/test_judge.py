#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What bench/compare makes of results, and of a link what it tells tc: without a link."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / 'support'),
                str(pathlib.Path(__file__).resolve().parents[2] / 'bench' / 'wan')]
import jobs
import judge
import link as wan
import netem
import plots
import workloads


def verdict(verdicts, point, text):
    found = [v for v in verdicts if v['point'] == point and text in v['what']]
    jobs.expect(len(found) == 1, f'point {point}, {text}: {found}')
    return found[0]


def goodputs(*values):
    return [None if v is None else {'goodput_mbps': v, 'retransmits_per_gb': 2.0} for v in values]


def the_bound_of_the_interval_is_judged():
    by_peer = {'Widespan': goodputs(960, 960, 960, 960, 100, 100, 960),
               'iperf3 -P 1': goodputs(*[300] * 7), 'iperf3 -P 8': goodputs(*[960] * 7),
               'ZeroMQ': goodputs(*[90] * 7)}
    verdicts = judge.judge({'regional': {'stream-64M': by_peer}})
    best = verdict(verdicts, 1, 'iperf3')
    jobs.expect('-P 8' in best['what'] and best['median'] == 1 and not best['holds'], best)
    jobs.expect(verdict(verdicts, 1, 'ZeroMQ')['holds'], 'not above ZeroMQ')
    jobs.expect(verdict(verdicts, 8, 'retransmits')['holds'], 'as many repeated are too many')


def ratios_are_of_the_same_round():
    by_peer = {'Widespan': goodputs(100, None, 300), 'ZeroMQ': goodputs(50, 1, 150)}
    found = verdict(judge.judge({'regional': {'first-64M': by_peer}}), 2, 'ZeroMQ')
    jobs.expect((found['low'], found['high'], found['n']) == (2, 2, 2), found)


def large_round_trips_are_held_against_the_link():
    trips = [{'round_trip_ms': 2 * 64 * (1 << 20) * 8 / 900e6 * 1e3 + 30}] * 3
    results = {'continental': {'stream-64M': {'iperf3 -P 8': goodputs(900, 900, 900)},
                               'pingpong-64M': {'Widespan': trips, 'ZeroMQ': trips}},
               'continental-cubic': {'pingpong-64M': {'Widespan': trips, 'ZeroMQ': trips}}}
    verdicts = judge.judge(results)
    jobs.expect(abs(verdict(verdicts, 1, 'RTT allow')['median'] - 1) < 1e-9, verdicts)
    jobs.expect(verdict(verdicts, 1, 'ZeroMQ')['link'] == 'continental-cubic', verdicts)


def every_workload_has_figures():
    for name, workload in workloads.table(20, 30).items():
        jobs.expect(workload[0] in workloads.FIGURES, name)
        jobs.expect(0 <= workloads.seconds_of(workload) < 100, name)
    jobs.expect(judge.judge({'veth': {'stream-64M': {'Widespan': [None, None]}}}) == [],
                'judged where nothing was measured')


def goodput_in_flight_counts_completed_messages():
    completed = [i / 10 for i in range(100)]
    jobs.expect(abs(workloads.goodput(completed, 1000000, 2, 8) - 80) < 1, 'ten a second')
    jobs.expect(workloads.goodput(completed[:30], 1000000, 2, 8) < 20, 'a stall is no goodput')
    jobs.expect(workloads.goodput(completed, 1000000, 20, 30) == 0, 'none came')


def streams_are_found_in_the_statistics():
    jobs.expect(plots.streams_in({'rank': 0, 'bytes_sent': 9}) is None, 'none are told')
    told = {'paths': [{'streams': [{'bytes_sent': 5}, {'bytes_sent': 7}]}]}
    jobs.expect(plots.streams_in(told) == [5, 7], told)
    ranks = [{'rank': i, 'link': {'paths': [{'peer': 1 - i, 'streams': 2}], 'streams': [
        {'peer': 1 - i, 'index': s, 'bytes_sent': n} for s, n in enumerate(sent)]}}
             for i, sent in enumerate(([3], [8, 9], []))]
    jobs.expect(plots.streams_in(ranks) == [8, 9], 'the rank that sent most')


def netem_is_asked_for_the_same_link():
    words = ' '.join(netem.words(wan.settings(rtt='30ms', rate='1G', loss='0.01%')))
    jobs.expect(words == 'netem limit 3751 delay 15000us loss 0.010000% rate 1000000000bit', words)
    jobs.expect(not netem.can(wan.settings(rtt='30ms', flow_cap='100M')), 'it has no caps')


jobs.main({case.__name__: case for case in (
    the_bound_of_the_interval_is_judged, ratios_are_of_the_same_round,
    large_round_trips_are_held_against_the_link, every_workload_has_figures,
    goodput_in_flight_counts_completed_messages, streams_are_found_in_the_statistics,
    netem_is_asked_for_the_same_link)})
