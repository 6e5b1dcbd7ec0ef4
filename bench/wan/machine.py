# SPDX-License-Identifier: BSD-3-Clause
"""Where and with what something was measured."""

import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys

VERSIONS = {'iperf3': ['iperf3', '--version'], 'Open MPI': ['mpirun.openmpi', '--version'],
            'MPICH': ['mpirun.mpich', '--version'], 'ZeroMQ': ['pkg-config', '--modversion', 'libzmq'],
            'scp': ['ssh', '-V'], 'gnuplot': ['gnuplot', '--version'], 'cc': ['cc', '--version']}


def told(command):
    """The first line with a number in it, or None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    return next((line for line in lines if re.search(r'[0-9]', line)), None)


def processor():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def revision(folder):
    git = ['git', '-C', str(folder)]
    done = [subprocess.run(git + words, capture_output=True, text=True)
            for words in (['rev-parse', 'HEAD'], ['status', '--porcelain', '-uno'])]
    if any(d.returncode for d in done):
        return None
    return done[0].stdout.strip() + (' with changes' if done[1].stdout else '')


def kernel_settings():
    names = ('tcp_rmem', 'tcp_wmem', 'tcp_congestion_control', 'tcp_available_congestion_control')
    there = {n: pathlib.Path('/proc/sys/net/ipv4', n) for n in names}
    return {n: ' '.join(p.read_text().split()) for n, p in there.items() if p.exists()}


def describe(folder):
    return {'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
            'command': sys.argv, 'revision': revision(folder), 'kernel': platform.release(),
            'system': platform.version(), 'processor': processor(), 'cores': os.cpu_count(),
            'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
            'kernel_settings': kernel_settings(), 'python': platform.python_version(),
            'versions': {name: told(command) for name, command in VERSIONS.items()}}


def summary(described):
    return (f'{described["date"]}, {described["cores"]} cores of {described["processor"]}, Linux '
            f'{described["kernel"]}, revision {described["revision"]}')
