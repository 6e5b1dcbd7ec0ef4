# SPDX-License-Identifier: BSD-3-Clause
"""A link by the kernel's own emulation: a veth pair with a qdisc netem on either side.

None of the machines that the project runs on has netem, so of this only the words given to tc were
tried, not what netem makes of them: run tests/wan/test_link.py where there is one. It has no seed
(tc takes one only from 6.6 on), counts losses and overflows together, and cannot do caps of flows, a
slowed flow or jitter that keeps the order: links with those are the emulator's.
"""

import json
import pathlib

import spaces

PACKET_BYTES = 1500


def state_path(name):
    return pathlib.Path(f'/run/widespan-wan-{name}.netem')


def words(told):
    """The arguments of tc for these settings (see link.settings). The limit holds what waits and
    what travels; without a rate netem's transmitter is endless."""
    for key in ('flow_cap', 'jitter'):
        if told[key]:
            raise spaces.LinkError(f'{key}: netem cannot do this; use the emulator')
    on_the_way = told['rate'] / 8 * told['delay'] / 1e9
    limit = int((told['queue'] + on_the_way) / PACKET_BYTES) + 1
    if not told['rate'] or not told['queue']:
        limit = 1000000
    loss = 1 if told.get('cut') else told['loss']
    return ['netem', 'limit', str(limit), 'delay', f'{told["delay"] // 1000}us',
            *(['loss', f'{loss * 100:f}%'] if loss else []),
            *(['rate', f'{told["rate"]}bit'] if told['rate'] else [])]


def is_there(name):
    """Whether the kernel has netem, tried in a namespace of ours."""
    lo = ('tc', '-n', spaces.namespace(name, 'a'), 'qdisc')
    try:
        spaces.tell(*lo, 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms')
        spaces.tell(*lo, 'del', 'dev', 'lo', 'root')
    except (spaces.LinkError, OSError):
        return False
    return True


def can(told):
    try:
        return bool(words(told))
    except spaces.LinkError:
        return False


def apply(name, told):
    """told: settings of 'ab' and 'ba'."""
    for side, direction in (('a', 'ab'), ('b', 'ba')):
        spaces.tell('tc', '-n', spaces.namespace(name, side), 'qdisc', 'replace', 'dev', 'wan0',
                    'root', *words(told[direction]))
    state_path(name).write_text(json.dumps(told))


def up(name, told):
    spaces.join_by_veth(name)
    for side in spaces.ADDRESSES:
        # It would take 64 KiB of a flow for one packet, to lose or to hold.
        spaces.ip('-n', spaces.namespace(name, side), 'link', 'set', 'wan0', 'gso_max_segs', '1')
    apply(name, {'ab': told, 'ba': told})


def change(name, direction, **values):
    told = json.loads(state_path(name).read_text())
    for which in ('ab', 'ba') if direction == 'both' else (direction,):
        for key, value in values.items():
            if key not in told[which] and key != 'cut':
                raise spaces.LinkError(f'set {direction} {key}={value}: unknown key')
            told[which][key] = float(value) if key == 'loss' else int(float(value))
    apply(name, told)


def statistics(name):
    """As the emulator's; what was dropped counts as lost where loss was asked."""
    told, counts = json.loads(state_path(name).read_text()), {}
    for side, direction in (('a', 'ab'), ('b', 'ba')):
        qdisc = json.loads(spaces.tell('tc', '-n', spaces.namespace(name, side), '-s', '-j',
                                       'qdisc', 'show', 'dev', 'wan0'))[0]
        dropped = {'packets': qdisc['drops'], 'bytes': 0}
        none = {'packets': 0, 'bytes': 0}
        is_lossy = told[direction]['loss'] > 0 or told[direction].get('cut')
        counts[direction] = {
            'refused': 0, 'passed': {'packets': qdisc['packets'], 'bytes': qdisc['bytes']},
            'lost': dropped if is_lossy else none, 'policed': none,
            'overflowed': none if is_lossy else dropped}
    return counts
