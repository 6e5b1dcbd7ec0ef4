# SPDX-License-Identifier: BSD-3-Clause
"""Peers that are programs: iperf3 with a number of streams, and scp; and the iperf3 that runs as a
neighbour of others."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from peers import START_S, Peer, PeerError, await_listener, libraries, package, run
from workloads import MB

IPERF_STREAMS = (1, 8, 16, 32, 128)


def spawn(command, **more):
    return subprocess.Popen(list(map(str, command)), text=True, stdin=subprocess.DEVNULL,
                            **{'stdout': subprocess.DEVNULL, **more})


class Iperf(Peer):
    """Its messages have no size; nor has the stream that a pair of it would run beside."""

    PORT = 5201
    plays = ('stream', 'beside')
    has_messages = False

    def __init__(self, n_streams, build):
        super().__init__(f'iperf3 -P {n_streams}', build)
        self.n_streams = n_streams

    def missing(self):
        return None if shutil.which('iperf3') else f'iperf3 is not there {package("iperf3")}'

    def play(self, link, workload):
        _, _, discard, seconds = workload
        with spawn(link.command('b', ['iperf3', '-s', '-1'])) as server:
            try:
                await_listener(link, self.PORT)
                output = run(link.command('a', ['iperf3', '-c', link.address('b'), '-J',
                                                '-P', self.n_streams, '-O', int(discard),
                                                '-t', int(seconds)]), discard + seconds)
            finally:
                server.kill()
        told = json.loads(output)
        # Without the discarded seconds: those that count start again at 0.
        return [{'goodput_mbps': told['end']['sum_received']['bits_per_second'] / 1e6,
                 'streams_mbps': [s['receiver']['bits_per_second'] / 1e6
                                  for s in told['end']['streams']],
                 'series_mbps': [i['sum']['bits_per_second'] / 1e6 for i in told['intervals']]}]


class Neighbour:
    """One iperf3 -P 1 from a to b, for the length of a `with`."""

    PORT = 5202

    def __init__(self, link, seconds):
        self.link, self.seconds, self.told = link, int(seconds), None

    def __enter__(self):
        self.server = spawn(self.link.command('b', ['iperf3', '-s', '-1', '-p', self.PORT]))
        try:
            await_listener(self.link, self.PORT)
            self.began = time.monotonic()
            self.client = spawn(self.link.command(
                'a', ['iperf3', '-c', self.link.address('b'), '-p', self.PORT, '-J', '-i', '0.5',
                      '-t', self.seconds]), stdout=subprocess.PIPE)
        except BaseException:
            self.server.kill()
            self.server.wait()
            raise
        return self

    def stop(self):
        """Ends it; it tells then what it did."""
        self.client.send_signal(signal.SIGINT)
        self.told = json.loads(self.client.communicate(timeout=START_S)[0])

    def goodput(self, begin, end):
        """Mbit/s between two times of the monotonic clock."""
        rates = [i['sum']['bits_per_second'] / 1e6 for i in self.told['intervals']
                 if begin - self.began <= i['sum']['start'] and i['sum']['end'] <= end - self.began]
        return sum(rates) / len(rates) if rates else 0.0

    def __exit__(self, *_):
        for process in (self.client, self.server):
            process.kill()
            process.wait()
        self.client.stdout.close()


class Scp(Peer):
    """One file of a gigabyte, from memory to memory; with keys of its own, thrown away."""

    PORT = 2222
    SIZE = 1 << 30
    SSHD = '/usr/sbin/sshd'
    plays = ('stream',)

    def missing(self):
        there = os.path.exists(self.SSHD) and shutil.which('scp')
        return None if there else f'sshd or scp is not there {package("openssh-server")}'

    def can(self, workload):
        return workload[:2] == ('stream', 64 * MB)  # it has no messages; once is enough

    def play(self, link, workload):
        with tempfile.TemporaryDirectory(dir='/dev/shm') as folder:
            return [self.copy(link, workload, pathlib.Path(folder))]

    def server(self, link, folder):
        for name in ('host', 'user'):
            run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / name], 0)
        (folder / 'authorized').write_text((folder / 'user.pub').read_text())
        pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        # In a namespace of processes that ends with it: a session would outlive its server.
        return spawn(link.command('b', [
            'unshare', '--pid', '--fork', '--kill-child', self.SSHD, '-D', '-f', '/dev/null', '-p', self.PORT, '-h', folder / 'host',
            '-o', f'AuthorizedKeysFile={folder}/authorized', '-o', 'StrictModes=no',
            '-o', 'PidFile=none', '-o', 'PermitRootLogin=prohibit-password',
            '-o', 'Subsystem=sftp internal-sftp']), stderr=subprocess.DEVNULL)

    def copy(self, link, workload, folder):
        _, _, discard, seconds = workload
        source, target = folder / 'source', folder / 'target'
        with open(source, 'wb') as file:
            file.truncate(self.SIZE)
        command = link.command('a', [
            'scp', '-q', '-P', self.PORT, '-i', folder / 'user', '-o', 'IdentitiesOnly=yes',
            '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o',
            'UserKnownHostsFile=/dev/null', source, f'{link.address("b")}:{target}'])
        with self.server(link, folder) as server:
            try:
                await_listener(link, self.PORT)
                with spawn(command, stderr=subprocess.PIPE) as client:
                    try:
                        return self.watch(client, target, discard, seconds)
                    finally:
                        client.kill()
            finally:
                server.kill()

    def watch(self, client, target, discard, seconds):
        """Where the file takes longer than the stream of others, only as long is counted."""
        def arrived():
            return target.stat().st_size if target.exists() else 0
        begin, series, at_discard = time.monotonic(), [], None
        while client.poll() is None and time.monotonic() - begin < discard + seconds:
            time.sleep(0.1)
            series.append((time.monotonic() - begin, arrived()))
            if at_discard is None and series[-1][0] >= discard:
                at_discard = series[-1]
        took, n = time.monotonic() - begin, arrived()
        if client.poll() is not None:
            if client.returncode != 0 or n != self.SIZE:
                raise PeerError(f'scp ended with {client.returncode}: {client.stderr.read()}')
            return {'goodput_mbps': n * 8e-6 / took}
        start, before = at_discard or (0, 0)
        return {'goodput_mbps': (n - before) * 8e-6 / (took - start)}


def all_peers(build):
    there = libraries(build)
    return [there[0], *(Iperf(n, build) for n in IPERF_STREAMS), *there[1:], Scp('scp', build)]
