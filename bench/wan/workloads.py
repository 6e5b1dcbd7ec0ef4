# SPDX-License-Identifier: BSD-3-Clause
"""What compare measures. A workload is a tuple, its kind first. Kinds that a peer plays itself, with
the words of traffic.c, pairs.c or overlap.c:

    ('stream', size, discard_s, time_s)   ('pingpong', size, discard_s, time_s)   ('first', size)
    ('lone', size, discard_s, time_s)     a stream of one message at a time
    ('beside', size, discard_s, time_s)   8-byte round trips of one pair, beside a stream of another
    ('both', size, discard_s, time_s)     two pairs that stream
    ('overlap', alone_ms, compute_ms, time_s)

and kinds made of those here: `neighbour`, a stream beside one iperf3; `slowed`, one of eight streams
slowed on the way; `longer`, `cut` and `narrow`, a stream whose way becomes longer, or lets nothing
or a tenth pass for a while; `fixed`, a stream that the peers with a fixed number of streams run, too;
`sizes`, round trips over sizes of message."""

import threading
import time

MB = 1 << 20
SIZES = (8, 64, 512, 4096, 32768, 262144, MB, 4 * MB, 16 * MB, 64 * MB)
FIXED_STREAMS = (1, 2, 4, 8, 16, 32)
SLOWED_STREAMS, SLOWED_TO = 8, 0.1
FIRST_S = 40  # one stream carries some 10 Mbit/s on the worst link, and three times this may pass
LONGER, CUT_S, NARROW, NARROW_S = 1.2, 5, 0.1, 5
CHANGED_S = 5  # for so long a way is looked at before it changes and afterwards
PLAYED_AS = {'neighbour': 'stream', 'longer': 'stream', 'cut': 'stream', 'narrow': 'stream',
             'fixed': 'fixed', 'sizes': 'pingpong'}

GOODPUT = ('goodput_mbps', 'Mbit/s')
CHANGED = [('of_before', 'of what the way carried before'),
           ('before_mbps', 'Mbit/s carried before'), ('after_mbps', 'Mbit/s afterwards')]
# Kind -> what the tables show of it.
FIGURES = {
    'stream': [GOODPUT, ('retransmits_per_gb', 'segments repeated per GB'),
               ('late_ms', 'ms that the emulator was late at most')],
    'lone': [GOODPUT, ('retransmits_per_gb', 'segments repeated per GB')],
    'pingpong': [('round_trip_ms', 'ms')],
    'first': [GOODPUT],
    'beside': [('round_trip_ms', 'ms, loaded'), ('times_idle', 'loaded / idle'),
               ('p90_ms', 'ms, loaded, 90% are below'), GOODPUT],
    'both': [GOODPUT, ('jain', "Jain's index")],
    'overlap': [('whole_ms', 'ms'), ('alone_ms', 'ms, the message alone'),
                ('rate_of_idle', 'of the idle rate')],
    'neighbour': [('neighbour_mbps', 'Mbit/s of the neighbour'), GOODPUT],
    'slowed': [('of_the_rest', 'of 7/8 of the goodput before'), ('before_mbps', 'Mbit/s before'),
               ('after_mbps', 'Mbit/s after')],
    'longer': CHANGED,
    'cut': CHANGED,
    'narrow': CHANGED,
    'fixed': [GOODPUT],
    'sizes': [('round_trip_ms', 'ms, 8 bytes')],
}


def table(discard, seconds):
    """Name -> workload."""
    return {'stream-64M': ('stream', 64 * MB, discard, seconds),
            'stream-1M': ('stream', MB, discard, seconds),
            'stream-64K': ('stream', MB // 16, discard, seconds),
            'lone-1M': ('lone', MB, discard, seconds),
            'pingpong-64M': ('pingpong', 64 * MB, discard, seconds),
            'pingpong-8': ('pingpong', 8, discard, min(seconds, 10)),
            'first-64M': ('first', 64 * MB),
            'small-beside-bulk': ('beside', 64 * MB, discard, seconds),
            'slowed-stream': ('slowed', 16 * MB, discard, seconds),
            'longer-way': ('longer', 16 * MB, discard, max(seconds, 3 * CHANGED_S)),
            'cut-way': ('cut', 16 * MB, discard, max(seconds, CUT_S + 3 * CHANGED_S)),
            'narrow-way': ('narrow', 4 * MB, discard, max(seconds, NARROW_S + 3 * CHANGED_S)),
            'fixed-streams': ('fixed', 64 * MB, discard, seconds),
            'overlap': ('overlap', 80, 100, seconds),
            'neighbour': ('neighbour', 64 * MB, discard, seconds),
            'two-pairs': ('both', 64 * MB, discard, seconds),
            'sizes': ('sizes', min(seconds, 3))}


def seconds_of(workload):
    """What it takes beside starting."""
    kind, *numbers = workload
    if kind == 'first':
        return FIRST_S
    if kind == 'overlap':
        return numbers[-1]
    return sum(numbers[1:]) + (10 if kind == 'beside' else 0)


def measure(peer, link, workload):
    kind = workload[0]
    if kind == 'neighbour':
        return beside_iperf(peer, link, ('stream', *workload[1:]))
    if kind == 'slowed':
        return slowed(peer, link, ('stream', *workload[1:]))
    if kind in CHANGES:
        return changed(peer, link, workload)
    if kind == 'fixed':
        return peer.play(link, ('stream', *workload[1:]))[0]
    if kind == 'sizes':
        return sizes(peer, link, workload[1])
    told = peer.play(link, workload)
    if kind == 'both':
        return both(told)
    whole = {}
    for part in told:
        whole.update(part)
    return whole


def both(told):
    goodputs = [part['goodput_mbps'] for part in told]
    return {'goodput_mbps': sum(goodputs), 'each_mbps': goodputs, 'jain': jain(goodputs)}


def jain(shares):
    squares = sum(x * x for x in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0


def sizes(peer, link, seconds):
    """Goodput counts the bytes of one direction in half a round trip."""
    trips = {size: peer.play(link, ('pingpong', size, 0, seconds))[0]['round_trip_ms']
             for size in SIZES}
    return {'round_trip_ms': trips[SIZES[0]],
            'sizes': [{'size': size, 'round_trip_ms': ms, 'goodput_mbps': size * 16e-3 / ms}
                      for size, ms in trips.items()]}


def beside_iperf(peer, link, workload):
    import tools
    _, _, discard, seconds = workload
    with tools.Neighbour(link, seconds_of(workload) + 60) as neighbour:
        result = peer.play(link, workload)[0]
        ended = time.monotonic()
        neighbour.stop()
    # A peer takes a while to end: what it counted lies before that.
    result['neighbour_mbps'] = neighbour.goodput(ended - seconds - 1, ended - 3)
    return result


def goodput(completed, size, begin, end):
    """Mbit/s of the messages that were complete in a time."""
    before = [t for t in completed if t <= begin]
    within = [t for t in completed if begin < t <= end]
    if not within:
        return 0.0
    start = before[-1] if before else begin
    return len(within) * size * 8e-6 / (max(within[-1], end - 1) - start)


def await_traffic(link, size, until):
    while link.statistics()['ab']['passed']['bytes'] < size:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def played_with(peer, link, workload, act, **options):
    """The peer's result, and what act() returned, which is called when traffic has begun."""
    acted, errors = [], []

    def wait_and_act():
        try:
            if await_traffic(link, 16 * MB, time.monotonic() + 60):
                acted.append(act())
        except Exception as error:  # told by the thread that measures
            errors.append(error)
    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        result = peer.play(link, workload, **options)[0]
    finally:
        thread.join()
    if not acted:
        raise RuntimeError(f'the way was not changed: {errors}')
    return result, acted[0]


def carried_mbps(link, seconds):
    """What passes from a to b from now on."""
    begin, before = time.monotonic(), link.statistics()['ab']['passed']['bytes']
    time.sleep(seconds)
    passed = link.statistics()['ab']['passed']['bytes'] - before
    return passed * 8e-6 / (time.monotonic() - begin)


def lengthen(link):
    link.set('both', delay=int(link.delay_ns * LONGER))


def cut_for_a_while(link):
    link.set('both', cut=1)
    time.sleep(CUT_S)
    link.set('both', cut=0)


def narrow_for_a_while(link):
    rate = link.rate_bps
    link.set('both', rate=int(NARROW * rate))
    time.sleep(NARROW_S)
    link.set('both', rate=rate)


CHANGES = {'longer': lengthen, 'cut': cut_for_a_while, 'narrow': narrow_for_a_while}


def changed(peer, link, workload):
    """What the way carries in the seconds after it changed, and in as many before."""
    kind, size, discard, seconds = workload

    def change():
        time.sleep(max(discard - CHANGED_S, 0))
        before = carried_mbps(link, CHANGED_S)
        CHANGES[kind](link)
        return before, carried_mbps(link, CHANGED_S)
    result, (before, after) = played_with(peer, link, ('stream', size, discard, seconds), change)
    result.update(before_mbps=before, after_mbps=after, of_before=after / before if before else 0)
    return result


def slowed(peer, link, workload):
    """From 2 s on after the slowing, against 7 of 8 parts of what went before."""
    _, size, discard, seconds = workload

    def slow():
        time.sleep(discard)
        link.slow('ab', SLOWED_TO)
        return time.monotonic()
    result, at = played_with(peer, link, workload, slow, n_streams=SLOWED_STREAMS)
    completed = result['completed_s']
    before = goodput(completed, size, at - max(discard / 2, 1), at)
    after = goodput(completed, size, at + 2, completed[-1])
    rest = before * (SLOWED_STREAMS - 1) / SLOWED_STREAMS
    result.update(before_mbps=before, after_mbps=after, slowed_s=at,
                  of_the_rest=after / rest if rest else 0)
    return result
