# SPDX-License-Identifier: BSD-3-Clause
"""mpi4py.futures: tasks that the first rank hands to workers on all other ranks."""

from mpi4py import MPI
from mpi4py.futures import MPICommExecutor


def collatz(number):
    steps = 0
    while number != 1:
        number, steps = (3 * number + 1 if number % 2 else number // 2), steps + 1
    return steps


def fail(number):
    raise ValueError(f'task {number} fails')


def main(executor):
    print('map:', list(executor.map(collatz, range(1, 200), chunksize=7)))
    print('starmap:', list(executor.starmap(pow, [(i, 3) for i in range(20)])))
    print('submit:', executor.submit(sum, range(1000)).result())
    print('large:', len(executor.submit(bytes, 500000).result()))
    print('failure:', repr(executor.submit(fail, 4).exception()))


with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
    if executor is not None:
        main(executor)
total = MPI.COMM_WORLD.reduce(1)
if MPI.COMM_WORLD.rank == 0:
    print('ranks:', total)
