# SPDX-License-Identifier: BSD-3-Clause
"""Writes a library that looks like a host MPI from afar: fake_host.py TABLE VERSION MISSING OUTPUT."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../../../mpi_compat/gen'))
import table  # noqa: E402


def main():
    path, version, missing, output = sys.argv[1:]
    with open(output, 'w', encoding='ascii') as file:
        file.write('#include <string.h>\n#define SHOWN __attribute__((visibility("default")))\n')
        for function in table.read(path):
            if function.name == 'Get_library_version':
                file.write('SHOWN int PMPI_Get_library_version(char *text, int *length);\n'
                           'int PMPI_Get_library_version(char *text, int *length)\n'
                           f'{{\n    strcpy(text, "{version}");\n'
                           '    *length = (int)strlen(text);\n    return 0;\n}\n')
            elif function.in_host_table and function.name != missing:
                file.write(f'SHOWN int PMPI_{function.name}(void);\n'
                           f'int PMPI_{function.name}(void)\n{{\n    return 0;\n}}\n')


if __name__ == '__main__':
    main()
