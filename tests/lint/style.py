# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the tree that a compiler does not hold: style.py RULE ROOT. Exit 77: skipped."""

import os
import re
import shutil
import subprocess
import sys

# Each layer may include itself and those named.
LAYERS = {
    'base': (),
    'wire': ('base',),
    'path': ('wire', 'base'),
    'net': ('base',),
    'link': ('path', 'net', 'wire', 'base'),
    'job': ('link', 'path', 'net', 'wire', 'base'),
    'gateway': ('link', 'path', 'net', 'wire', 'base'),
    'tools': ('gateway', 'job', 'link', 'path', 'net', 'wire', 'base'),
}
SHIM_SEES = ('job', 'link', 'path', 'net', 'wire', 'base')
MPI_FOLDERS = ('mpi_compat/', 'tests/', 'examples/', 'bench/')
LINES_MAX = 900
CLANG_FORMAT = 14  # its output changes from version to version
# Split so that this file passes its own rule.
FORBIDDEN = re.compile('|'.join(('TO' + 'DO', 'FIX' + 'ME', r'\bX' + r'XX\b', r'\bst' + r'ub(bed)?\b',
                                 'for ' + 'now', 'not ' + 'implemented', 'place' + 'holder')), re.I)


def tracked(root, *suffixes):
    """Files under version control, or all of them where there is no repository."""
    try:
        output = subprocess.run(['git', '-c', f'safe.directory={root}', '-C', root, 'ls-files'],
                                check=True, capture_output=True, text=True).stdout
        names = output.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, files in os.walk(root) for name in files]
        names = [n for n in names if not n.startswith(('build', '.'))]
    return sorted(n for n in names if n.endswith(suffixes) and os.path.isfile(os.path.join(root, n)))


def read(root, name):
    with open(os.path.join(root, name), encoding='utf-8') as file:
        return file.read()


def includes(text):
    """(line number, quoted or not, path) of each include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def seen_from(name):
    parts = name.split('/')
    if parts[0] == 'src' and len(parts) > 2:
        return LAYERS[parts[1]] + (parts[1],)
    return SHIM_SEES if parts[0] == 'mpi_compat' else None


def check_layers(root):
    """Includes point down only; mpi.h stays in its folders; no ../ in includes."""
    for name in tracked(root, '.c', '.h'):
        allowed = seen_from(name)
        for number, quoted, path in includes(read(root, name)):
            layer = path.split('/')[0]
            if path == 'mpi.h' and not name.startswith(MPI_FOLDERS):
                yield f'{name}:{number}: mpi.h belongs to the shim alone'
            if path.startswith('../') or '/../' in path:
                yield f'{name}:{number}: include from the root of a folder, not by ../'
            if quoted and allowed is not None and layer in LAYERS and layer not in allowed:
                yield f'{name}:{number}: this layer does not see {layer}'
        if name.startswith('include/'):
            for number, quoted, path in includes(read(root, name)):
                if quoted:
                    yield f'{name}:{number}: an installed header includes installed headers only'


def check_host_calls(root):
    """The shim calls the host through its table: a call by name would come back to the shim."""
    call = re.compile(r'\bP?MPI_[A-Z][a-z][A-Za-z_0-9]*\s*\(')
    for name in tracked(root, '.c', '.h'):
        if name.startswith('mpi_compat/'):
            text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group().count('\n'), read(root, name),
                          flags=re.S)
            text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
            for number, line in enumerate(text.splitlines(), 1):
                if call.search(line):
                    yield f'{name}:{number}: calls MPI by its public name'


def check_text(root):
    """SPDX line, length, forbidden words, tabs and blanks at line ends."""
    for name in tracked(root, '.c', '.h', '.py', '.tbl', '.build') + tracked(root, 'Makefile'):
        text = read(root, name)
        lines = text.splitlines()
        if name.endswith(('.c', '.h', '.py')) and 'SPDX-License-Identifier: BSD-3-Clause' not in \
                '\n'.join(lines[:2]):
            yield f'{name}:1: no SPDX line'
        if len(lines) > LINES_MAX and not name.endswith('.tbl'):
            yield f'{name}: {len(lines)} lines, more than {LINES_MAX}'
        if not text.endswith('\n'):
            yield f'{name}: does not end with a newline'
        for number, line in enumerate(lines, 1):
            if FORBIDDEN.search(line):
                yield f'{name}:{number}: says {FORBIDDEN.search(line).group()!r}'
            if line != line.rstrip():
                yield f'{name}:{number}: blank at the end of the line'


def check_format(root):
    """clang-format changes nothing."""
    tool = shutil.which('clang-format')
    if not tool:
        sys.exit(skip('clang-format is not installed'))
    version = subprocess.run([tool, '--version'], capture_output=True, text=True).stdout
    if f'version {CLANG_FORMAT}.' not in version:
        sys.exit(skip(f'needs clang-format {CLANG_FORMAT}, found: {version.strip()}'))
    files = tracked(root, '.c', '.h')
    result = subprocess.run([tool, '--dry-run', '--Werror', *files], cwd=root, capture_output=True,
                            text=True)
    for name in sorted(set(re.findall(r'^([^:\s]+):\d+:\d+: ', result.stderr, re.M))):
        yield f'{name}: not formatted (make format)'


def check_headers(root):
    """Each installed header compiles alone, as C and as C++."""
    for language, compiler in (('c', 'cc'), ('c++', 'c++')):
        if not shutil.which(compiler):
            continue
        for name in tracked(root, '.h'):
            if name.startswith('include/'):
                result = subprocess.run([compiler, '-x', language, '-Wall', '-Wextra', '-Werror',
                                         '-pedantic', '-fsyntax-only', '-include', name,
                                         '-I', 'include', '/dev/null'],
                                        cwd=root, capture_output=True, text=True)
                if result.returncode != 0:
                    yield f'{name}: does not compile alone as {language}:\n{result.stderr}'


def skip(reason):
    print(f'skipped: {reason}')
    return 77


RULES = {'layers': check_layers, 'host-calls': check_host_calls, 'text': check_text,
         'format': check_format, 'headers': check_headers}


def main():
    rule, root = sys.argv[1:]
    problems = list(RULES[rule](root))
    print('\n'.join(problems) or f'{rule}: nothing to complain of')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
