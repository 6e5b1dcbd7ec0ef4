# SPDX-License-Identifier: BSD-3-Clause
"""The test programs of this folder over several layouts of sites."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs


def cases(program, *layouts, options=(), deadline=120):
    """A program of named cases, told where its sites are."""
    def run():
        for sites in layouts:
            result = jobs.run_over(sites, [jobs.SITES / program, '-S', jobs.spread(sites),
                                           *options], deadline).must_pass()
            jobs.expect('cases right' in result.out, result.describe())
    return run


def plain(program, word, *layouts, deadline=120):
    """A program that says that it is right."""
    def run():
        jobs.need_program(jobs.SITES / program)
        for sites in layouts:
            result = jobs.run_over(sites, [jobs.SITES / program], deadline).must_pass()
            jobs.expect(f'{word}: ' in result.out and 'right' in result.out, result.describe())
    return run


def matching(sites, messages, seeds, deadline):
    def run():
        for seed in seeds:
            command = [jobs.SITES / 'matching', '-n', messages, '-s', seed, '-S',
                       jobs.spread(sites)]
            result = jobs.run_over(sites, command, deadline).must_pass()
            jobs.expect('right' in result.out, result.describe())
            print(result.out.strip().splitlines()[-1])
    return run


def reference(runs, deadline=120):
    """Every collective against a reference; a run is sites, seed, number of rounds."""
    def run():
        for sites, seed, rounds in runs:
            command = [jobs.SITES / 'reference', '-S', jobs.spread(sites), '-s', seed, '-n', rounds]
            result = jobs.run_over(sites, command, deadline).must_pass()
            jobs.expect('right' in result.out, result.describe())
            print(result.out.strip().splitlines()[-1])
    return run


def same_bits(sites, seed, rounds):
    """Two jobs with the same sites come to the same bits, whatever else differs."""
    command = [jobs.SITES / 'reference', '-b', '-S', jobs.spread(sites), '-s', seed, '-n', rounds]
    lines = []
    for env in ({'WIDESPAN_STREAMS': '1'}, {'WIDESPAN_STREAMS': '4'}):
        result = jobs.run_over(sites, command, 120, env).must_pass()
        lines += [line for line in result.out.splitlines() if 'digest' in line]
    jobs.expect(len(lines) == 2 and lines[0] == lines[1], f'two jobs differ:\n{lines}')
    print(lines[0])


def programs(runs, deadline=120):
    """Random programs; a run is sites, seed, number of programs, threads, environment."""
    def run():
        for sites, seed, number, threads, env in runs:
            command = [jobs.SITES / 'programs', '-S', jobs.spread(sites), '--seed', seed,
                       '--programs', number, '--threads', threads]
            result = jobs.run_over(sites, command, deadline, env)
            if result.status == 77:
                raise jobs.Skip(result.out.strip())
            jobs.expect('right' in result.must_pass().out, result.describe())
            print(result.out.strip().splitlines()[-1])
    return run


def instrumented(program, sites, *options):
    """A program with a sanitizer in it, linked with the shim, which has it too."""
    suppressions = jobs.SOURCE / 'tests' / 'sanitize'
    env = {'TSAN_OPTIONS': ('halt_on_error=0:exitcode=66:ignore_noninstrumented_modules=1:'
                            f'suppressions={suppressions}/tsan.supp'),
           'LSAN_OPTIONS': f'print_suppressions=0:suppressions={suppressions}/lsan.supp',
           'ASAN_OPTIONS': 'fast_unwind_on_malloc=0:exitcode=66',
           'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:exitcode=66'}

    def run():
        command = [jobs.SITES / f'{program}-linked', *options, '-S', jobs.spread(sites)]
        result = jobs.run_over(sites, command, 1500, env).must_pass()
        jobs.expect('right' in result.out, result.describe())
        print(result.out.strip().splitlines()[-1])
    return run


def instrumented_programs():
    for options in (('--programs', 80), ('--programs', 25, '--threads', 3)):
        instrumented('programs', (2, 2), '--limit', 300, *options)()


def refusals_are_loud():
    """A refused function names itself and its sites in one line."""
    sites = (2, 1)
    result = jobs.run_over(sites, [jobs.SITES / 'refusals', '-S', jobs.spread(sites),
                                   'refused_functions']).must_pass()
    lines = [line for line in result.err.splitlines() if 'MPI_Win_allocate' in line]
    jobs.expect(len(lines) >= 1, f'no line names MPI_Win_allocate\n{result.describe()}')


def few_tags():
    """Over UCX Open MPI has tags up to 2^23 - 1 only: those of the shim itself must be among them."""
    info = jobs.run(['ompi_info', '--parsable', '--param', 'pml', 'ucx', '--level', '9'])
    if 'mca:pml:ucx:' not in info.out:
        raise jobs.Skip('this Open MPI has no UCX')
    env = {'OMPI_MCA_pml': 'ucx', 'OMPI_MCA_pml_ucx_tls': 'any', 'OMPI_MCA_pml_ucx_devices': 'any'}
    sites = (2, 2)
    for program in 'inter', 'inter_coll', 'groups', 'collectives':
        result = jobs.run_over(sites, [jobs.SITES / program], 120, env).must_pass()
        jobs.expect('right' in result.out, result.describe())


LAYOUTS = (2, 2), (2, 1), (1, 1), (2, 2, 1)

jobs.main({
    'deadlocks': cases('deadlocks', *LAYOUTS),
    'wildcards': cases('wildcards', (2, 2), (2, 1), (2, 2, 1)),
    'buffers': cases('buffers', *LAYOUTS),
    'messages': cases('messages', *LAYOUTS, (3,)),
    'requests': cases('requests', *LAYOUTS, (3,)),
    'refusals': cases('refusals', (2, 2), (1, 1), (3,)),
    'communicators': cases('communicators', (2, 2), (1, 1), (2, 2, 1)),
    'collectives': cases('collectives', (2, 2), (1, 3), (3,)),
    'groups': cases('groups', (2, 2), (3, 2), (2, 2, 2)),
    'topologies': cases('topologies', (2, 2), (3, 3), (1, 3, 2), (4,)),
    'split': cases('split', (2, 1), (2, 3), (1, 2, 1)),
    'nonblocking': cases('nonblocking', (2, 1), (2, 3), (1, 2, 1)),
    'vectors': cases('vectors', (2, 1), (2, 3), (1, 2, 1)),
    'segments': cases('segments', (2, 1), (2, 3), (1, 2, 1), (3,)),
    'duplicates': cases('duplicates', (2, 2), (2, 1, 1), (3,)),
    'objects': cases('objects', (2, 2), (2, 1, 1), (3,)),
    'guests': cases('guests', (1, 1), (2, 1), (3,)),
    'mistakes': cases('mistakes', *LAYOUTS),
    'asleep': cases('asleep', (2, 2), (2, 3)),
    'windows': cases('windows', (2, 2), (1, 3), (3,)),
    'memory': cases('memory', (2, 2), (2, 1)),
    'neighbours': cases('neighbours', (2, 2), (3, 3), (1, 2, 1), (3,)),
    'inter': cases('inter', (2, 2), (3, 1), (1, 1), (2, 2, 2), (3,)),
    'inter_coll': cases('inter_coll', (2, 2), (1, 3), (1, 1), (2, 2, 1)),
    'refusals_are_loud': refusals_are_loud,
    'few_tags': few_tags,
    'spawn': plain('spawn', 'spawn', (2, 1)),
    'threads': plain('threads', 'threads', (2, 1), (2, 2)),
    'fortran': plain('fortran', 'fortran', (2, 1), (2, 2, 1), (2,)),
    'matching': matching((2, 2, 2), 100000, [1], 240),
    'matching_layouts': lambda: [matching(sites, 10000, [7, 8], 120)()
                                 for sites in ((1, 1), (3, 1), (1, 1, 1), (3,))],
    'matching_instrumented': instrumented('matching', (2, 2, 2), '-n', 100000, '-s', 5,
                                          '-T', 300),
    **{f'{name}_instrumented': instrumented(name, (2, 2), '-T', 300)
       for name in ('deadlocks', 'wildcards', 'nonblocking', 'vectors', 'topologies', 'neighbours',
                    'asleep', 'windows', 'inter', 'inter_coll', 'segments', 'duplicates', 'mistakes')},
    'reference': reference([((2, 2), 1, 120), ((2, 1), 2, 120), ((1, 1), 3, 120), ((3,), 4, 120),
                            ((2, 2, 1), 5, 120), ((4, 1), 6, 120), ((1, 2, 1, 2), 7, 120)]),
    'reference_bits': lambda: [same_bits(sites, 1, 60) for sites in ((2, 2), (3, 2), (2, 1, 3))],
    'reference_instrumented': instrumented('reference', (2, 3), '-n', 100, '-T', 300),
    'reference_campaign': lambda: [
        reference([(sites, seed, 400) for seed in range(100, 110)], 600)()
        for sites in ((2, 2), (1, 3), (4,), (3, 1, 2), (5, 1), (1, 1, 1), (2, 3, 1, 1))],
    'programs_instrumented': instrumented_programs,
    'programs': programs([((2, 2), 1, 300, 0, {'WIDESPAN_STREAMS': '1'}),
                          ((2, 1, 3), 2, 200, 0, {'WIDESPAN_STREAMS': '4'}),
                          ((1, 1, 1), 3, 150, 0, None), ((1, 2, 1, 1), 4, 150, 0, None),
                          ((2, 2), 7, 60, 0, {'WIDESPAN_EMULATE': 'rtt=2ms'})]),
    'programs_of_threads': programs([((2, 2), 5, 60, 4, None), ((1, 2, 1), 6, 60, 2, None)]),
    'programs_campaign': programs([(sites, seed, 1000, 0, None) for seed in range(100, 102)
                                   for sites in ((2, 2), (2, 1, 3), (1, 1), (1, 1, 1, 1), (3, 2))]
                                  + [((2, 2), 200, 500, 6, None)], 300),
    'matching_many_seeds': matching((2, 2, 1), 20000, range(100, 120), 120),
    'communicators_run_out': cases('communicators', (2, 1), options=['-T', '500',
                                                                     'communicators_run_out'],
                                   deadline=560),
    'vector_of_3_gib': cases('buffers', (1, 1), options=['-T', '500', 'vector_of_3_gib'],
                             deadline=560),
})
