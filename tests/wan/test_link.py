#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The emulated link of bench/wan, between real namespaces: is it what was asked for?"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / 'support'),
                str(pathlib.Path(__file__).resolve().parents[2] / 'bench' / 'wan')]
import jobs
import link as wan

EMULATOR = jobs.BUILD / 'bench' / 'wan' / 'emulator'
TRAFFIC = pathlib.Path(__file__).with_name('traffic.py')


@contextlib.contextmanager
def new_link(**options):
    """A link; where the machine does not let one be made, the case is skipped."""
    if wan.missing():
        raise jobs.Skip(wan.missing())
    link = wan.Link(EMULATOR, **options)
    try:
        link.__enter__()
    except wan.LinkError as error:
        raise jobs.Skip(str(error)) from error
    try:
        yield link
    finally:
        link.__exit__()


def between(link, b_role, a_role, *numbers):
    """Runs both ends; returns the words that each printed, b's without its first line."""
    def words(side, role, *more):
        return link.command(side, [sys.executable, TRAFFIC, role, link.address('b'), *more])
    with jobs.Process(words('b', b_role)) as b:
        b.await_line('listening')
        with jobs.Process(words('a', a_role, *numbers)) as a:
            a_result = a.wait(60).must_pass()
        b_result = b.wait(60).must_pass()
    return b_result.out.split()[1:], a_result.out.split()


def round_trips_take_the_rtt():
    with new_link(rtt='30ms', rate='1G') as link:
        _, times = between(link, 'echo', 'ping', 20)
        jobs.expect(len(times) == 20, f'{20 - len(times)} of 20 datagrams were lost')
        best = min(map(float, times))
        jobs.expect(0.0300 <= best < 0.0320, f'best round trip {best * 1e3:.3f} ms, asked 30 ms')


def bytes_leave_at_the_rate():
    # 400 packets of 1428 bytes with their headers at 10 Mbit/s: 1.142 ms each. A busy machine hands
    # the last one over late now and then: one try of three must be right.
    asked, tries = 399 * 1428 * 8 / 10e6, []
    with new_link(rtt='10ms', rate='10M', queue='1M') as link:
        while len(tries) < 3 and not any(abs(t / asked - 1) < 0.03 for t in tries):
            (n, seconds), _ = between(link, 'collect', 'burst', 400, 1400, 1e6)
            jobs.expect(int(n) == 400, f'{n} of 400 datagrams arrived')
            tries.append(float(seconds))
    jobs.expect(any(abs(t / asked - 1) < 0.03 for t in tries),
                f'bursts took {tries} s, at the rate asked {asked:.4f} s')


def loss_is_as_asked():
    with new_link(rtt='2ms', rate='1G', loss='2%', queue='64M') as link:
        (n, _), _ = between(link, 'collect', 'burst', 20000, 500, 20000)
        ab = link.statistics()['ab']
        lost = 20000 - int(n)
        jobs.expect(ab['overflowed']['packets'] == ab['refused'] == 0, f'others dropped: {ab}')
        jobs.expect(320 <= lost <= 480, f'{lost} of 20000 lost, asked 400')  # 4 deviations
        jobs.expect(abs(lost - ab['lost']['packets']) <= 5, f'{lost} are missing, counted: {ab}')


def a_long_queue_delays_and_a_short_one_drops():
    with new_link(rtt='2ms', rate='10M', queue='20000') as link:
        (n, _), _ = between(link, 'collect', 'burst', 200, 1400, 1e6)
        ab = link.statistics()['ab']
        jobs.expect(14 <= int(n) <= 60, f'{n} of 200 passed a queue of 14')
        jobs.expect(ab['overflowed']['packets'] + int(n) == 200, f'{n} arrived, counted: {ab}')


def a_stream_with_losses_arrives_whole():
    with new_link(rtt='4ms', rate='1G', loss='0.3%', congestion='cubic') as link:
        came, went = between(link, 'sink', 'pour', 20000000)
        ab = link.statistics()['ab']
        jobs.expect(came == went, f'{went} sent, {came} came')
        jobs.expect(ab['lost']['packets'] > 20 and ab['refused'] == 0, f'counted: {ab}')


def the_policer_caps_each_flow():
    with new_link(rtt='2ms', flow_cap='10M') as link:
        (n, seconds), _ = between(link, 'collect', 'burst', 3000, 1222, 4000)
        ab = link.statistics()['ab']
        may_pass = 65536 + 10e6 / 8 * float(seconds)  # at once, and while it lasted
        jobs.expect(int(n) * 1250 < 1.1 * may_pass, f'{n} passed in {seconds} s')
        jobs.expect(ab['policed']['packets'] + ab['passed']['packets'] >= 3000, f'counted: {ab}')
        jobs.expect(ab['policed']['packets'] > 0, f'nothing was dropped: {ab}')


def one_flow_can_be_slowed():
    with new_link(rtt='2ms', rate='100M') as link:
        try:
            link.slow('ab', 0.1)
        except wan.LinkError as error:
            jobs.expect('nothing flows' in str(error), error)
        else:
            jobs.expect(False, 'slowed a flow where none was')
        def passed():
            return link.statistics()['ab']['passed']['bytes']

        def words(side, role, *more):
            return link.command(side, [sys.executable, TRAFFIC, role, link.address('b'), *more])
        until = time.monotonic() + 20
        with jobs.Process(words('b', 'sink')) as b:
            b.await_line('listening')
            with jobs.Process(words('a', 'pour', 8000000)) as a:
                while passed() < 2000000:
                    jobs.expect(time.monotonic() < until, 'nothing was poured')
                link.slow('ab', 0.25)  # of 100 Mbit/s at most
                left, start = 8000000 - passed(), time.monotonic()
                went = a.wait(60).must_pass().out.split()
                came = b.wait(60).must_pass().out.split()[1:]
        took = time.monotonic() - start
        jobs.expect(came == went, f'{went} sent, {came} came')
        jobs.expect(took > left * 8 / 30e6, f'{left} bytes took {took:.2f} s')


def plain_links_carry_too():
    for kind in ('veth', 'loopback'):
        with new_link(kind=kind) as link:
            came, went = between(link, 'sink', 'pour', 5000000)
            jobs.expect(came == went, f'{kind}: {went} sent, {came} came')
            passed = link.statistics()['ab']['passed']['bytes']
            jobs.expect(passed >= 5000000, f'{kind}: {passed} bytes counted')
            jobs.expect(link.tcp_counters('a')['OutSegs'] > 0, f'{kind}: no segments counted')


def a_link_can_be_cut_and_mended():
    with new_link(rtt='2ms') as link:
        link.set('ab', cut=1)
        with jobs.Process(link.command('b', [sys.executable, TRAFFIC, 'echo',
                                             link.address('b')])) as echo:
            echo.await_line('listening')
            ping = link.command('a', [sys.executable, TRAFFIC, 'ping', link.address('b'), 1])
            jobs.expect(jobs.run(ping, keep=[echo.popen.pid, link.emulator.pid]).out == '',
                        'a datagram passed a cut link')
            link.set('ab', cut=0)
            jobs.expect(jobs.run(ping, keep=[echo.popen.pid, link.emulator.pid]).out != '',
                        'no datagram passed a mended link')


def nothing_stays_behind():
    def there():
        return (set(os.listdir('/run/netns')) if os.path.exists('/run/netns') else set(),
                {p.name for p in pathlib.Path('/run').glob(f'widespan-wan-{os.getpid()}-*')})
    before, until = there(), time.monotonic() + 20
    try:
        with new_link(rtt='2ms') as link:
            emulator = link.emulator
            left_running = subprocess.Popen(link.command('b', ['sleep', '1000']))
            while 'sleep' not in pathlib.Path(f'/proc/{left_running.pid}/comm').read_text():
                jobs.expect(left_running.poll() is None and time.monotonic() < until,
                            'sleep did not start')
            raise KeyError('as if a test failed')
    except KeyError:
        pass
    left = [names - old for names, old in zip(there(), before)]
    ours = [name for names in left for name in names if str(os.getpid()) in name]
    jobs.expect(left_running.wait(10) == -signal.SIGKILL, 'a process of a link stays')
    jobs.expect(not ours and emulator.poll() is not None, f'left: {ours}')


def settings_that_make_no_sense_are_named():
    if wan.missing():
        raise jobs.Skip(wan.missing())
    for words, text in ((['up', 'x', '--rtt', '30'], 'rtt: 30 is not a number'),
                        (['set', 'no-such-link', 'ab', 'cut=1'], 'No such file')):
        done = subprocess.run([sys.executable, jobs.SOURCE / 'bench' / 'wan' / 'wan', *words],
                              capture_output=True, text=True)
        jobs.expect(done.returncode != 0 and text in done.stderr, f'{words}: {done.stderr}')


jobs.main({case.__name__: case for case in (
    round_trips_take_the_rtt, bytes_leave_at_the_rate, loss_is_as_asked,
    a_long_queue_delays_and_a_short_one_drops, a_stream_with_losses_arrives_whole,
    the_policer_caps_each_flow, one_flow_can_be_slowed, plain_links_carry_too,
    a_link_can_be_cut_and_mended, nothing_stays_behind,
    settings_that_make_no_sense_are_named)})
