# SPDX-License-Identifier: BSD-3-Clause
"""The examples, unchanged: on one, two and three sites, over two network namespaces, and linked
with the shim in place of the preload. heat's field must be that of a single site, to the bit."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

PROGRAMS = ['ring', 'halo', 'master_worker', 'heat']


def heat_reference(folder):
    """The field of a run under the host MPI alone."""
    path = pathlib.Path(folder, 'reference')
    jobs.run([*jobs.mpirun(), '-n', '1', jobs.EXAMPLES / 'heat', '-o', path]).must_pass()
    return path.read_bytes()


def run_all(run_one, programs=jobs.EXAMPLES):
    """run_one(command) runs a job; every example must pass and say that it is right."""
    with tempfile.TemporaryDirectory() as folder:
        reference, field = heat_reference(folder), pathlib.Path(folder, 'field')
        for name in PROGRAMS:
            arguments = ['-o', field] if name == 'heat' else []
            result = run_one([programs / name, *arguments]).must_pass()
            jobs.expect(f'{name}: ' in result.out, f'{name} says nothing\n{result.describe()}')
        jobs.expect(field.read_bytes() == reference, "heat's field differs from a single site's")


def over(*sites):
    return lambda: run_all(lambda command: jobs.run_over(sites, command))


def by_count():
    """Without a job file: ranks spread over local sites."""
    for n_sites, n in ((1, 3), (2, 4), (3, 5)):
        run_all(lambda command: jobs.run(
            jobs.widespan('run', '--sites', n_sites, '-n', n, *command)))


def over_namespaces():
    with jobs.Namespaces(2) as network, tempfile.TemporaryDirectory() as folder:
        job = jobs.write_job(folder, [
            {'ranks': 2, 'launch': network.launch(i), 'address': network.addresses[i]}
            for i in range(2)])
        run_all(lambda command: jobs.run(
            network.inside(0, *map(str, jobs.widespan('run', '--job', job, *command)))))


def several_machines():
    """A site of two machines, of which the job file's address leads to one: the other has its own.
    With one that leads to neither the job does not start."""
    with jobs.Namespaces(2) as network, tempfile.TemporaryDirectory() as folder:
        agent = pathlib.Path(folder, 'agent')  # for ssh: the other machine is the other space
        agent.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nshift\n'
                         f'exec {" ".join(network.inside(1))} unshare --uts sh -c '
                         '\'hostname wsp-other; exec sh -c "$1"\' sh "$*"\n')
        agent.chmod(0o755)
        nodes = (f'--mca plm_rsh_agent {agent} --mca pml ob1 --mca btl tcp,self --mca '
                 'oob_tcp_if_include 10.77.1.0/24 --mca btl_tcp_if_include 10.77.1.0/24 '
                 f'--host localhost:1,{network.addresses[1]}:1')
        launch = network.launch(0).replace(' mpirun ', f' mpirun {nodes} ')
        for address, status in ((network.addresses[0], 0), ('192.0.2.1', 1)):
            job = jobs.write_job(folder, [
                {'ranks': 2, 'launch': launch, 'address': address},
                {'ranks': 2, 'launch': network.launch(0), 'address': network.addresses[0]}])
            result = jobs.run(network.inside(0, *map(str, jobs.widespan(
                'run', '--job', job, jobs.SITES / 'matching', '-n', 2000, '-S', '2,2'))))
            jobs.expect(result.status == status, result.describe())
            jobs.expect('right' in result.out if status == 0 else
                        'none of them has the address 192.0.2.1' in result.err, result.describe())


def install(prefix):
    done = subprocess.run(['meson', 'install', '-C', jobs.BUILD, '--no-rebuild', '--quiet',
                           '--destdir', str(prefix)], capture_output=True, text=True)
    jobs.expect(done.returncode == 0, done.stdout + done.stderr)


def pkg_config(root, *arguments):
    """pkg-config over the installed files, whose prefix stands under another root."""
    files = list(root.rglob('widespan-openmpi.pc'))
    jobs.expect(len(files) == 1, f'one widespan-openmpi.pc expected, found {files}')
    done = subprocess.run(
        ['pkg-config', f'--define-variable=prefix={files[0].parents[3]}', *arguments,
         'widespan-openmpi'],
        env=dict(os.environ, PKG_CONFIG_PATH=str(files[0].parent)), capture_output=True, text=True)
    jobs.expect(done.returncode == 0, done.stderr)
    return done.stdout.split()


def relinked():
    """Built against the installed shim by its pkg-config file, started without any preload."""
    jobs.need_program('pkg-config')
    jobs.need_program('mpicc')
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        install(root / 'root')
        flags = pkg_config(root / 'root', '--cflags', '--libs')
        for name in PROGRAMS:
            source = jobs.SOURCE / 'examples' / f'{name}.c'
            jobs.run(['mpicc', '-std=gnu17', '-O2', source, '-o', root / name, *flags,
                      '-lm']).must_pass()
            needed = jobs.run(['readelf', '-d', root / name]).must_pass().out
            jobs.expect('libwidespan-openmpi' in needed, f'{name} is not linked with the shim')
        for sites in ((2,), (2, 2)):
            run_all(lambda command: jobs.run_over(sites, command), root)


jobs.main({
    'one_site': over(3),
    'two_sites': over(2, 2),
    'uneven_sites': over(1, 3),
    'three_sites': over(2, 1, 2),
    'by_count': by_count,
    'namespaces': over_namespaces,
    'several_machines': several_machines,
    'relinked': relinked,
})
