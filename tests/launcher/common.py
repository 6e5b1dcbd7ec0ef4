# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the launcher share."""
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))

import jobs  # noqa: E402
from jobs import expect  # noqa: E402

HERE = pathlib.Path(__file__).parent
PROGRAMS = jobs.BUILD / 'tests' / 'launcher'
SPEAKER = PROGRAMS / 'speaker'

# Seconds to wait for a site that never comes. On a busy machine one that does come may need more
# than the first: then the next is tried.
JOIN_TIMES = [2, 10, 50]


class Place:
    """A folder of the test's own that is also where `widespan run` puts its key. Knows whether
    anything of a job is left: files there, or processes."""

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix='wl')
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / 't').mkdir()
        self.env = {'XDG_RUNTIME_DIR': str(self.folder / 't'), 'WIDESPAN_JOIN_TIME': '90s'}
        return self

    def __exit__(self, *_):
        jobs.end_children()
        self.temporary.cleanup()

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def job(self, text):
        return self.write('job.ini', text)

    def private_folders(self):
        return list((self.folder / 't').glob('widespan-*'))

    def run(self, *arguments, deadline=120, env=None, stdin=None):
        """Runs `widespan run ARGUMENTS`; checks that it leaves nothing behind."""
        with self.start(*arguments, env=env, stdin=stdin) as process:
            result = process.wait(deadline)
            self.check_nothing_left(result)
        return result

    def start(self, *arguments, env=None, stdin=None):
        return jobs.Process(jobs.widespan('run', *arguments), {**self.env, **(env or {})},
                            cwd=self.folder, stdin=stdin)

    def check_nothing_left(self, result):
        left = living_children()
        expect(not left, f'processes are left: {left}\n{result.describe()}')
        expect(not self.private_folders(), f'the key is left\n{result.describe()}')


def living_children():
    """Command lines of our descendants that are no zombies. Orphans become our children."""
    left = []
    for pid in jobs.children_of(os.getpid()):
        try:
            stat = pathlib.Path('/proc', str(pid), 'stat').read_text()
            line = pathlib.Path('/proc', str(pid), 'cmdline').read_bytes()
        except OSError:
            continue
        if stat.rsplit(')', 1)[1].split()[0] != 'Z':
            left.append(line.replace(b'\0', b' ').decode(errors='replace'))
    return left


def check_error(result, status, *texts):
    """The command failed with this status and said all of this, in lines of its own."""
    said = '\n'.join(line for line in result.err.splitlines() if 'widespan' in line)
    expect(not result.timed_out, f'no end\n{result.describe()}')
    if status is None:
        expect(result.status != 0, f'a status other than 0 was expected\n{result.describe()}')
    else:
        expect(result.status == status, f'status {status} was expected\n{result.describe()}')
    for text in texts:
        expect(text in said, f'"{text}" was not said\n{result.describe()}')


def site(name, ranks, launch=None, more=''):
    launch = launch or ' '.join(jobs.mpirun()) + ' --oversubscribe -n {ranks}'
    return f'[site {name}]\nranks = {ranks}\nlaunch = {launch}\naddress = 127.0.0.1\n{more}'


def until_said(process, text, deadline=60):
    """Waits until the standard error of a process holds this text."""
    until = time.monotonic() + deadline
    while text not in process.read(process.err_file):
        expect(time.monotonic() < until, f'"{text}" was not said')
        time.sleep(0.02)


def first_to_end(processes, deadline=90):
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        for process in processes:
            if process.popen.poll() is not None:
                return process
        time.sleep(0.02)
    raise jobs.Failure('none of the processes ended')
