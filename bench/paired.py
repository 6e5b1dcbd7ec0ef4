# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of alternating runs inside a site, with the shim and with the host MPI alone.

Two settings are compared with the host: `single`, one site with the shim preloaded, and `two-site`,
the first site of a job whose second site sleeps.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

RUN_DEADLINE_S = 180
SETTINGS = ('single', 'two-site')


class Bench:
    """Runs one program of bench/ under either side; the program writes its results as JSON."""

    def __init__(self, name, build, folder, program, options):
        build = os.path.abspath(build)
        self.name, self.folder = name, folder
        self.shim = os.path.join(build, 'mpi_compat', 'libwidespan-openmpi.so')
        self.widespan = os.path.join(build, 'src', 'tools', 'widespan')
        self.output = os.path.join(folder, 'result.json')
        self.job = os.path.join(folder, 'job')
        self.program = [os.path.join(build, 'bench', program), '--json', self.output] + options
        # The second site has one rank: it sleeps, wherever the kernel puts it.
        with open(self.job, 'w', encoding='ascii') as file:
            file.write(f'[job]\nname = {name}\n'
                       '[site here]\nranks = 2\nlaunch = mpirun --bind-to core -n {ranks}\n'
                       'address = 127.0.0.1\n'
                       '[site there]\nranks = 1\nlaunch = mpirun --bind-to none -n {ranks}\n'
                       'address = 127.0.0.1\n')
        for path in (self.program[0], self.shim):
            if not os.path.exists(path):
                sys.exit(f'{name}: {path} is not there; build first')

    def command(self, setting):
        if setting == 'two-site':
            return [self.widespan, 'run', '--job', self.job] + self.program
        # Both sides go through env, so that only the shim differs.
        preload = self.shim if setting == 'single' else ''
        return ['mpirun', '--bind-to', 'core', '-n', '2', 'env',
                f'LD_PRELOAD={preload}'] + self.program

    def run(self, setting):
        """What the program wrote in one run."""
        if os.path.exists(self.output):
            os.remove(self.output)
        done = subprocess.run(self.command(setting), cwd=self.folder, timeout=RUN_DEADLINE_S,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0 or not os.path.exists(self.output):
            sys.exit(f'{self.name}: {" ".join(self.command(setting))}\n'
                     f'ended with {done.returncode}:\n{done.stdout}{done.stderr}')
        with open(self.output, encoding='ascii') as file:
            return json.load(file)


def ratio_with_interval(host, shim, draws=5000):
    """Ratio of the medians and its 95% interval, drawing pairs with replacement."""
    chance = random.Random(1)
    n = len(host)
    ratios = []
    for _ in range(draws):
        picks = [chance.randrange(n) for _ in range(n)]
        ratios.append(statistics.median(shim[i] for i in picks)
                      / statistics.median(host[i] for i in picks))
    ratios.sort()
    return (statistics.median(shim) / statistics.median(host),
            ratios[int(0.025 * draws)], ratios[int(0.975 * draws) - 1])


def alternate(bench, setting, n_pairs, values_of):
    """Runs the pairs; every other pair begins with the shim. Returns the samples by side."""
    samples = {'host': [], 'shim': []}
    for i in range(n_pairs):
        sides = [('host', 'host'), ('shim', setting)]
        for side, what in sides if i % 2 == 0 else sides[::-1]:
            samples[side].append(values_of(bench.run(what)))
        print(f'\r{setting}: {i + 1} of {n_pairs} pairs', end='', file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return samples


def report(setting, samples):
    print(f'\n{setting}: {len(samples["host"])} alternating pairs')
    print(f'{"":>22} {"bytes":>10} {"host":>12} {"shim":>12} {"ratio":>8}   95% interval')
    rows = []
    for key in samples['host'][0]:
        host = [s[key] for s in samples['host']]
        shim = [s[key] for s in samples['shim']]
        ratio, low, high = ratio_with_interval(host, shim)
        print(f'{key[0]:>22} {key[1]:>10} {statistics.median(host):>12.3f}'
              f' {statistics.median(shim):>12.3f} {ratio:>8.3f}   {low:.3f} .. {high:.3f}')
        rows.append({'quantity': key[0], 'bytes': key[1], 'host': host, 'shim': shim,
                     'ratio': ratio, 'low': low, 'high': high})
    return rows


def compare(name, about, program, options, values_of, settings=SETTINGS):
    """The whole of a comparison. values_of: what a run wrote -> {(quantity, bytes): value}."""
    parser = argparse.ArgumentParser(prog=name, description=about.split('\n', maxsplit=1)[0])
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument('--build', default=os.path.join(root, 'build'))
    parser.add_argument('--pairs', type=int, default=15, help='alternating pairs of runs')
    parser.add_argument('--time', type=float, default=0.5, help='seconds for each size')
    parser.add_argument('--settings', default=','.join(settings))
    parser.add_argument('--json', help='file for all samples and ratios')
    args = parser.parse_args()
    if os.getuid() == 0:
        os.environ['OMPI_ALLOW_RUN_AS_ROOT'] = os.environ['OMPI_ALLOW_RUN_AS_ROOT_CONFIRM'] = '1'
    results = {}
    with tempfile.TemporaryDirectory(prefix='widespan-compare-') as folder:
        bench = Bench(name, args.build, folder, program, ['--time', str(args.time)] + options)
        for setting in args.settings.split(','):
            if setting not in SETTINGS:
                sys.exit(f'{name}: no such setting: {setting}')
            results[setting] = report(setting, alternate(bench, setting, args.pairs, values_of))
    if args.json:
        with open(args.json, 'w', encoding='ascii') as file:
            json.dump(results, file, indent=1)
