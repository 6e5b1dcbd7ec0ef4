# SPDX-License-Identifier: BSD-3-Clause
"""A program that loads MPI itself, after its start, as Python programs do."""
import ctypes

ctypes.CDLL('libmpi.so.40', ctypes.RTLD_GLOBAL)
mpi = ctypes.CDLL(None)
world = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, 'ompi_mpi_comm_world')))
size = ctypes.c_int(0)
mpi.MPI_Init(None, None)
mpi.MPI_Comm_size(world, ctypes.byref(size))
print(f'world of {size.value}', flush=True)
mpi.MPI_Finalize()
