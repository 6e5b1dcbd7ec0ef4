# SPDX-License-Identifier: BSD-3-Clause
"""Installs into a new folder and uses what is there: install.py MESON BUILD SOURCE PREFIX LIBDIR."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

DEADLINE_S = 60


def run(command, **options):
    """Runs a command to its end or deadline; ends all that it started. Returns its output."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        sys.exit(f'{" ".join(command)}: not done after {DEADLINE_S} s\n{output}')
    if process.returncode != 0:
        sys.exit(f'{" ".join(command)}: ended with {process.returncode}\n{output}')
    return output


def require(condition, message):
    if not condition:
        sys.exit(message)


def environment():
    """Nothing of Widespan or of the build tree; root may start mpirun."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith('WIDESPAN') and k not in ('LD_PRELOAD', 'LD_LIBRARY_PATH')}
    if os.getuid() == 0:
        env['OMPI_ALLOW_RUN_AS_ROOT'] = env['OMPI_ALLOW_RUN_AS_ROOT_CONFIRM'] = '1'
    return env


def check_files(prefix, libdir):
    for name in ('bin/widespan', f'{libdir}/widespan/libwidespan-openmpi.so',
                 'include/widespan/error.h', 'include/widespan/mpi.h',
                 'include/widespan/path.h',
                 f'{libdir}/pkgconfig/widespan-openmpi.pc', 'share/man/man1/widespan.1'):
        require(os.path.exists(os.path.join(prefix, name)), f'{name} is not installed')


def check_linked(prefix, libdir, source, folder, env):
    """A program linked by the pkg-config file has the shim in, and runs over two sites."""
    flags = run(['pkg-config', f'--define-variable=prefix={prefix}', '--cflags', '--libs',
                 'widespan-openmpi'],
                env=dict(env, PKG_CONFIG_PATH=os.path.join(prefix, libdir, 'pkgconfig'))).split()
    program = os.path.join(folder, 'ring-linked')
    run(['mpicc', '-o', program, os.path.join(source, 'examples', 'ring.c')] + flags, env=env)
    needed = run(['ldd', program], env=env)
    require(os.path.join(prefix, libdir, 'widespan') in needed,
            f'the program does not find the installed shim:\n{needed}')
    run([os.path.join(prefix, 'bin', 'widespan'), 'run', '-n', '4', '--sites', '2', program], env=env)


def main():
    meson, build, source, prefix, libdir = sys.argv[1:]
    if not shutil.which('mpicc') or not shutil.which('mpirun'):
        print('skipped: no mpicc or mpirun')
        sys.exit(77)
    env = environment()
    with tempfile.TemporaryDirectory(prefix='widespan-install-') as folder:
        run([meson, 'install', '-C', build, '--no-rebuild', '--destdir', folder], env=env)
        prefix = folder + prefix
        check_files(prefix, libdir)
        os.mkdir(os.path.join(os.path.dirname(prefix), 'mpi_compat'))  # as in a checkout
        widespan = os.path.join(prefix, 'bin', 'widespan')
        require('openmpi' in run([widespan, 'info'], env=env), 'widespan info shows no shim')
        program = os.path.join(folder, 'ring')
        run(['mpicc', '-o', program, os.path.join(source, 'examples', 'ring.c')], env=env)
        run([widespan, 'run', '-n', '4', '--sites', '2', program], env=env)
        check_linked(prefix, libdir, source, folder, env)
    print('the installed tree works')


if __name__ == '__main__':
    main()
