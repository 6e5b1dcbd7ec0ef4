# SPDX-License-Identifier: BSD-3-Clause
"""An mpi4py program: Python objects and arrays by every kind of call. Rank 0 prints what all ranks
found, one line for each kind; the text depends on the number of ranks alone."""

import numpy
from mpi4py import MPI

world = MPI.COMM_WORLD
me, n = world.rank, world.size


def thing(rank):
    """Objects of many sizes: pickled they have 50 to about 300,000 bytes."""
    return {'rank': rank, 'words': ['site'] * 10 ** (rank % 6), ('a', 'tuple'): {rank, -1}}


def send_and_recv():
    right, left = (me + 1) % n, (me - 1) % n
    request = world.isend(thing(me), right, tag=7)
    status = MPI.Status()
    found = world.recv(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status)
    request.wait()
    return found == thing(left) and (status.source, status.tag) == (left, 7), len(found['words'])


def objects_to_all():
    return (world.bcast(thing(3) if me == n - 1 else None, n - 1) == thing(3),
            world.scatter([thing(i) for i in range(n)] if me == 1 else None, 1) == thing(me),
            world.allgather(thing(me)) == [thing(i) for i in range(n)],
            world.alltoall([(me, to) for to in range(n)]) == [(by, me) for by in range(n)])


def objects_to_one():
    gathered = world.gather(thing(me), 2)
    return gathered == ([thing(i) for i in range(n)] if me == 2 else None), world.reduce(me, MPI.MAX, 0)


def reduced_objects():
    """Lists are joined in rank order: the operation does not commute."""
    return world.allreduce(2 ** me), world.allreduce([me]), world.scan(str(me)), world.exscan([me])


def split():
    part = world.Split(color=me % 2, key=-me)
    found = part.rank, part.size, part.allgather(me), part.allreduce(numpy.array([me, 1])).tolist()
    part.Free()
    return found


def shared():
    part = world.Split_type(MPI.COMM_TYPE_SHARED)
    found = part.allreduce(1) == part.size
    part.Free()
    return found


def made_by_a_group():
    everyone = world.Get_group()
    ends = everyone.Incl([n - 1, 0])
    if me not in (0, n - 1):
        return None
    pair = world.Create_group(ends, tag=5)
    found = pair.rank, pair.allgather(me), MPI.Group.Translate_ranks(ends, [0, 1], everyone)
    pair.Free()
    return found


def arrays_of_uneven_lengths():
    counts = [1000 * (i + 1) for i in range(n)]
    mine = numpy.arange(counts[me], dtype='d') + me / 8
    everything = numpy.empty(sum(counts))
    world.Allgatherv(mine, [everything, counts])
    wanted = numpy.concatenate([numpy.arange(c) + i / 8 for i, c in enumerate(counts)])
    return bool((everything == wanted).all()), float(everything.sum())


def summed_arrays():
    whole, found = numpy.full(20000, me + 1, dtype='i'), numpy.empty(20000, dtype='i')
    world.Allreduce(whole, found, MPI.SUM)
    return int(found[0]), bool((found == found[0]).all())


def columns():
    """One column of a matrix, by a derived datatype."""
    matrix = numpy.arange(60.0).reshape(6, 10) + 100 * me
    column = MPI.DOUBLE.Create_vector(6, 1, 10).Commit()
    found = numpy.empty(6)
    world.Sendrecv([matrix.ravel()[4:], 1, column], (me + 1) % n, 0, found, (me - 1) % n, 0)
    column.Free()
    return found.tolist()


def own_operation():
    def larger_norm(source, target, _):
        a, b = (numpy.frombuffer(memory, dtype='d') for memory in (source, target))
        if numpy.dot(a, a) > numpy.dot(b, b):
            b[:] = a

    operation = MPI.Op.Create(larger_norm, commute=True)
    mine, found = numpy.array([me % 3, -me], dtype='d'), numpy.empty(2)
    world.Allreduce([mine, 1, PAIR], [found, 1, PAIR], operation)
    operation.Free()
    return found.tolist()


def several_at_once():
    mine, total, first = numpy.array([me]), numpy.empty(1, dtype=int), numpy.array([me + 40])
    requests = [world.Iallreduce(mine, total), world.Ibcast(first, 1), world.Ibarrier()]
    MPI.Request.Waitall(requests[::-1])
    return int(total[0]), int(first[0])


def grid():
    cart = world.Create_cart(MPI.Compute_dims(n, 2), periods=[True, False])
    row = cart.Sub([False, True])
    found = cart.coords, cart.Shift(0, 1), cart.Shift(1, 1), row.allgather(me)
    row.Free()
    cart.Free()
    return found


PAIR = MPI.DOUBLE.Create_contiguous(2).Commit()
for kind in (send_and_recv, objects_to_all, objects_to_one, reduced_objects, split, shared,
             made_by_a_group, arrays_of_uneven_lengths, summed_arrays, columns, own_operation,
             several_at_once, grid):
    found = world.gather(kind())
    if me == 0:
        print(f'{kind.__name__}: {found}', flush=True)
PAIR.Free()
