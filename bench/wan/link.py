# SPDX-License-Identifier: BSD-3-Clause
"""A wide-area link between two network namespaces, for benches and tests.

    with Link(rtt='30ms', rate='1G', loss='0.01%', congestion='bbr') as link:
        subprocess.run(link.command('a', ['ping', '-c1', link.address('b')]))
        link.set('both', cut=1)

Needs root; nothing stays behind. A link is emulated by the kernel's netem where it has one that can
do what is asked (netem.py), else by emulator.c; $WAN_KIND=emulator or netem forces one. Two links are
not emulated: `veth`, a plain pair of devices, and `loopback`, where both ends share a namespace.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import netem
import spaces
from spaces import ADDRESSES, LinkError, inside, ip, namespace

DEADLINE_S = 10
KINDS = ('emulator', 'netem', 'veth', 'loopback')
TIME_NS = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}
MULTIPLES = {'': 1, 'K': 1e3, 'M': 1e6, 'G': 1e9}

# The links of docs/performance.md; loss is of each direction.
LINKS = {
    'regional': {'rtt': '10ms', 'rate': '1G', 'congestion': 'bbr'},
    'continental': {'rtt': '30ms', 'rate': '1G', 'loss': '0.01%', 'congestion': 'bbr'},
    'continental-cubic': {'rtt': '30ms', 'rate': '1G', 'loss': '0.01%', 'congestion': 'cubic'},
    'intercontinental': {'rtt': '100ms', 'rate': '1G', 'loss': '0.05%', 'congestion': 'bbr'},
    'intercontinental-cubic': {'rtt': '100ms', 'rate': '1G', 'loss': '0.05%',
                               'congestion': 'cubic'},
    'policed': {'rtt': '30ms', 'rate': '1G', 'flow_cap': '100M', 'congestion': 'bbr'},
    'veth': {'kind': 'veth'},
    'loopback': {'kind': 'loopback'},
}


def parse(text, units, what):
    """A number with one of these units behind it."""
    match = re.fullmatch(r'([0-9]*\.?[0-9]+)([A-Za-z%]*)', str(text))
    if not match or match[2] not in units:
        raise LinkError(f'{what}: {text} is not a number with one of the units '
                        f'{", ".join(u or "none" for u in units)}')
    return float(match[1]) * units[match[2]]


def settings(rtt='0ms', rate='0', queue=None, loss='0', flow_cap='0', jitter='0ms'):
    """What the emulator is told of each direction, in its units. A queue of None is one
    bandwidth-delay product, of "0" without limit."""
    rtt_ns, rate_bps = parse(rtt, TIME_NS, 'rtt'), parse(rate, MULTIPLES, 'rate')
    product = max(rate_bps / 8 * rtt_ns / 1e9, 65536)
    return {'delay': int(rtt_ns / 2), 'rate': int(rate_bps),
            'queue': int(product if queue is None else parse(queue, MULTIPLES, 'queue')),
            'loss': parse(loss, {'': 1, '%': 0.01}, 'loss'),
            'flow_cap': int(parse(flow_cap, MULTIPLES, 'flow cap')),
            'jitter': int(parse(jitter, TIME_NS, 'jitter'))}


def missing():
    """What keeps links from being made here, or None."""
    if os.geteuid() != 0:
        return 'links between namespaces need root'
    if not os.path.exists('/dev/net/tun'):
        return 'emulated links need /dev/net/tun'
    if not shutil.which('ip'):
        return 'links between namespaces need the command ip (package iproute2)'
    return None


def control_path(name):
    return f'/run/widespan-wan-{name}.socket'


def ask(name, request):
    """The emulator's answer to a line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(control_path(name))
        connection.sendall(request.encode() + b'\n')
        answer = b''
        while not answer.endswith(b'\n'):
            more = connection.recv(4096)
            if not more:
                raise LinkError(f'the emulator of {name} hung up')
            answer += more
    text = answer.decode().strip()
    if text.startswith('error'):
        raise LinkError(f'{request}: {text}')
    return text


def is_netem(name):
    return netem.state_path(name).exists()


def change(name, direction, **values):
    """Changes settings while the link works; direction: ab, ba or both."""
    if is_netem(name):
        netem.change(name, direction, **values)
        return
    ask(name, f'set {direction} ' + ' '.join(f'{k}={v}' for k, v in values.items()))


def slow(name, direction, fraction):
    """Slows the flow that is busiest now in a direction, ab or ba; 1 ends it."""
    if is_netem(name):
        raise LinkError('netem cannot slow one flow; use the emulator')
    ask(name, f'slow {direction} {fraction}')


def start_emulator(name, program, seed, stays):
    command = [str(program), '--a', f'/run/netns/{namespace(name, "a")}',
               '--b', f'/run/netns/{namespace(name, "b")}', '--control', control_path(name),
               '--seed', str(seed)]
    emulator = subprocess.Popen(command + (['--stay'] if stays else []), stdout=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True, start_new_session=stays)
    if emulator.stdout.readline().strip() != 'ready':
        emulator.wait(DEADLINE_S)
        raise LinkError(f'the emulator {program} did not start')
    return emulator


def kind_for(name, kind, told):
    kind = kind or os.environ.get('WAN_KIND')
    if kind and kind not in KINDS:
        raise LinkError(f'kind: {kind} is none of {", ".join(KINDS)}')
    if kind:
        return kind
    return 'netem' if netem.can(told) and netem.is_there(name) else 'emulator'


def up(name, program, congestion=None, seed=1, stays=False, kind=None, **options):
    """Makes a link; returns the process of its emulator, if it has one."""
    told, emulator = settings(**options), None
    reason = missing()
    if reason:
        raise LinkError(reason)
    try:
        spaces.make(name, is_one=kind == 'loopback')
        kind = kind_for(name, kind, told)
        if kind == 'emulator':
            emulator = start_emulator(name, program, seed, stays)
            change(name, 'both', **told)
        elif kind == 'netem':
            netem.up(name, told)
        elif kind == 'veth':
            spaces.join_by_veth(name)
        for side in ADDRESSES:
            spaces.configure(name, side, 'lo' if kind == 'loopback' else 'wan0', congestion)
        if kind in ('veth', 'netem'):
            spaces.await_carrier(name)
    except BaseException:
        down(name)
        raise
    return emulator


def down(name):
    """Takes a link away, whatever there is of it."""
    try:
        ask(name, 'quit')
    except OSError:
        pass  # it has none, or it ended already
    pathlib.Path(control_path(name)).unlink(missing_ok=True)
    netem.state_path(name).unlink(missing_ok=True)
    spaces.remove(name)


class Link:
    """A link for the length of a `with`; see up() and settings() for the options."""

    def __init__(self, program, name=None, **options):
        self.program, self.options = program, options
        self.name = name or f'{os.getpid()}-{time.monotonic_ns() % 1000000}'
        self.emulator = None

    def __enter__(self):
        self.emulator = up(self.name, self.program, **self.options)
        return self

    def __exit__(self, *_):
        down(self.name)
        if not self.emulator:
            return
        try:
            self.emulator.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.emulator.send_signal(signal.SIGKILL)
            self.emulator.wait()
        self.emulator.stdout.close()

    def command(self, side, words):
        """A command line that runs words at one end."""
        return inside(self.name, side, words)

    @property
    def device(self):
        return 'lo' if self.options.get('kind') == 'loopback' else 'wan0'

    @property
    def delay_ns(self):
        """Of each direction, as the link came up."""
        return settings(rtt=self.options.get('rtt', '0ms'))['delay']

    @property
    def kind(self):
        """What carries it, while it is up: one of KINDS."""
        if self.emulator:
            return 'emulator'
        return 'netem' if is_netem(self.name) else self.options.get('kind') or 'veth'

    @property
    def rate_bps(self):
        """As the link came up, bits a second; 0: none is set."""
        return settings(rate=self.options.get('rate', '0'))['rate']

    @staticmethod
    def address(side):
        return ADDRESSES[side]

    def set(self, direction, **values):
        change(self.name, direction, **values)

    def slow(self, direction, fraction):
        slow(self.name, direction, fraction)

    def statistics(self):
        if is_netem(self.name):
            return netem.statistics(self.name)
        if self.emulator:
            return json.loads(ask(self.name, 'statistics'))
        return {direction: spaces.sent_by(self.name, side, self.device)
                for side, direction in (('a', 'ab'), ('b', 'ba'))}

    def cpu_s(self):
        """Processor time that the emulator took, which those that are measured did not get; most of
        it is the TCP of both ends, which runs where a device is written to."""
        if not self.emulator:
            return 0.0
        fields = pathlib.Path(f'/proc/{self.emulator.pid}/stat').read_text().rsplit(')', 1)[1]
        return sum(map(int, fields.split()[11:13])) / os.sysconf('SC_CLK_TCK')

    def tcp_counters(self, side):
        return spaces.tcp_counters(self.name, side)
