# SPDX-License-Identifier: BSD-3-Clause
"""Reads functions.tbl: the one list of MPI functions, their classes and parameters."""

import re

CLASSES = ('untouched', 'local', 'dual', 'refused')
ROUTES = ('-', 'always', 'comm', 'coll', 'p2p_blocking', 'p2p_start', 'peer_block', 'peer_start', 'request', 'message',
          'buffered', 'group', 'members')
FLAGS = ('-', 'reenters', 'sleeps', 'fragile', 'fortran')
FIRST_RELEASE = '0.1'
# Beside the functions of the table: the extension pcollreq of Open MPI (coll/extension.c), and what
# Fortran's names lead to other ways (coll/fortran.c).
EXTENSIONS = [name + '_init' for name in (
    'Barrier', 'Bcast', 'Gather', 'Gatherv', 'Scatter', 'Scatterv', 'Allgather', 'Allgatherv',
    'Alltoall', 'Alltoallv', 'Alltoallw', 'Reduce', 'Allreduce', 'Scan', 'Exscan', 'Reduce_scatter',
    'Reduce_scatter_block', 'Neighbor_allgather', 'Neighbor_allgatherv', 'Neighbor_alltoall',
    'Neighbor_alltoallv', 'Neighbor_alltoallw')]
FORTRAN = ('Alltoallw', 'Ialltoallw', 'Neighbor_alltoallw', 'Ineighbor_alltoallw')


class Parameter:
    def __init__(self, text):
        if text == '...':
            self.declaration, self.name, self.kind = text, text, text
            return
        self.declaration, self.kind = text.rsplit(':', 1)
        self.name = re.search(r'(\w+)(\[\d*\])*$', self.declaration).group(1)


class Function:
    """chapter: the heading above the function, and the text below that."""

    def __init__(self, line, chapter):
        columns = line.split(None, 4)
        self.name, klass, self.route, self.flag = columns[:4]
        self.klass, self.since = re.fullmatch(r'(\w+)(?:@(\d+\.\d+))?', klass).groups(FIRST_RELEASE)
        self.chapter = chapter
        # The return type may hold a blank only if a pointer comes back, which no function does.
        self.returns, parameters = columns[4].split(None, 1)
        parameters = parameters.strip()
        self.parameters = [] if parameters == 'void' else [
            Parameter(p.strip()) for p in parameters.split(',')]
        for value, known in ((self.klass, CLASSES), (self.route, ROUTES), (self.flag, FLAGS)):
            if value not in known:
                raise ValueError(f'{self.name}: unknown word {value}')
        if (self.route == '-') != (self.klass in ('untouched', 'local')):
            raise ValueError(f'{self.name}: class {self.klass} with route {self.route}')

    @property
    def declarations(self):
        return ', '.join(p.declaration for p in self.parameters) or 'void'

    @property
    def arguments(self):
        return ', '.join(p.name for p in self.parameters)

    @property
    def is_exported(self):
        return self.klass in ('dual', 'refused') or self.flag in ('reenters', 'sleeps')

    @property
    def in_host_table(self):
        return self.flag != 'fortran'

    def of_kind(self, *kinds):
        return [p for p in self.parameters if p.kind in kinds]


def fortran_names(name):
    """All that compilers and bindings call a function of this name."""
    lower = name.lower()
    forms = [form for p in ('', 'p')
             for form in (f'{p}mpi_{lower}', f'{p}mpi_{lower}_', f'{p}mpi_{lower}__',
                          f'{p}mpi_{lower}'.upper(), f'{p.upper()}MPI_{name}_f',
                          f'{p.upper()}MPI_{name}_f08')]
    return [*forms, f'ompi_{lower}_f']


def exported(functions):
    """The symbols that the shim exports."""
    names = [p + f.name for f in functions if f.is_exported for p in ('MPI_', 'PMPI_')]
    names += [p + name for name in EXTENSIONS for p in ('MPIX_', 'PMPIX_')]
    return names + [n for name in FORTRAN for n in fortran_names(name)] + ['wsp_shim_description']


def paragraphs(path):
    """(number of the first line, comment lines, other lines) of each part between blank lines."""
    with open(path, encoding='ascii') as file:
        lines = file.read().split('\n')
    start = 0
    for end in [n for n, line in enumerate(lines) if not line] + [len(lines)]:
        part = lines[start:end]
        yield start + 1, [p for p in part if p[:1] == '#'], [p for p in part if p[:1] not in ('', '#')]
        start = end + 1


def read(path):
    """The functions in the order of the table."""
    functions = []
    for first, comments, rows in paragraphs(path):
        texts = [c[1:].strip() for c in comments] or ['']
        chapter = (texts[0], ' '.join(texts[1:]))
        for number, line in enumerate(rows, first + len(comments)):
            try:
                functions.append(Function(line, chapter))
            except (ValueError, AttributeError, IndexError) as error:
                raise SystemExit(f'{path}:{number}: {error}')
    names = [f.name for f in functions]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise SystemExit(f'{path}: more than once: {", ".join(twice)}')
    return functions
