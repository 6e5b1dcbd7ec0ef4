# SPDX-License-Identifier: BSD-3-Clause
"""The peers that compare sets side by side on a link: how each is started, and what of the workloads
it can do. The workloads are those of workloads.py; tools.py has the peers that are no library."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import workloads

HERE = pathlib.Path(__file__).resolve().parent
START_S = 60  # what a run may take beside its own time
# Each side's mpirun takes the machine for its own, and would bind its first rank to the first core.
UNBOUND = ['--bind-to', 'none']


class PeerError(Exception):
    """A run failed; the text has its output."""


def run(command, seconds, env=None):
    """Standard output of a command that must end well in time."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=START_S + 3 * seconds,
                              env=dict(os.environ, **(env or {})))
    except subprocess.TimeoutExpired as error:
        raise PeerError(f'{command} took too long') from error
    if done.returncode != 0:
        raise PeerError(f'{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}')
    return done.stdout


def results_in(output):
    """The JSON objects that processes printed."""
    results = [json.loads(line) for line in output.splitlines() if line.startswith('{')]
    if not results:
        raise PeerError(f'no result in:\n{output}')
    return results


def await_listener(link, port):
    until = time.monotonic() + START_S
    while f':{port} ' not in run(link.command('b', ['ss', '-Hltn']), 0):
        if time.monotonic() > until:
            raise PeerError(f'nothing listens on port {port}')
        time.sleep(0.05)


def package(name):
    return f'(package {name}; make bench installs it)'


class Peer:
    plays = ('stream', 'lone', 'pingpong', 'first')  # kinds of workload, beside those made of them
    has_messages = True  # otherwise a stream is the same for it whatever their size

    def __init__(self, name, build):
        self.name, self.build = name, build

    def program(self, name):
        return self.build / 'bench' / 'wan' / name

    def missing(self):
        """Why it is left out, or None."""
        return None

    def can(self, workload):
        return workloads.PLAYED_AS.get(workload[0], workload[0]) in self.plays

    def play(self, link, workload):
        """Runs a workload of `plays`; a list of what its sides told."""
        raise NotImplementedError

    def measure(self, link, workload):
        """The result of any workload that it can do, as one object."""
        return workloads.measure(self, link, workload)


class Sockets(Peer):
    """wan-path, wan-zmq and wan-tcp: one side listens, the other opens."""

    PORT = 7100

    def __init__(self, name, build, program, needs=''):
        super().__init__(name, build)
        self.path, self.needs = self.program(program), needs

    def missing(self):
        return None if self.path.exists() else f'{self.path.name} was not built {self.needs}'

    def play(self, link, workload):
        words = list(map(str, workload))
        listener = link.command('b', [self.path, f'listen:{self.PORT}', *words])
        opener = link.command('a', [self.path, f'{link.address("b")}:{self.PORT}', *words])
        with subprocess.Popen(listener, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              text=True) as b:
            try:
                await_listener(link, self.PORT)
                output = run(opener, workloads.seconds_of(workload))
                return results_in(output + b.communicate(timeout=START_S)[0])
            finally:
                b.kill()


class Mpi(Peer):
    """Programs of MPI: one rank at each side, or two pairs."""

    plays = ('stream', 'lone', 'pingpong', 'first', 'beside', 'both', 'overlap')
    PROGRAMS = {'beside': 'pairs', 'both': 'pairs', 'first': 'pairs', 'overlap': 'overlap'}
    prefix = 'wan-'

    def command(self, workload):
        """Ranks at each side, and the program with its words."""
        name = self.PROGRAMS.get(workload[0])
        program = self.program(self.prefix + name) if name else self.traffic()
        return 2 if name == 'pairs' else 1, [program, '-', *workload]

    def traffic(self):
        return self.program('wan-mpi')


class Widespan(Mpi):
    """MPI over two sites; with n_streams, their number is fixed by hand."""

    plays = Mpi.plays + ('fixed',)

    def __init__(self, build, n_streams=None):
        super().__init__(f'Widespan -P {n_streams}' if n_streams else 'Widespan', build)
        self.folder = tempfile.TemporaryDirectory()
        self.stats = pathlib.Path(self.folder.name, 'stats.json')
        self.n_streams = n_streams

    def missing(self):
        return None if self.program('wan-mpi').exists() else 'wan-mpi was not built'

    def can(self, workload):
        if self.n_streams:
            return workload[0] == 'fixed'
        return workload[0] == 'slowed' or super().can(workload)

    def job(self, link, n_ranks):
        lines = ['[job]', 'name = compare']
        for side in 'ab':
            launch = ' '.join(link.command(side, ['mpirun', *UNBOUND, '-n', '{ranks}']))
            # The words of `sh -c` are one argument.
            launch = launch.replace(f'hostname wan-{side}; exec "$@"',
                                    f"'hostname wan-{side}; exec \"$@\"'")
            lines += [f'[site {side}]', f'ranks = {n_ranks}', f'launch = {launch}',
                      f'address = {link.address(side)}']
        path = pathlib.Path(self.folder.name, 'job.ini')
        path.write_text('\n'.join(lines) + '\n')
        return path

    def play(self, link, workload, n_streams=None):
        widespan = self.build / 'src' / 'tools' / 'widespan'
        n_ranks, words = self.command(workload)
        command = [widespan, 'run', '--job', self.job(link, n_ranks), *words]
        env = {'WIDESPAN_STATS': f'json:{self.stats}'}
        if n_streams or self.n_streams:
            env['WIDESPAN_STREAMS'] = str(n_streams or self.n_streams)
        if link.device == 'lo':
            env['OMPI_MCA_oob_tcp_if_include'] = 'lo'  # what its mpirun leaves out else
        self.stats.unlink(missing_ok=True)
        told = results_in(run(link.command('a', command), workloads.seconds_of(workload), env))
        if n_ranks == 1:
            told[0]['statistics'] = self.statistics()
        return told

    def statistics(self):
        """What the sending rank says of its link."""
        if not self.stats.exists():
            return None
        ranks = map(json.loads, self.stats.read_text().splitlines())
        return next((r['link'] for r in ranks if r.get('rank') == 0), None)


class Launched(Mpi):
    """A host MPI's own TCP: its mpirun at one end starts a process at the other."""

    def __init__(self, name, build, program, mpirun, options, env, needs):
        super().__init__(name, build)
        self.path, self.mpirun, self.options = self.program(program), mpirun, options
        self.env, self.needs = env, needs
        self.prefix = 'wan-mpich-' if 'mpich' in program else 'wan-'

    def missing(self):
        if not shutil.which(self.mpirun):
            return f'{self.mpirun} is not there {self.needs}'
        return None if self.path.exists() else f'{self.path.name} was not built {self.needs}'

    def traffic(self):
        return self.path

    def play(self, link, workload):
        n_ranks, words = self.command(workload)
        hosts = ','.join(f'{link.address(side)}:{n_ranks}' for side in 'ab')
        options = [o.replace('HOSTS', hosts).replace('@DEVICE@', link.device) for o in self.options]
        command = [self.mpirun, *options, '-n', 2 * n_ranks, *words]
        env = dict(self.env, WAN_LINK=link.name)
        return results_in(run(link.command('a', command), workloads.seconds_of(workload), env))


def libraries(build):
    as_rsh = str(HERE / 'as-rsh')
    root = {'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}
    return [
        Widespan(build),
        *(Widespan(build, n) for n in workloads.FIXED_STREAMS),
        Sockets('Widespan path', build, 'wan-path'),
        Sockets('bare TCP', build, 'wan-tcp'),
        Sockets('ZeroMQ', build, 'wan-zmq', package('libzmq3-dev')),
        Launched('Open MPI TCP', build, 'wan-mpi', 'mpirun.openmpi',
                 ['--mca', 'plm_rsh_agent', as_rsh, '--host', 'HOSTS', '--mca', 'pml', 'ob1',
                  '--mca', 'btl', 'tcp,self', '--mca', 'btl_tcp_if_include', '@DEVICE@',
                  '--mca', 'oob_tcp_if_include', '@DEVICE@', *UNBOUND], root, package('openmpi-bin')),
        Launched('MPICH TCP', build, 'wan-mpich', 'mpirun.mpich',
                 ['-launcher', 'rsh', '-launcher-exec', as_rsh, '-hosts', 'HOSTS',
                  '-env', 'UCX_TLS', 'tcp,self', '-env', 'UCX_NET_DEVICES', '@DEVICE@'], {},
                 package('mpich')),
    ]
