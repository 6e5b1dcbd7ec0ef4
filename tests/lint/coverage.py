# SPDX-License-Identifier: BSD-3-Clause
"""docs/mpi-coverage.md is what functions.tbl says: coverage.py TABLE DOCUMENT."""

import difflib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../mpi_compat/gen'))
import coverage  # noqa: E402
import table  # noqa: E402


def main():
    path, document = sys.argv[1:]
    wanted = coverage.mpi_coverage_md(table.read(path)).splitlines()
    with open(document, encoding='ascii') as file:
        found = file.read().splitlines()
    if found == wanted:
        print(f'{document} agrees with {path}')
        return 0
    print('\n'.join(difflib.unified_diff(found, wanted, document, path, n=0, lineterm='')))
    print('functions.tbl has changed: bring its document up to date with "make docs".')
    return 1


if __name__ == '__main__':
    sys.exit(main())
