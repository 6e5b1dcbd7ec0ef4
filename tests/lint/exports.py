# SPDX-License-Identifier: BSD-3-Clause
"""functions.tbl against the libraries: exports.py host TABLE LIBMPI | shim TABLE SHIM."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../mpi_compat/gen'))
import table  # noqa: E402


def symbols(*arguments):
    """Names of the defined functions, without versions."""
    lines = subprocess.run(['nm', '--defined-only', *arguments], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    fields = [line.split() for line in lines if len(line.split()) == 3]
    # Without versions, and without what the compiler split off (wide_Send.cold).
    return {re.split('[@.]', name)[0] for _, kind, name in fields if kind in 'TtWwiR'}


def compare(what, found, wanted):
    problems = [f'{what}: {name} is there but not in the table' for name in sorted(found - wanted)]
    problems += [f'{what}: {name} is in the table but not there' for name in sorted(wanted - found)]
    return problems


def check_host(functions, library):
    found = symbols('-D', library)
    return (compare('MPI_', {n for n in found if n.startswith('MPI_')},
                    {'MPI_' + f.name for f in functions})
            + compare('PMPI_', {n for n in found if n.startswith('PMPI_')},
                      {'PMPI_' + f.name for f in functions if f.in_host_table}))


def check_shim(functions, library):
    # What the sanitizers and the compiler add starts with an underscore.
    found = {n for n in symbols('-D', library) if not re.match(r'_', n)}
    wide = {n for n in symbols(library) if re.match(r'wide_[A-Z]', n)}
    problems = compare('shim', found, set(table.exported(functions)))
    # A stripped library shows none of its inner functions; it could not have been linked without.
    if wide:
        problems += compare('wide', wide, {'wide_' + f.name for f in functions if f.klass == 'dual'})
    return problems


def main():
    what, path, library = sys.argv[1:]
    functions = table.read(path)
    problems = (check_host if what == 'host' else check_shim)(functions, library)
    print('\n'.join(problems) or f'{len(functions)} functions agree with {library}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
