# SPDX-License-Identifier: BSD-3-Clause
"""Reads functions.tbl: the one list of MPI functions, their classes and parameters."""

import re

CLASSES = ('untouched', 'local', 'dual', 'refused')
ROUTES = ('-', 'always', 'comm', 'coll', 'p2p_blocking', 'p2p_start', 'request', 'message',
          'buffered', 'group')
FLAGS = ('-', 'reenters', 'fragile', 'fortran')


class Parameter:
    def __init__(self, text):
        if text == '...':
            self.declaration, self.name, self.kind = text, text, text
            return
        self.declaration, self.kind = text.rsplit(':', 1)
        self.name = re.search(r'(\w+)(\[\d*\])*$', self.declaration).group(1)


class Function:
    def __init__(self, line):
        columns = line.split(None, 4)
        self.name, self.klass, self.route, self.flag = columns[:4]
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
        return self.klass in ('dual', 'refused') or self.flag == 'reenters'

    @property
    def in_host_table(self):
        return self.flag != 'fortran'

    def of_kind(self, *kinds):
        return [p for p in self.parameters if p.kind in kinds]


def read(path):
    """The functions in the order of the table."""
    functions = []
    with open(path, encoding='ascii') as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith('#') or not line.strip():
                continue
            try:
                functions.append(Function(line))
            except (ValueError, AttributeError, IndexError) as error:
                raise SystemExit(f'{path}:{number}: {error}')
    names = [f.name for f in functions]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise SystemExit(f'{path}: more than once: {", ".join(twice)}')
    return functions
