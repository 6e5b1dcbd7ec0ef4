# SPDX-License-Identifier: BSD-3-Clause
"""Bad input gets a clear error and a status other than 0."""
import os
import shutil
import struct

import common
from common import JOIN_TIMES, PROGRAMS, SPEAKER, Place, check_error, jobs, site


def job_file_mistakes_name_the_line():
    good = '[site a]\nranks = 1\nlaunch = mpirun -n {ranks}\n'
    cases = [
        ('', ':0: there is no [site NAME]'),
        ('ranks = 1\n', ":1: 'ranks' stands before the first section"),
        ('[job]\n' + good, ':1: the section has no keys'),
        (good + good, ':4: two sites are named a; the first is in line 1'),
        ('[site a]\nranks = 1\nlaunch = mpirun -n 1\n', ':1: site a: launch has no {ranks}'),
        ('[site a]\nranks = 0\n', ':2: ranks = 0 is not a number'),
        ('[site a]\nranks = 2 or 3\n', ':2: ranks = 2 or 3 is not a number'),
        ('[site a]\nranks = 1\nranks = 2\n', ':3: ranks is given twice'),
        ('[site a]\nrank = 1\n', ":2: no key 'rank' in [site a]"),
        ('[sites]\na = 1\n', ':1: no section [sites]'),
        ('[site a]\nranks\n', ":2: expected 'key = value'"),
        ('[site a\n', ":1: '[' without ']'"),
        ('[site a]\nlaunch = x {ranks}\n', ':1: site a: ranks is missing'),
        ('[site a]\nranks = 2\n', ':1: site a: launch is missing'),
        ('[site a b]\nranks = 2\n', ":1: 'a b' cannot name a site"),
        ('[site a]\nranks = 2\nlaunch = x ; y {ranks}\n', ":3: a ';' after a space"),
        ('[job]\nname = a b\n' + good, ":1: 'a b' cannot name a job"),
        (good + 'key_file = k\n', ':1: site a has a key_file but [job] has none'),
        (good + 'quote = perhaps\n', ':4: quote = perhaps'),
    ]
    for text, said in cases:
        with Place() as place:
            result = place.run('--job', place.job(text), SPEAKER)
            check_error(result, 2, f'{place.folder}/job.ini{said}')


def job_file_may_be_indented_and_continued():
    with Place() as place:
        job = place.job('# a comment\n[site a]\n  ranks = 1\n  launch = mpirun --oversubscribe\n'
                        '      ' + '-x PATH ' * 60 + '\n      -n {ranks}\n  address = 127.0.0.1\n')
        result = place.run('--job', job, SPEAKER).must_pass()
        common.expect(result.out == 'rank 0 of 1\n', result.describe())


def unreadable_job_files_are_named():
    with Place() as place:
        check_error(place.run('--job', 'missing.ini', SPEAKER), 2, 'missing.ini cannot be read')
        check_error(place.run('--job', place.folder, SPEAKER), 2, 'cannot be read')


def help_is_there():
    for words, said in ((['--help'], 'usage: widespan COMMAND'), (['run', '--help'], '--sites S'),
                        (['exec', '-h'], 'usage: widespan exec'), (['info', '--help'], 'man'),
                        (['coordinator', '--help'], '--key-file FILE')):
        result = jobs.run(jobs.widespan(*words)).must_pass()
        common.expect(said in result.out and not result.err, result.describe())


def command_lines_are_checked():
    cases = [
        ([SPEAKER], '-n is missing'),
        (['-n', '2'], 'no program is given'),
        (['-n', 'two', SPEAKER], '-n two is not a number'),
        (['-n', '2', '--sites', '3', SPEAKER], '3 sites need at least as many ranks'),
        (['--nonsense'], 'the command line is wrong'),
        (['-n', '2', '--emulate', 'rtt=far', SPEAKER], 'WIDESPAN_EMULATE=rtt=far cannot be used'),
        (['-n', '2', '--emulate', 'rtt=30ms,rate=1', SPEAKER], 'expected rtt=TIME'),
        (['-n', '3', '--job', 'job.ini', SPEAKER], '-n 3 contradicts job.ini, which has 1 ranks'),
        (['--sites', '2', '--job', 'job.ini', SPEAKER], "are the job file's to say"),
    ]
    for arguments, said in cases:
        with Place() as place:
            place.job(site('a', 1))
            check_error(place.run(*arguments), 2, said)


def bad_options_are_named():
    with Place() as place:
        result = place.run('-n', '2', SPEAKER, env={'WIDESPAN_STREAMS': '0'})
        check_error(result, 2, 'WIDESPAN_STREAMS=0 cannot be used')


def programs_that_cannot_be_found_or_run():
    with Place() as place:
        check_error(place.run('-n', '2', './missing'), 127, 'there is no program ./missing')
        check_error(place.run('-n', '2', 'no-such-program'), 127, "no program 'no-such-program'")
        check_error(place.run('-n', '2', place.folder), 126, 'it is a folder')
        check_error(place.run('-n', '2', place.write('text', 'words')), 126, 'execute permission')


def sites_elsewhere_find_a_missing_program_too():
    with Place() as place:
        job = place.job(site('a', 1) + site('b', 1))
        result = place.run('--job', job, './missing')
        check_error(result, 127, 'there is no program ./missing', 'before its ranks called MPI_Init')


def static_programs_are_refused():
    for name in ['plain-static', 'plain-static-pie']:
        with Place() as place:
            result = place.run('-n', '2', PROGRAMS / name)
            check_error(result, 126, 'is statically linked')


def programs_for_other_machines_are_refused():
    with Place() as place, open(SPEAKER, 'rb') as program:
        head = bytearray(program.read(4096))
        machine = struct.unpack_from('<H', head, 18)[0]
        struct.pack_into('<H', head, 18, 243 if machine != 243 else 62)
        path = place.folder / 'foreign'
        path.write_bytes(head)
        path.chmod(0o755)
        check_error(place.run('-n', '2', path), 126, 'another kind of processor')
        head[5] = 3 - head[5]  # the other byte order
        path.write_bytes(head)
        check_error(place.run('-n', '2', path), 126, 'another kind of processor')


def damaged_programs_are_refused():
    with Place() as place, open(SPEAKER, 'rb') as program:
        path = place.folder / 'damaged'
        path.write_bytes(program.read(80))
        path.chmod(0o755)
        check_error(place.run('-n', '2', path), 126, 'damaged')


def programs_of_a_host_without_shim_are_refused():
    with Place() as place:
        result = place.run('-n', '2', PROGRAMS / 'mpich_program')
        check_error(result, 126, 'no shim is installed for MPICH', 'installed: openmpi (Open MPI 4.1')


def programs_that_raise_privileges_are_refused():
    jobs.need_root('a set-user-id program of another user')
    with Place() as place:
        path = place.folder / 'raised'
        shutil.copy(SPEAKER, path)
        os.chown(path, 65534, 65534)
        path.chmod(0o4755)
        check_error(place.run('-n', '2', path), 126, 'preloads nothing into such programs')


def programs_that_never_call_mpi_init():
    with Place() as place:
        result = place.run('-n', '2', PROGRAMS / 'plain')
        check_error(result, 1, 'the program ended without calling MPI_Init')


def a_launch_command_that_fails():
    with Place() as place:
        job = place.job(site('good', 1) + site('bad', 1, 'sh -c "exit 9" {ranks}'))
        result = place.run('--job', job, SPEAKER)
        check_error(result, 9, 'site bad: the launch command ended with status 9 before its ranks')


def a_launch_command_that_is_not_there():
    with Place() as place:
        job = place.job(site('good', 1) + site('bad', 1, 'no-such-launcher -n {ranks}'))
        check_error(place.run('--job', job, SPEAKER), 127, 'site bad: the launch command ended')


def more_ranks_than_the_launch_command_starts():
    with Place() as place:
        job = place.job(site('good', 1) +
                        site('bad', 3, 'env WANTED={ranks} mpirun --oversubscribe -n 2'))
        result = place.run('--job', job, SPEAKER)
        check_error(result, 1, 'site bad: the job has 3 ranks there, but its launch command '
                               'started 2')


def a_site_that_never_shows_up():
    with Place() as place:
        job = place.job(site('good', 1) + site('late', 1, 'sh -c "exec sleep 1000" {ranks}'))
        for seconds in JOIN_TIMES:
            result = place.run('--job', job, SPEAKER, env={'WIDESPAN_JOIN_TIME': f'{seconds}s'})
            if 'sites good, late did' not in result.err:
                break
        check_error(result, 1, f'site late did not show up within {seconds} s')
        common.expect(result.seconds < seconds + 23, result.describe())


def an_address_that_cannot_be_reached():
    with Place() as place:
        text = site('here', 1) + site('there', 1)
        job = place.job(text.replace('127.0.0.1', '203.0.113.1'))
        result = place.run('--job', job, SPEAKER, env={'WIDESPAN_CONNECT_TIME': '2s'})
        check_error(result, None, '203.0.113.1')


def keys_that_others_can_read_are_refused():
    with Place() as place:
        place.write('key', 'ab' * 32, 0o644)
        job = place.job('[job]\nkey_file = key\n' + site('a', 1))
        check_error(place.run('--job', job, SPEAKER), 1, 'can be used by others than its owner')
        place.write('key', 'abc', 0o600)
        check_error(place.run('--job', job, SPEAKER), 1, 'is too short')
        (place.folder / 'key').unlink()
        check_error(place.run('--job', job, SPEAKER), 1, 'key cannot be opened')


def exec_wants_a_whole_job():
    with Place() as place:
        command = jobs.widespan('exec', '--job', 'j', '--site', 's', SPEAKER)
        check_error(jobs.run(command, env=place.env), 2, 'WIDESPAN_COORDINATOR (or its option) is '
                                                         'missing')


if __name__ == '__main__':
    jobs.main({case.__name__: case for case in [
        job_file_mistakes_name_the_line, job_file_may_be_indented_and_continued,
        unreadable_job_files_are_named, help_is_there, command_lines_are_checked,
        bad_options_are_named,
        programs_that_cannot_be_found_or_run, sites_elsewhere_find_a_missing_program_too,
        static_programs_are_refused, programs_for_other_machines_are_refused,
        damaged_programs_are_refused, programs_of_a_host_without_shim_are_refused,
        programs_that_raise_privileges_are_refused, programs_that_never_call_mpi_init,
        a_launch_command_that_fails, a_launch_command_that_is_not_there,
        more_ranks_than_the_launch_command_starts, a_site_that_never_shows_up,
        an_address_that_cannot_be_reached, keys_that_others_can_read_are_refused,
        exec_wants_a_whole_job]})
