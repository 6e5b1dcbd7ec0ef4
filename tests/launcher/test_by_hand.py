# SPDX-License-Identifier: BSD-3-Clause
"""Sites started by hand, as a batch system would do it: `widespan coordinator` and
`widespan exec`."""
import contextlib
import signal

from common import (JOIN_TIMES, PROGRAMS, SPEAKER, Place, check_error, expect, first_to_end, jobs,
                    until_said)


def mpirun(n_ranks):
    return [*jobs.mpirun(), '--oversubscribe', '-n', n_ranks]


class Hand:
    """A coordinator, and sites started by hand."""

    def __init__(self, place, sites, stack, listen='127.0.0.1:0', key='ab' * 32):
        self.place, self.stack = place, stack
        self.key_file = place.write('key', key, 0o600)
        self.coordinator = self.start(jobs.widespan('coordinator', '--job', 'hand', '--sites',
                                                    sites, '--listen', listen, '--key-file',
                                                    self.key_file))
        self.coordinator.await_line('port ')
        self.port = self.coordinator.read(self.coordinator.out_file).split()[1]

    def start(self, command, env=None):
        process = jobs.Process(command, {**self.place.env, **(env or {})})
        return self.stack.enter_context(process)

    def variables(self, site):
        return {'WIDESPAN_JOB': 'hand', 'WIDESPAN_SITE': site,
                'WIDESPAN_COORDINATOR': f'127.0.0.1:{self.port}',
                'WIDESPAN_KEY_FILE': str(self.key_file)}

    def options(self, site):
        return ['--job', 'hand', '--site', site, '--coordinator', f'127.0.0.1:{self.port}',
                '--key-file', self.key_file]

    def start_site(self, site, ranks, *program):
        command = [*mpirun(ranks), *jobs.widespan('exec', *self.options(site), *program)]
        return self.start(command)


def started_by_options_and_by_variables():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1,b:2', stack)
        one = hand.start_site('a', 1, '--', SPEAKER)
        two = hand.start([*mpirun(2), *jobs.widespan('exec', SPEAKER)], hand.variables('b'))
        expect('rank 0 of 3' in one.wait(120).must_pass().out, 'rank 0 is not there')
        out = two.wait(120).must_pass().out
        expect('rank 1 of 3' in out and 'rank 2 of 3' in out, 'ranks 1 and 2 are not there')
        check_end(hand, 0, 'the job has finished')


def check_end(hand, status, *texts):
    check_error(hand.coordinator.wait(90), status, *texts)


def sites_may_come_before_the_coordinator():
    with Place() as place, contextlib.ExitStack() as stack:
        first = Hand(place, 'a:1', stack)  # only to find a free port
        first.coordinator.end(signal.SIGTERM)
        one = first.start_site('a', 1, SPEAKER)
        second = Hand(place, 'a:1', stack, listen=first.port)
        expect('rank 0 of 1' in one.wait(120).must_pass().out, 'rank 0 is not there')
        check_end(second, 0, 'the job has finished')


def two_sites_of_one_name():
    with Place() as place, contextlib.ExitStack() as stack:
        check_error(jobs.run(jobs.widespan('coordinator', '--job', 'x', '--sites', 'a:1,a:2',
                                           '--key-file', 'key')), 2, 'two sites are named a')
        hand = Hand(place, 'a:1,b:1', stack)
        pair = [hand.start_site('a', 1, SPEAKER), hand.start_site('a', 1, SPEAKER)]
        refused = first_to_end(pair)
        check_error(refused.wait(1), None, 'two sites call themselves a')
        other = hand.start_site('b', 1, SPEAKER)
        other.wait(120).must_pass()
        check_end(hand, 0, 'the job has finished')


def a_site_the_job_does_not_have():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1', stack)
        check_error(hand.start_site('c', 1, SPEAKER).wait(120), None, 'the job has no site c')
        hand.start_site('a', 1, SPEAKER).wait(120).must_pass()
        check_end(hand, 0, 'the job has finished')


def another_key():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1', stack)
        hand.key_file = place.write('other', 'cd' * 32, 0o600)
        check_error(hand.start_site('a', 1, SPEAKER).wait(120), None,
                    'did not accept the proof of the job key')


def an_abort_ends_sites_and_coordinator():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1,b:2', stack)
        sites = [hand.start_site('a', 1, SPEAKER, 'abort', '2', '7'),
                 hand.start_site('b', 2, SPEAKER, 'abort', '2', '7')]
        for process in sites:
            check_error(process.wait(90), 7 if process is sites[1] else None)
        check_end(hand, 7, 'site b, rank 2 (home rank 1)', 'MPI_Abort')


def a_site_that_lost_a_rank_is_told():
    """Also where its own launcher takes no notice."""
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1,b:2', stack)
        program = [SPEAKER, 'signal', '2', str(int(signal.SIGKILL))]
        one = hand.start_site('a', 1, *program)
        careless = [*mpirun(2)[:-2], '--enable-recovery', *mpirun(2)[-2:]]
        two = hand.start([*careless, *jobs.widespan('exec', *hand.options('b'), *program)])
        for process in one, two:
            result = process.wait(90)
            expect('ended by another process: site b, rank 2' in result.err, result.describe())
        check_end(hand, 1, 'site b, rank 2 (home rank 1): ended without MPI_Finalize')


def paths_hold_wherever_the_program_goes():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1', stack)
        script = place.write('script', f'#!/bin/sh\ncd /\nexec {SPEAKER}\n', 0o755)
        options = ['--job', 'hand', '--site', 'a', '--coordinator', f'127.0.0.1:{hand.port}',
                   '--key-file', hand.key_file.name]
        process = jobs.Process([*mpirun(1), *jobs.widespan('exec', *options, script)], place.env,
                               cwd=place.folder)
        with process:
            expect('rank 0 of 1' in process.wait(120).must_pass().out, 'rank 0 is not there')
        check_end(hand, 0, 'the job has finished')


def a_shim_that_cannot_be_preloaded_is_named():
    with Place() as place:
        folder = place.folder / 'with a space'
        folder.symlink_to(jobs.BUILD / 'mpi_compat')
        real = place.folder / 'real folder'
        real.mkdir()
        for shim in (jobs.BUILD / 'mpi_compat').glob('libwidespan-*.so'):
            (real / shim.name).symlink_to(shim)
        env = {'WIDESPAN_SHIM_DIR': str(real)}
        result = place.run('-n', '2', SPEAKER, env=env)
        check_error(result, 126, 'LD_PRELOAD takes no path with a space')
        env = {'WIDESPAN_SHIM_DIR': str(folder)}
        place.run('-n', '2', SPEAKER, env=env).must_pass()


def a_coordinator_that_is_ended_ends_the_job():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1,b:1', stack)
        sites = [hand.start_site(name, 1, SPEAKER, 'hang') for name in 'ab']
        sites[0].await_line('ready', 90)
        hand.coordinator.popen.send_signal(signal.SIGTERM)
        check_end(hand, 128 + signal.SIGTERM, 'the coordinator received SIGTERM')
        for process in sites:
            check_error(process.wait(90), None)


def leaders_outlive_a_lost_coordinator():
    with Place() as place, contextlib.ExitStack() as stack:
        hand = Hand(place, 'a:1,b:1', stack)
        sites = [hand.start_site(name, 1, SPEAKER, 'hang') for name in 'ab']
        sites[0].await_line('ready', 90)
        hand.coordinator.end()
        until_said(sites[0], 'the coordinator is gone')
        expect(sites[0].popen.poll() is None, 'the site did not outlive the coordinator')


def a_site_that_is_missing_is_named():
    for seconds in JOIN_TIMES:
        with Place() as place, contextlib.ExitStack() as stack:
            place.env['WIDESPAN_JOIN_TIME'] = f'{seconds}s'
            hand = Hand(place, 'a:1,b:1', stack)
            one = hand.start_site('a', 1, SPEAKER)
            ends = [hand.coordinator.wait(90), one.wait(90)]
        if 'sites a, b did' not in ends[0].err:
            break
    check_error(ends[0], 1, f'site b did not show up within {seconds} s')
    check_error(ends[1], None, f'site b did not show up within {seconds} s')


def exec_without_a_job_just_runs():
    command = [*mpirun(2), *jobs.widespan('exec', SPEAKER)]
    result = jobs.run(command).must_pass()
    expect('rank 1 of 2' in result.out, result.describe())
    check_error(jobs.run(jobs.widespan('exec', PROGRAMS / 'plain')), 126, 'say with --mpi which')


def bad_command_lines_of_the_coordinator():
    key = ['--key-file', 'key']
    for arguments, said in [
            (['--sites', 'a:1', *key], '--job, --sites and --key-file are needed'),
            (['--job', 'x', '--sites', 'a', *key], "site 'a' is not NAME:RANKS"),
            (['--job', 'x', '--sites', 'a:0', *key], "'0' is no number of ranks"),
            (['--job', 'x', '--sites', 'a b:1', *key], "'a b' cannot name a site"),
            (['--job', 'x y', '--sites', 'a:1', *key], "'x y' cannot name a job"),
            (['--job', 'x', '--sites', ',', *key], '--sites names no site')]:
        check_error(jobs.run(jobs.widespan('coordinator', *arguments)), 2, said)


if __name__ == '__main__':
    jobs.main({case.__name__: case for case in [
        started_by_options_and_by_variables, sites_may_come_before_the_coordinator,
        two_sites_of_one_name, a_site_the_job_does_not_have, another_key,
        an_abort_ends_sites_and_coordinator, a_coordinator_that_is_ended_ends_the_job,
        leaders_outlive_a_lost_coordinator, a_site_that_lost_a_rank_is_told,
        a_site_that_is_missing_is_named, paths_hold_wherever_the_program_goes,
        a_shim_that_cannot_be_preloaded_is_named,
        exec_without_a_job_just_runs, bad_command_lines_of_the_coordinator]})
