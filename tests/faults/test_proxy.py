# SPDX-License-Identifier: BSD-3-Clause
"""Real jobs over two sites whose streams run through a proxy that resets, stalls and flips bits.
Nothing may be lost, every byte is checked by the programs, and the counters of the ranks must show
that the faults happened.

Each site has a namespace; the proxy sits in the one between them, at the addresses by which the
sites know each other."""

import pathlib
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

RANKS = 2
PORTS = '5100-5115'

BULK = [jobs.FAULTS / 'bulk', '24', '4194304']
MATCHING = [jobs.SITES / 'matching', '-n', '6000', '-S', jobs.spread([RANKS, RANKS]), '-T', '120']


def write_job(folder, network):
    """Each site's address is the proxy's, on the other site's side."""
    launch = [network.launch(i, 'env', f'WIDESPAN_PORTS={PORTS}') for i in (1, 2)]
    return jobs.write_job(folder, [
        {'ranks': RANKS, 'launch': launch[0], 'address': '10.77.2.1'},
        {'ranks': RANKS, 'launch': launch[1], 'address': '10.77.1.1'}])


def start_proxy(network, kinds, every, count, seed):
    return jobs.Process(network.inside(
        0, str(jobs.FAULTS / 'proxy'), '-s', str(seed), '-f', kinds, '-e', str(every), '-n',
        str(count), f'10.77.2.1={network.addresses[1]}:{PORTS}',
        f'10.77.1.1={network.addresses[2]}:{PORTS}'))


def count_faults(proxy):
    """What the proxy says it did."""
    proxy.popen.send_signal(signal.SIGTERM)
    words = proxy.wait(10).out.split('\n')[1].split()
    return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}


def hurt(program, kinds, every, count, seed=1):
    """Runs a program through the proxy; returns what the proxy did and the ranks' counters."""
    with jobs.Namespaces(3) as network, tempfile.TemporaryDirectory() as folder:
        stats = pathlib.Path(folder, 'stats')
        job = write_job(folder, network)
        with start_proxy(network, kinds, every, count, seed) as proxy:
            proxy.await_line('listening')
            command = network.inside(0, *map(str, jobs.widespan('run', '--job', job, *program)))
            jobs.run(command, 200, {'WIDESPAN_STATS': f'json:{stats}'},
                     keep=[proxy.popen.pid]).must_pass()
            done = count_faults(proxy)
        return done, jobs.read_stats(stats)


def expect_at_least(stats, counter, least):
    there = jobs.total(stats, counter)
    jobs.expect(there >= least, f'{counter} is {there}, expected {least} or more')


def without_faults(program):
    done, stats = hurt(program, '', 1, 0)
    jobs.expect(done['connections'] > 0, 'the streams did not run through the proxy')
    for counter in ('streams_lost', 'segments_damaged', 'headers_damaged'):
        jobs.expect(jobs.total(stats, counter) == 0, f'{counter} without a fault')


def resets(kinds, program):
    done, stats = hurt(program, kinds, 1 << 21, 12)
    jobs.expect(done['resets'] > 0, f'the proxy did nothing: {done}')
    expect_at_least(stats, 'streams_lost', 1)
    expect_at_least(stats, 'segments_replayed', 1)


def stalls(kinds, program):
    done, stats = hurt(program, kinds, 1 << 22, 4)
    jobs.expect(done['stalls'] > 0, f'the proxy did nothing: {done}')
    expect_at_least(stats, 'stalls', 1)


def flips(program):
    done, stats = hurt(program, 'f', 1 << 20, 20)
    jobs.expect(done['flips'] > 0, f'the proxy did nothing: {done}')
    damaged = jobs.total(stats, 'segments_damaged') + jobs.total(stats, 'headers_damaged')
    jobs.expect(damaged > 0, 'no rank saw damage')


def everything(program):
    for seed in (1, 2):
        done, stats = hurt(program, 'rrRsfff', 1 << 21, 16, seed)
        jobs.expect(done['resets'] + done['stalls'] + done['flips'] > 0, f'no faults: {done}')
        expect_at_least(stats, 'segments_replayed', 1)


CASES = {}
for name, program in (('bulk', BULK), ('matching', MATCHING)):
    CASES[f'{name}_without_faults'] = lambda p=program: without_faults(p)
    CASES[f'{name}_one_reset'] = lambda p=program: resets('r', p)
    CASES[f'{name}_all_reset'] = lambda p=program: resets('R', p)
    CASES[f'{name}_one_stalled'] = lambda p=program: stalls('s', p)
    CASES[f'{name}_all_stalled'] = lambda p=program: stalls('S', p)
    CASES[f'{name}_flipped'] = lambda p=program: flips(p)
    CASES[f'{name}_everything'] = lambda p=program: everything(p)

jobs.main(CASES)
