# SPDX-License-Identifier: BSD-3-Clause
"""Errors over sites against those under a plain mpirun: the same ranks make the same mistakes, and
each must come back with the same class, the same calls of the error handler on the same communicator
and the same status, whether the peer is at home or far away."""

import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

RANKS = 3
LAYOUTS = (2, 1), (1, 2), (1, 1, 1)

# Where it is right to differ: the probe, what comes over sites, and why.
RIGHT_DIFFERENCES = [
    (r'(two|all|any, first|mixed) (waitany|testany)( index)?', r'.*',
     'the host frees all failed requests of the array when it reports one; here each is reported'),
    (r'(wait for|test) a barrier', r'MPI_SUCCESS status=-1,-1,0',
     'the host leaves the status as it is; here it is the empty one'),
    (r'allreduce to in place', r'MPI_ERR_BUFFER( handler=1,stage,MPI_ERR_BUFFER)?',
     'the host raises it on MPI_COMM_WORLD; here on the communicator of the call'),
    (r'(incl|excl) twice', r'MPI_ERR_RANK( handler=1,world,MPI_ERR_RANK)?',
     'the host makes a group that has a member twice'),
    (r'excl negative', r'MPI_ERR_ARG( handler=1,world,MPI_ERR_ARG)?',
     'the host takes a negative number of ranks'),
    (r'create foreign group', r'MPI_ERR_GROUP( handler=1,stage,MPI_ERR_GROUP)? kept',
     'the host makes a communicator of processes that the parent does not have'),
    (r'cart (negative|zero)', r'MPI_ERR_DIMS( handler=1,stage,MPI_ERR_DIMS)? kept',
     'the host has no class of its own for it: MPI_ERR_OTHER'),
    (r'graph far edge', r'MPI_ERR_ARG( handler=1,stage,MPI_ERR_ARG)? kept',
     'the host makes a graph with an edge to a node that is not there'),
    (r'(dist_graph|adjacent) (count|degree|far)', r'MPI_ERR_ARG( handler=1,stage,MPI_ERR_ARG)? null',
     'the host leaves what stood in the place of the new communicator; here it is none'),
    (r'no grid, neighbours', r'MPI_ERR_(TOPOLOGY|ARG)( handler=[12],stage,MPI_ERR_(TOPOLOGY|ARG))?',
     'the host stumbles over it later: MPI_ERR_INTERN'),
    (r'no grid, alltoall', r'MPI_ERR_TOPOLOGY( handler=1,stage,MPI_ERR_TOPOLOGY)?',
     'the host raises it on MPI_COMM_WORLD; here on the communicator of the call'),
    (r'coords beyond', r'MPI_ERR_RANK( handler=1,another,MPI_ERR_RANK)?',
     'the host gives coordinates to a rank that is not there'),
    (r'shift direction', r'MPI_ERR_DIMS( handler=1,another,MPI_ERR_DIMS)?',
     'the host shifts along a dimension that is not there'),
]


def lines_of(folder):
    """For each rank its probes in order: (stage and handler, probe, outcome)."""
    ranks = {}
    for rank in range(RANKS):
        text = pathlib.Path(folder, str(rank)).read_text()
        found = re.findall(r'^\[\d+\] (\S+ \S+) (.*?): (.*)$', text, re.MULTILINE)
        jobs.expect(found, f'rank {rank} wrote nothing')
        ranks[rank] = found
    return ranks


def run(program, sites):
    with tempfile.TemporaryDirectory() as folder:
        command = [jobs.need_program(jobs.SITES / program), folder]
        result = (jobs.run_over(sites, command, 240) if sites else
                  jobs.run([*jobs.mpirun(), '-n', RANKS, *command], 240))
        result.must_pass()
        return lines_of(folder)


def is_right(probe, ours):
    return any(re.fullmatch(pattern, probe) and re.fullmatch(outcome, ours)
               for pattern, outcome, _ in RIGHT_DIFFERENCES)


def differences(host, ours):
    for rank in range(RANKS):
        names = [[line[:2] for line in lines[rank]] for lines in (host, ours)]
        jobs.expect(names[0] == names[1], f'rank {rank} made other probes')
        for (stage, probe, expected), (_, _, outcome) in zip(host[rank], ours[rank]):
            if outcome != expected and not is_right(probe, outcome):
                yield f'rank {rank}, {stage}, {probe}:\n  host {expected}\n  ours {outcome}'


def compare(program, layouts):
    def case():
        host = run(program, None)
        for sites in layouts:
            found = list(differences(host, run(program, sites)))
            jobs.expect(not found, f'over {sites}: {len(found)} differences\n' +
                        '\n'.join(found[:30]))
        print(f'{sum(map(len, host.values()))} probes')
    return case


def end_by(culprit, sites, how='fatal'):
    """A job that this rank ends by an error or a call; what was said."""
    command = [jobs.need_program(jobs.SITES / 'errors'), how, culprit]
    result = jobs.run_over(sites, command)
    jobs.expect(result.status != 0 and not result.timed_out and 'still here' not in result.out,
                result.describe())
    return result.err


def fatal_errors():
    """MPI_ERRORS_ARE_FATAL, the default, ends the job at all sites, with the host's message. (Often
    mpirun ends before it has shown it, without Widespan, too.)"""
    message = ('An error occurred in MPI_Send', 'on communicator the last one',
               'MPI_ERR_RANK: invalid rank', 'MPI_ERRORS_ARE_FATAL')
    said = [end_by(culprit, sites) for sites in LAYOUTS[::2] for culprit in (0, RANKS - 1)]
    while not any(all(text in err for text in message) for err in said):
        jobs.expect(len(said) < 30, f'nobody says why:\n{said[-1]}')
        said.append(end_by(0, LAYOUTS[0]))


def ends():
    """MPI_Abort on a part of the ranks ends the job everywhere; MPI_Finalize does not mind what is
    left undone."""
    command = [jobs.need_program(jobs.SITES / 'errors'), 'leave']
    jobs.run([*jobs.mpirun(), '-n', RANKS, *command, 1]).must_pass()
    for sites in LAYOUTS[::2]:
        end_by(0, sites, 'abort')
        end_by(RANKS - 1, sites, 'abort')
        jobs.run_over(sites, [*command, RANKS - 1]).must_pass()


jobs.main({
    'errors': compare('errors', LAYOUTS),
    'errors_fortran': compare('errors_fortran', LAYOUTS[::2]),
    'fatal_errors': fatal_errors,
    'ends': ends,
})
