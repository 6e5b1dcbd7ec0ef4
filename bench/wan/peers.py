# SPDX-License-Identifier: BSD-3-Clause
"""The peers that compare sets side by side on an emulated link: how each is started, and what of
the workloads it can do. A workload is a tuple: ('stream', size, discard_s, time_s), ('pingpong',
size, time_s) or ('first', size); its result is the JSON object that traffic.c prints."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
START_S = 60  # what a run may take beside its own time


class PeerError(Exception):
    """A run failed; the text has its output."""


def seconds_of(workload):
    if workload[0] == 'stream':
        return sum(workload[2:])
    return workload[2] if workload[0] == 'pingpong' else 0


def run(command, workload, env=None):
    """Standard output of a command that must end well in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=START_S + 3 * seconds_of(workload),
                              env=dict(os.environ, **(env or {})))
    except subprocess.TimeoutExpired as error:
        raise PeerError(f'{command} took too long') from error
    if done.returncode != 0:
        raise PeerError(f'{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}')
    return done.stdout


def result_in(output):
    for line in output.splitlines():
        if line.startswith('{'):
            return json.loads(line)
    raise PeerError(f'no result in:\n{output}')


def await_listener(link, port):
    until = time.monotonic() + START_S
    while f':{port} ' not in run(link.command('b', ['ss', '-Hltn']), ('first', 0)):
        if time.monotonic() > until:
            raise PeerError(f'nothing listens on port {port}')
        time.sleep(0.05)


class Peer:
    workloads = ('stream', 'pingpong', 'first')

    def __init__(self, name, build):
        self.name, self.build = name, build

    def program(self, name):
        return self.build / 'bench' / 'wan' / name

    def missing(self):
        """Why it is left out, or None."""
        return None

    def can(self, workload):
        return workload[0] in self.workloads

    def measure(self, link, workload):
        raise NotImplementedError


class Sockets(Peer):
    """wan-path, wan-zmq and wan-tcp: one side listens, the other opens."""

    PORT = 7100

    def __init__(self, name, build, program):
        super().__init__(name, build)
        self.path = self.program(program)

    def missing(self):
        return None if self.path.exists() else f'{self.path.name} was not built'

    def measure(self, link, workload):
        words = list(map(str, workload))
        listener = link.command('b', [self.path, f'listen:{self.PORT}', *words])
        opener = link.command('a', [self.path, f'{link.address("b")}:{self.PORT}', *words])
        with subprocess.Popen(listener, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              text=True) as b:
            try:
                await_listener(link, self.PORT)
                output = run(opener, workload)
                return result_in(output + b.communicate(timeout=START_S)[0])
            finally:
                b.kill()


class Widespan(Peer):
    """MPI over two sites of one rank each."""

    def __init__(self, name, build):
        super().__init__(name, build)
        self.folder = tempfile.TemporaryDirectory()

    def missing(self):
        return None if self.program('wan-mpi').exists() else 'wan-mpi was not built'

    def job(self, link):
        lines = ['[job]', 'name = compare']
        for side in 'ab':
            launch = ' '.join(link.command(side, ['mpirun', '-n', '{ranks}']))
            # The words of `sh -c` are one argument.
            launch = launch.replace(f'hostname wan-{side}; exec "$@"',
                                    f"'hostname wan-{side}; exec \"$@\"'")
            lines += [f'[site {side}]', 'ranks = 1', f'launch = {launch}',
                      f'address = {link.address(side)}']
        path = pathlib.Path(self.folder.name, 'job.ini')
        path.write_text('\n'.join(lines) + '\n')
        return path

    def measure(self, link, workload):
        widespan = self.build / 'src' / 'tools' / 'widespan'
        command = [widespan, 'run', '--job', self.job(link), self.program('wan-mpi'), '-',
                   *workload]
        return result_in(run(link.command('a', command), workload))


class Launched(Peer):
    """A host MPI's own TCP: its mpirun at one end starts a process at the other."""

    def __init__(self, name, build, program, mpirun, options, env):
        super().__init__(name, build)
        self.path, self.mpirun, self.options = self.program(program), mpirun, options
        self.env = env

    def missing(self):
        if not shutil.which(self.mpirun):
            return f'{self.mpirun} is not there'
        return None if self.path.exists() else f'{self.path.name} was not built'

    def measure(self, link, workload):
        hosts = ','.join(link.address(side) for side in 'ab')
        command = [self.mpirun, *(o.replace('HOSTS', hosts) for o in self.options), '-n', '2',
                   self.path, '-', *workload]
        env = dict(self.env, WAN_LINK=link.name)
        return result_in(run(link.command('a', command), workload, env))


class Iperf(Peer):
    """iperf3 with a fixed number of streams."""

    PORT = 5201
    workloads = ('stream',)

    def __init__(self, n_streams, build):
        super().__init__(f'iperf3 -P {n_streams}', build)
        self.n_streams = n_streams

    def missing(self):
        return None if shutil.which('iperf3') else 'iperf3 is not there'

    def measure(self, link, workload):
        _, _, discard, seconds = workload
        with subprocess.Popen(link.command('b', ['iperf3', '-s', '-1']), text=True,
                              stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as server:
            try:
                await_listener(link, self.PORT)
                output = run(link.command('a', ['iperf3', '-c', link.address('b'), '-J',
                                                '-P', self.n_streams, '-O', int(discard),
                                                '-t', int(seconds)]), workload)
            finally:
                server.kill()
        told = json.loads(output)
        return {'goodput_mbps': told['end']['sum_received']['bits_per_second'] / 1e6,
                'retransmits': told['end']['sum_sent'].get('retransmits'),
                'series_mbps': [i['sum']['bits_per_second'] / 1e6 for i in told['intervals']]}


def all_peers(build):
    as_rsh = str(HERE / 'as-rsh')
    root = {'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}
    return [
        Widespan('Widespan', build),
        Sockets('Widespan path', build, 'wan-path'),
        *(Iperf(n, build) for n in (1, 8, 32, 128)),
        Sockets('bare TCP', build, 'wan-tcp'),
        Sockets('ZeroMQ', build, 'wan-zmq'),
        Launched('Open MPI TCP', build, 'wan-mpi', 'mpirun.openmpi',
                 ['--mca', 'plm_rsh_agent', as_rsh, '--host', 'HOSTS', '--mca', 'pml', 'ob1',
                  '--mca', 'btl', 'tcp,self', '--mca', 'btl_tcp_if_include', 'wan0',
                  '--mca', 'oob_tcp_if_include', 'wan0'], root),
        Launched('MPICH TCP', build, 'wan-mpich', 'mpirun.mpich',
                 ['-launcher', 'rsh', '-launcher-exec', as_rsh, '-hosts', 'HOSTS',
                  '-env', 'UCX_TLS', 'tcp,self', '-env', 'UCX_NET_DEVICES', 'wan0'], {}),
    ]
