# SPDX-License-Identifier: BSD-3-Clause
"""Programs as their packagers built them, and small ones of ours over packaged libraries: on two and
on three sites, compared with one plain mpirun of as many ranks."""

import math
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

HERE = pathlib.Path(__file__).parent
POTENTIAL = pathlib.Path('/usr/share/lammps/potentials/Cu_u3.eam')
PYTHON = '/usr/bin/python3'  # the one that the packages of mpi4py and numpy belong to
LAYOUTS = (2, 2), (2, 1, 1)
N_RANKS = 4
DEADLINE = 60


def run_plain(command, folder):
    return jobs.run([*jobs.mpirun(), '-n', N_RANKS, *command], DEADLINE, cwd=folder).must_pass()


def run_wide(sites, command, folder):
    """Runs over sites, and sees that ranks of different sites did talk."""
    stats = pathlib.Path(folder, 'stats.json')
    result = jobs.run_over(sites, command, DEADLINE, {'WIDESPAN_STATS': f'json:{stats}'},
                           cwd=folder).must_pass()
    jobs.expect(jobs.total(jobs.read_stats(stats), 'messages_sent') > 0,
                f'no message went between sites\n{result.describe()}')
    return result


def compare(run_one, judge):
    """run_one(run, folder) gives what a program computed, run by run(command, folder); judge takes
    that of the plain run and that of each layout of sites."""
    def in_folder(run):
        with tempfile.TemporaryDirectory() as folder:
            return run_one(run, folder)

    plain = in_folder(run_plain)
    for sites in LAYOUTS:
        try:
            judge(plain, in_folder(lambda command, folder: run_wide(sites, command, folder)))
        except jobs.Failure as failure:
            raise jobs.Failure(f'over sites of {jobs.spread(sites)} ranks: {failure}') from None


def need_input(path):
    if not path.is_file():
        raise jobs.Skip(f'{path} is not there')
    return path


def near(what, plain, wide, tolerance):
    """Numbers that agree within a tolerance, relative to the larger of the plain one and 1."""
    jobs.expect(math.isclose(plain, wide, rel_tol=0, abs_tol=tolerance * max(abs(plain), 1)),
                f'{what} is {wide!r}, on one site {plain!r} (tolerance {tolerance})')


# LAMMPS ------------------------------------------------------------------------------------------

def thermo_table(text):
    """[{column: number}] of the thermodynamic output."""
    lines = text.splitlines()
    first = next((n for n, line in enumerate(lines) if line.split()[:2] == ['Step', 'Temp']), None)
    jobs.expect(first is not None, f'no thermodynamic output:\n{text[-3000:]}')
    last = next(n for n, line in enumerate(lines) if n > first and line.startswith('Loop time'))
    names = lines[first].split()
    return [dict(zip(names, map(float, line.split()))) for line in lines[first + 1:last]]


def atom_lines(path):
    """{atom: its positions and velocities as written}."""
    lines = path.read_text().split('ITEM: ATOMS', 1)[1].splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines}


def lammps(name, thermo_tolerance, atoms_tolerance=None):
    """Thermodynamic quantities are sums over all atoms, which sites regroup: they agree within a
    tolerance. Positions and velocities agree to the bit, or within a tolerance of their own where
    such sums enter the motion."""
    def run_one(run, folder):
        atoms = pathlib.Path(folder, 'atoms')
        found = run(['lmp', '-in', HERE / f'in.{name}', '-log', 'none', '-var', 'atoms', atoms,
                     '-var', 'potential', POTENTIAL], folder)
        return thermo_table(found.out), atom_lines(atoms)

    def judge(plain, wide):
        jobs.expect([row['Step'] for row in plain[0]] == [row['Step'] for row in wide[0]],
                    'the steps differ')
        for row, other in zip(plain[0], wide[0]):
            for column, value in row.items():
                near(f'{column} at step {row["Step"]:.0f}', value, other[column], thermo_tolerance)
        jobs.expect(plain[1].keys() == wide[1].keys(), 'the atoms differ')
        for atom, values in plain[1].items():
            if atoms_tolerance is None:
                jobs.expect(values == wide[1][atom],
                            f'atom {atom} is at {wide[1][atom]}, on one site at {values}')
                continue
            for value, other in zip(values, wide[1][atom]):
                near(f'atom {atom}', float(value), float(other), atoms_tolerance)

    def case():
        jobs.need_program('lmp')
        if name == 'eam':
            need_input(POTENTIAL)
        compare(run_one, judge)
    return case


# HPC Challenge -----------------------------------------------------------------------------------

def hpcc():
    """Every part passes, with the same residual and error: no regrouped sum enters these two. No random
    access is lost either, as the number of ranks is a power of two: with others hpcc itself loses
    some, also under a plain mpirun."""
    def run_one(run, folder):
        shutil.copy(HERE / 'hpccinf.txt', folder)
        run(['hpcc'], folder)
        text = pathlib.Path(folder, 'hpccoutf.txt').read_text()
        jobs.expect('\nSuccess=1\n' in text and 'FAILED' not in text, f'hpcc failed:\n{text[-9000:]}')
        solved = re.findall(r'^\|\|Ax-b\|\|.*= *(\S+) \.+ PASSED$', text, re.M)
        jobs.expect(len(solved) == 1, f'HPL did not pass one test but {len(solved)}')
        jobs.expect('5 tests completed and passed residual checks' in text, 'PTRANS did not pass')
        for wrong in ('MPIRandomAccess_Errors', 'MPIRandomAccess_LCG_Errors'):
            jobs.expect(f'\n{wrong}=0\n' in text, f'{wrong} is not 0')
        return solved, re.findall('MPIFFT_maxErr=.*', text)

    def judge(plain, wide):
        jobs.expect(plain == wide, f'found {wide}, on one site {plain}')

    jobs.need_program('hpcc')
    compare(run_one, judge)


# Python ------------------------------------------------------------------------------------------

def python(script, *modules):
    """A script that prints the same on as many ranks."""
    def judge(plain, wide):
        jobs.expect(plain and plain == wide, f'printed\n{wide}\n--- on one site\n{plain}')

    def case():
        jobs.need_program(PYTHON)
        for module in modules:
            if jobs.run([PYTHON, '-c', f'import {module}']).status != 0:
                raise jobs.Skip(f'{PYTHON} has no module {module}')
        compare(lambda run, folder: run([PYTHON, HERE / script], folder).out, judge)
    return case


# Libraries ---------------------------------------------------------------------------------------

def built(name, header, libraries):
    """A program of ours over a packaged library; it judges by itself, line by line."""
    def case():
        jobs.need_program('mpicc')
        with tempfile.TemporaryDirectory() as build:
            program = pathlib.Path(build, name)
            probe = jobs.run(['mpicc', '-x', 'c', '-', '-o', program, *libraries],
                             stdin=f'#include <{header}>\nint main(void) {{ return 0; }}\n')
            if probe.status != 0:
                raise jobs.Skip(f'no development files for {" ".join(libraries)}')
            jobs.run(['mpicc', '-std=gnu17', '-O2', '-Wall', '-Werror', HERE / f'{name}.c', '-o',
                      program, *libraries]).must_pass()
            compare(lambda run, folder: run([program], folder),
                    lambda _, wide: jobs.expect(wide.out.count(': right') == 3, wide.describe()))
    return case


# Set by meson. Some of these programs read memory that they never wrote: not what is tested here.
os.environ.pop('MALLOC_PERTURB_', None)
jobs.main({
    'lammps_melt': lammps('melt', 1e-10),
    'lammps_eam': lammps('eam', 1e-10),
    'lammps_salt': lammps('salt', 1e-8, 1e-8),
    'hpcc': hpcc,
    'mpi4py': python('objects.py', 'mpi4py', 'numpy'),
    'mpi4py_futures': python('futures.py', 'mpi4py.futures'),
    'fftw': built('transform', 'fftw3-mpi.h', ['-lfftw3_mpi', '-lfftw3', '-lm']),
    'scalapack': built('solve', 'mpi.h', ['-lscalapack-openmpi', '-lm']),
})
