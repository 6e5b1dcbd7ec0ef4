# SPDX-License-Identifier: BSD-3-Clause
"""docs/mpi-coverage.md: how each function behaves on a spanning communicator, from functions.tbl."""

import textwrap

HEAD = '''# MPI coverage

How each function behaves on a *spanning* communicator: one that is not wholly on the caller's own
site. On every other communicator all of them are the host MPI's own. Made from
`mpi_compat/functions.tbl` by `make docs`; do not edit.

| between sites | meaning | functions |
|---|---|---|
'''

MEANINGS = {
    'works': 'Widespan does it, with the meaning that MPI gives it',
    'host': "needs nothing of another site: the host MPI's own answer is right",
    'home only': 'on a window or file, which exists inside one site only',
    'refused': 'the error handler that MPI has for it (for `MPI_File_open` that of '
               '`MPI_FILE_NULL`, for `MPI_Win_post` and `MPI_Win_start` that of the window, else '
               'that of the communicator) gets `MPI_ERR_UNSUPPORTED_OPERATION`, and one line, the '
               'first time, names the function and what spans sites',
}


def behaviour(function):
    if function.klass == 'dual':
        return 'works'
    if function.klass == 'local' and function.of_kind('win', 'iowin', 'file', 'iofile'):
        return 'home only'
    return 'refused' if function.klass == 'refused' else 'host'


def summary(functions):
    ways = [behaviour(f) for f in functions]
    rows = ''.join(f'| {way} | {text} | {ways.count(way)} |\n' for way, text in MEANINGS.items())
    return f'{rows}| | all | {len(functions)} |\n'


def row(function):
    way = behaviour(function)
    since = function.since if way != 'refused' else ''
    return f'| `MPI_{function.name}` | {way} | {since} |\n'


def chapter(heading, notes, functions):
    text = f'\n## {heading}\n\n' + (textwrap.fill(notes, 100) + '\n\n' if notes else '')
    return text + '| function | between sites | since |\n|---|---|---|\n' + ''.join(map(row, functions))


def mpi_coverage_md(functions):
    """One table for each chapter of functions.tbl, behind the sums over all of them."""
    chapters = {}
    for function in functions:
        chapters.setdefault(function.chapter, []).append(function)
    return HEAD + summary(functions) + ''.join(chapter(*key, rows)
                                               for key, rows in chapters.items())
