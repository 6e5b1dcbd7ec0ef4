# SPDX-License-Identifier: BSD-3-Clause
"""Two network namespaces, a and b, and what joins them without an emulator."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

ADDRESSES = {'a': '10.77.0.1', 'b': '10.77.0.2'}
NAMED = pathlib.Path('/run/netns')


class LinkError(Exception):
    """The link cannot be made; the text says why."""


def namespace(name, side):
    return f'widespan-{name}-{side}'


def inside(name, side, words):
    """A command line that runs words at one end, which has a host name of its own, too: launchers
    tell machines apart by it."""
    return ['ip', 'netns', 'exec', namespace(name, side), 'unshare', '--uts', 'sh', '-c',
            f'hostname wan-{side}; exec "$@"', 'sh', *map(str, words)]


def tell(*words):
    """Standard output of a command that must do."""
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LinkError(f'{" ".join(words)}: {done.stderr.strip()}')
    return done.stdout


def ip(*words):
    tell('ip', *words)


def make(name, is_one=False):
    """Makes both, or one of two names."""
    for side in ADDRESSES:
        if side == 'b' and is_one:
            other = NAMED / namespace(name, 'b')
            other.touch(exist_ok=False)
            tell('mount', '--bind', str(NAMED / namespace(name, 'a')), str(other))
            continue
        ip('netns', 'add', namespace(name, side))
        subprocess.run(['ip', 'netns', 'exec', namespace(name, side), 'sysctl', '-q', '-w',
                        'net.ipv6.conf.all.disable_ipv6=1'], capture_output=True)


def remove(name):
    """Takes them away, whatever there is of them, with what still runs there: a launcher that gave
    up leaves processes at the other side, and those would keep the namespace and spin."""
    for side in ADDRESSES:
        pids = subprocess.run(['ip', 'netns', 'pids', namespace(name, side)], capture_output=True,
                              text=True).stdout
        for pid in map(int, pids.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(['ip', 'netns', 'delete', namespace(name, side)], capture_output=True)


def join_by_veth(name):
    """A pair of devices wan0."""
    ip('link', 'add', 'wan0', 'netns', namespace(name, 'a'), 'type', 'veth',
       'peer', 'name', 'wan0', 'netns', namespace(name, 'b'))


def configure(name, side, device, congestion):
    """Brings the device up, with its address; every connection over it has this control."""
    where = ('-n', namespace(name, side))
    ip(*where, 'link', 'set', 'lo', 'up')
    ip(*where, 'addr', 'add', f'{ADDRESSES[side]}/30', 'dev', device)
    if device == 'wan0':
        # The kernel's own queue in front of the emulator must not drop: that is the emulator's part.
        ip(*where, 'link', 'set', device, 'mtu', '1500', 'txqueuelen', '10000', 'up')
    if congestion:
        ip(*where, 'route', 'replace', '10.77.0.0/30', 'dev', device, 'src', ADDRESSES[side],
           'congctl', 'lock', congestion)


def await_carrier(name, deadline_s=10):
    """A pair of devices runs a while after both are up; some peers look for that."""
    until = time.monotonic() + deadline_s
    for side in ADDRESSES:
        while '"operstate":"UP"' not in tell('ip', '-n', namespace(name, side), '-j', 'link',
                                             'show', 'wan0'):
            if time.monotonic() > until:
                raise LinkError('the pair of devices has no carrier')
            time.sleep(0.02)


def sent_by(name, side, device):
    """What a device sent, in the form of the emulator's statistics."""
    told = json.loads(tell('ip', '-n', namespace(name, side), '-s', '-j', 'link', 'show', device))
    sent = told[0]['stats64']['tx']
    return {'refused': 0, 'passed': {'packets': sent['packets'], 'bytes': sent['bytes']}}


def tcp_counters(name, side):
    """The counters `Tcp:` of /proc/net/snmp, such as RetransSegs."""
    lines = tell('ip', 'netns', 'exec', namespace(name, side), 'cat', '/proc/net/snmp').splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith('Tcp:'))
    return dict(zip(names, map(int, values)))
