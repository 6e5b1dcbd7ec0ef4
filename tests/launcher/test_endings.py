# SPDX-License-Identifier: BSD-3-Clause
"""How jobs end: statuses, aborts, deaths, signals; and that nothing is left behind."""
import contextlib
import os
import pathlib
import signal
import time

from common import SPEAKER, Place, check_error, expect, jobs, living_children, site, until_said

SECONDS = 60  # within which a failed job must be over, on a crowded machine


def the_status_is_the_programs():
    for rank in [0, 3]:
        with Place() as place:
            result = place.run('-n', '4', SPEAKER, 'status', rank, 9)
            check_error(result, 9, f'site site{rank // 2}: the program ended with status 9')


def an_abort_names_site_and_rank():
    for rank in [0, 1, 3]:
        with Place() as place:
            result = place.run('-n', '4', SPEAKER, 'abort', rank, 33)
            check_error(result, 33, f'site site{rank // 2}, rank {rank} (home rank {rank % 2})',
                        'MPI_Abort')
            expect(result.seconds < SECONDS, result.describe())


def a_rank_that_dies_is_named():
    for rank in [0, 1, 2, 3]:
        with Place() as place:
            result = place.run('-n', '4', SPEAKER, 'signal', rank, int(signal.SIGKILL))
            check_error(result, 128 + signal.SIGKILL,
                        f'site site{rank // 2}, rank {rank} (home rank {rank % 2}): '
                        'ended without MPI_Finalize',
                        f'site site{rank // 2}: the launch command ended with status 137')
            expect(result.seconds < SECONDS, result.describe())


def a_rank_that_leaves_without_finalize_is_named():
    with Place() as place:
        result = place.run('-n', '4', SPEAKER, 'leave', 3, 5)
        check_error(result, 5, 'site site1, rank 3 (home rank 1): ended without MPI_Finalize')


def a_signal_ends_every_site():
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        with Place() as place, heeding(number), \
                place.start('-n', '4', SPEAKER, 'hang') as process:
            process.await_line('ready', SECONDS)
            process.popen.send_signal(number)
            result = process.wait(SECONDS)
            check_error(result, 128 + number, f'{number.name} was received')
            place.check_nothing_left(result)


@contextlib.contextmanager
def disposed(number, disposition):
    """What is started meanwhile inherits this: whoever started the tests may ignore signals."""
    before = signal.signal(number, disposition)
    try:
        yield
    finally:
        signal.signal(number, before)


def heeding(number):
    return disposed(number, signal.SIG_DFL)


def what_is_to_be_ignored_is():
    """Under nohup(1) a hang-up ends nothing."""
    with Place() as place:
        with disposed(signal.SIGHUP, signal.SIG_IGN):
            process = place.start('-n', '2', SPEAKER, 'hang')
        with process:
            process.await_line('ready', SECONDS)
            process.popen.send_signal(signal.SIGHUP)
            process.popen.send_signal(signal.SIGTERM)
            result = process.wait(SECONDS)
            check_error(result, 128 + signal.SIGTERM, 'SIGTERM was received')
            expect('SIGHUP' not in result.err, result.describe())


def children_are_seen_to_end_whatever_is_inherited():
    with Place() as place:
        with disposed(signal.SIGCHLD, signal.SIG_IGN):
            process = place.start('-n', '2', SPEAKER)
        with process:
            process.wait(SECONDS).must_pass()


def stubborn_launcher(place):
    """Takes no notice of signals; there when it says "ready"."""
    stubborn = "trap '' TERM INT HUP; echo ready; while :; do sleep 1; done"
    return place.write('script', f'#!/bin/sh\n{stubborn}\n', 0o755)


def a_second_signal_ends_it_at_once():
    with Place() as place:
        script = stubborn_launcher(place)
        job = place.job(site('a', 1, f'{script} {{ranks}}'))
        with place.start('--job', job, SPEAKER) as process:
            process.await_line('ready', SECONDS)
            process.popen.send_signal(signal.SIGTERM)
            until_said(process, 'SIGTERM was received', SECONDS)
            process.popen.send_signal(signal.SIGINT)
            result = process.wait(SECONDS)
            check_error(result, 128 + signal.SIGTERM)
            place.check_nothing_left(result)


def a_stubborn_launcher_is_killed():
    with Place() as place:
        script = stubborn_launcher(place)
        job = place.job(site('a', 1, f'{script} {{ranks}}'))
        with place.start('--job', job, SPEAKER) as process:
            process.await_line('ready', SECONDS)
            process.popen.send_signal(signal.SIGTERM)
            result = process.wait(SECONDS)
            check_error(result, 128 + signal.SIGTERM, 'SIGTERM was received')
            place.check_nothing_left(result)


def processes_that_left_their_launcher_are_ended_too():
    with Place() as place:
        launcher = place.write('launcher', '#!/bin/sh\nsetsid sleep 1000 &\nexit 3\n', 0o755)
        job = place.job(site('a', 1, f'{launcher} {{ranks}}'))
        check_error(place.run('--job', job, SPEAKER), 3, 'ended with status 3 before its ranks')


def a_killed_run_leaves_no_process():
    with Place() as place, place.start('-n', '4', SPEAKER, 'hang') as process:
        process.await_line('ready', SECONDS)
        process.popen.kill()
        process.popen.wait()
        until = time.monotonic() + SECONDS
        while (left := living_children()) and time.monotonic() < until:
            time.sleep(0.05)
        expect(not left, f'processes are left: {left}')
        expect(not place.private_folders(), 'the key is left')


def the_key_is_nowhere_but_in_its_file():
    with Place() as place, place.start('-n', '2', SPEAKER, 'hang') as process:
        process.await_line('ready', SECONDS)
        folder, = place.private_folders()
        expect(folder.stat().st_mode & 0o777 == 0o700, 'the folder is open to others')
        expect((folder / 'key').stat().st_mode & 0o777 == 0o600, 'the key is open to others')
        key = (folder / 'key').read_text().strip()
        expect(len(key) == 64, 'the key has not 32 bytes')
        n_seen = 0
        for pid in jobs.children_of(os.getpid()):
            for name in ['cmdline', 'environ']:
                try:
                    text = pathlib.Path('/proc', str(pid), name).read_bytes()
                except OSError:
                    continue  # it ended just now
                expect(key.encode() not in text, f'the key stands in {name} of process {pid}')
                n_seen += 1
        expect(n_seen >= 10, 'too few processes were looked at')
        process.popen.send_signal(signal.SIGINT)
        place.check_nothing_left(process.wait(SECONDS))


def keys_of_two_runs_differ():
    keys = set()
    for _ in range(2):
        with Place() as place, place.start('-n', '2', SPEAKER, 'hang') as process:
            process.await_line('ready', SECONDS)
            folder, = place.private_folders()
            keys.add((folder / 'key').read_text())
    expect(len(keys) == 2, 'two runs have one key')


if __name__ == '__main__':
    jobs.main({case.__name__: case for case in [
        the_status_is_the_programs, an_abort_names_site_and_rank, a_rank_that_dies_is_named,
        a_rank_that_leaves_without_finalize_is_named, a_signal_ends_every_site,
        what_is_to_be_ignored_is, children_are_seen_to_end_whatever_is_inherited,
        a_second_signal_ends_it_at_once, a_stubborn_launcher_is_killed,
        processes_that_left_their_launcher_are_ended_too, a_killed_run_leaves_no_process,
        the_key_is_nowhere_but_in_its_file, keys_of_two_runs_differ]})
