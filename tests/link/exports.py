# SPDX-License-Identifier: BSD-3-Clause
"""Holds that the version script, the headers and the library's exports name the same functions:
exports.py NM LIBRARY MAP HEADER..."""

import re
import subprocess
import sys


def declared(headers):
    names = set()
    for header in headers:
        with open(header, encoding='utf-8') as file:
            text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
        names.update(re.findall(r'WSP_PUBLIC\s[^;(]*?\b(wsp_\w+)\s*\(', text))
    return names


def mapped(path):
    with open(path, encoding='utf-8') as file:
        return set(re.findall(r'^\s+(wsp_\w+);', file.read(), flags=re.M))


def exported(nm, library):
    output = subprocess.run([nm, '-D', '--defined-only', library], check=True,
                            capture_output=True, text=True).stdout
    return {line.split()[2].split('@')[0] for line in output.splitlines() if ' A ' not in line}


def main():
    nm, library, version_script, *headers = sys.argv[1:]
    sets = {'the headers': declared(headers), 'the version script': mapped(version_script),
            'the library': exported(nm, library)}
    everything = set.union(*sets.values())
    problems = [f'{name} is not in {where}' for where, names in sets.items()
                for name in sorted(everything - names)]
    if problems or not everything:
        sys.exit('\n'.join(problems) or 'no function found')
    print(f'{len(everything)} functions')


main()
