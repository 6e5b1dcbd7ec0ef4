# SPDX-License-Identifier: BSD-3-Clause
"""Runs real jobs for tests: finds the programs of the build, runs commands under a deadline and
leaves no process behind, lays out network namespaces, writes job files, reads counters.

A test is a script that imports this module, calls `main({name: function, ...})` and may be given
names of cases as arguments. Exit status 77 means skipped, with the reason on standard output.

The environment names the build: WSP_BUILD (its root), WSP_SOURCE (the source root)."""

import ctypes
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get('WSP_BUILD', '.')).resolve()
SOURCE = pathlib.Path(os.environ.get('WSP_SOURCE', pathlib.Path(__file__).parents[2])).resolve()
WIDESPAN = BUILD / 'src' / 'tools' / 'widespan'
EXAMPLES = BUILD / 'examples'
SITES = BUILD / 'tests' / 'sites'
FAULTS = BUILD / 'tests' / 'faults'

PR_SET_CHILD_SUBREAPER = 36


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Failure(Exception):
    """The test failed; the text says how."""


def expect(holds, text):
    if not holds:
        raise Failure(text)


class Result:
    def __init__(self, command, status, out, err, seconds, timed_out):
        self.command, self.status, self.out, self.err = command, status, out, err
        self.seconds, self.timed_out = seconds, timed_out

    def describe(self):
        how = 'ran into its deadline' if self.timed_out else f'exit status {self.status}'
        return (f'{" ".join(map(str, self.command))}\n{how} after {self.seconds:.1f} s\n'
                f'--- standard output\n{self.out[-4000:]}\n--- standard error\n{self.err[-4000:]}')

    def must_pass(self):
        expect(self.status == 0 and not self.timed_out, self.describe())
        return self


def environment(extra=None):
    """The environment of jobs: Open MPI's consent to run as root and on too few cores, which the
    ranks of several sites must then share: neither bound to one nor polling without a pause."""
    env = dict(os.environ)
    if os.geteuid() == 0:
        env['OMPI_ALLOW_RUN_AS_ROOT'] = env['OMPI_ALLOW_RUN_AS_ROOT_CONFIRM'] = '1'
    env['OMPI_MCA_rmaps_base_oversubscribe'] = env['OMPI_MCA_mpi_yield_when_idle'] = '1'
    env['OMPI_MCA_hwloc_base_binding_policy'] = 'none'
    env.update(extra or {})
    return env


SESSIONS = pathlib.Path(tempfile.gettempdir(), f'wsp-mpirun-{os.getpid()}')
session_numbers = itertools.count()


def mpirun(*before):
    """The words of a plain mpirun that keeps its session apart from others', as they would make and
    remove one folder at the same time. `widespan run --sites` sees to that by itself."""
    session = SESSIONS / str(next(session_numbers))
    return ['env', f'OMPI_MCA_orte_tmpdir_base={session}', *before, 'mpirun']


def children_of(pid):
    """All descendants of a process, deepest last."""
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                stat = pathlib.Path('/proc', entry, 'stat').read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(')', 1)[1].split()[1]), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        queue = [child for parent in queue for child in parents.get(parent, [])]
        found += queue
    return found


def end_children(keep=()):
    """Ends every process this test started, but those to keep and theirs. Orphans are ours too:
    the test is their subreaper."""
    spared = set(keep)
    for pid in keep:
        spared.update(children_of(pid))
    for pid in children_of(os.getpid()):
        if pid not in spared:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    while True:  # reap the orphans; Popen objects reap their own
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


class Process:
    """A command under way. Ends with the `with` block, whatever happens."""

    def __init__(self, command, env=None, cwd=None, stdin=None):
        self.command = [str(part) for part in command]
        self.out_file, self.err_file = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.in_file = tempfile.TemporaryFile()
        self.in_file.write((stdin or '').encode())
        self.in_file.seek(0)
        self.started = time.monotonic()
        self.popen = subprocess.Popen(self.command, env=environment(env), cwd=cwd,
                                      stdin=self.in_file, stdout=self.out_file,
                                      stderr=self.err_file, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def read(self, file):
        file.flush()
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors='replace')

    def result(self, timed_out):
        return Result(self.command, self.popen.returncode, self.read(self.out_file),
                      self.read(self.err_file), time.monotonic() - self.started, timed_out)

    def wait(self, deadline):
        try:
            self.popen.wait(deadline)
            return self.result(False)
        except subprocess.TimeoutExpired:
            self.end()
            return self.result(True)

    def await_line(self, text, deadline=10):
        """Waits until the standard output holds this text."""
        until = time.monotonic() + deadline
        while text not in self.read(self.out_file):
            expect(time.monotonic() < until and self.popen.poll() is None,
                   f'no line "{text}" from {self.command}: {self.read(self.err_file)}')
            time.sleep(0.01)

    def end(self, signal_number=signal.SIGKILL):
        """Ends the command with all its descendants."""
        family = [self.popen.pid] + children_of(self.popen.pid)
        for pid in family:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                pass
        self.popen.wait()


def run(command, deadline=60, env=None, cwd=None, stdin=None, keep=()):
    """Runs a command to its end or its deadline; no process of it is left. keep: pids that other
    parts of the test still need."""
    with Process(command, env, cwd, stdin) as process:
        result = process.wait(deadline)
    end_children(keep)
    return result


def need_root(what):
    if os.geteuid() != 0:
        raise Skip(f'{what} needs root')


def need_program(path):
    found = shutil.which(str(path))
    if not found:
        raise Skip(f'{path} is not there')
    return found


def widespan(*arguments):
    need_program(WIDESPAN)
    return [WIDESPAN, *arguments]


def spread(sites):
    """[2, 2, 1] -> "2,2,1", as the test programs take it."""
    return ','.join(map(str, sites))


def run_over(sites, program, deadline=60, env=None, keep=(), cwd=None):
    """Runs a program with arguments over local sites of these many ranks each."""
    with tempfile.TemporaryDirectory() as folder:
        job = write_job(folder, [{'ranks': n} for n in sites])
        return run(widespan('run', '--job', job, *program), deadline, env, cwd, keep=keep)


def write_job(folder, sites, name='test'):
    """Writes a job file; each site is a dict of ranks and, if need be, launch and address."""
    path = pathlib.Path(folder, 'job.ini')
    lines = ['[job]', f'name = {name}']
    for index, site in enumerate(sites):
        launch = site.get('launch', ' '.join(mpirun()) + ' --oversubscribe -n {ranks}')
        lines += [f'[site {site.get("name", "site" + "abcdefgh"[index])}]',
                  f'ranks = {site["ranks"]}', f'launch = {launch}',
                  f'address = {site.get("address", "127.0.0.1")}']
    path.write_text('\n'.join(lines) + '\n')
    return path


def read_stats(path):
    """The counters that WIDESPAN_STATS=json:FILE left, one dict a rank."""
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines() if line]


def total(stats, counter):
    """The sum of a counter over all ranks, wherever in the objects it stands."""
    def find(value):
        if not isinstance(value, dict):
            return 0
        return sum(number if key == counter else find(number) for key, number in value.items())
    return sum(find(rank) for rank in stats)


class Namespaces:
    """Network namespaces joined by a bridge-less star: the first has a veth pair to each other one.
    With two it is one pair. names[i] has addresses[i]; every one reaches the others."""

    def __init__(self, count=2):
        need_root('a network namespace')
        self.ip = need_program('ip')
        self.names = [f'wsp{os.getpid()}{"abc"[i]}' for i in range(count)]
        self.addresses = ['10.77.1.1'] + [f'10.77.{i}.2' for i in range(1, count)]
        self.made = []

    def call(self, *arguments):
        done = subprocess.run([self.ip, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip(f'ip {" ".join(arguments)}: {done.stderr.strip()}')

    def inside(self, index, *command):
        return [self.ip, 'netns', 'exec', self.names[index], *command]

    def launch(self, index, *before):
        """A site's launch line that runs in namespace index, after the words `before`."""
        words = mpirun('ip', 'netns', 'exec', self.names[index], *before)
        return ' '.join(words + ['--oversubscribe', '-n', '{ranks}'])

    def __enter__(self):
        try:
            for name in self.names:
                self.call('netns', 'add', name)
                self.made.append(name)
                self.call('-n', name, 'link', 'set', 'lo', 'up')
            for i in range(1, len(self.names)):
                self.join(i)
            forward = '/proc/sys/net/ipv4/ip_forward'
            subprocess.run(self.inside(0, 'sh', '-c', f'echo 1 > {forward}'), check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def join(self, i):
        hub, other, device = self.names[0], self.names[i], f'veth{i}'
        self.call('-n', hub, 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'veth0',
                  'netns', other)
        self.call('-n', hub, 'address', 'add', f'10.77.{i}.1/24', 'dev', device)
        self.call('-n', other, 'address', 'add', f'10.77.{i}.2/24', 'dev', 'veth0')
        self.call('-n', hub, 'link', 'set', device, 'up')
        self.call('-n', other, 'link', 'set', 'veth0', 'up')
        self.call('-n', other, 'route', 'add', 'default', 'via', f'10.77.{i}.1')

    def __exit__(self, *_):
        end_children()
        for name in self.made:
            subprocess.run([self.ip, 'netns', 'delete', name], capture_output=True)


def main(cases):
    """Runs the cases named on the command line (all without names); never returns."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # meson's time-out: clean up too
    chosen = sys.argv[1:] or list(cases)
    skipped, failed = 0, 0
    try:
        for name in chosen:
            started = time.monotonic()
            try:
                cases[name]()
                print(f'{name}: passed in {time.monotonic() - started:.1f} s', flush=True)
            except Skip as reason:
                skipped += 1
                print(f'{name}: skipped: {reason}', flush=True)
            except Failure as reason:
                failed += 1
                print(f'{name}: FAILED: {reason}', flush=True)
    finally:
        end_children()
        shutil.rmtree(SESSIONS, ignore_errors=True)
    sys.exit(1 if failed else 77 if skipped == len(chosen) else 0)
