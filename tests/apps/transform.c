/* SPDX-License-Identifier: BSD-3-Clause */
/* Parallel Fourier transforms of FFTW over all ranks, of the same data as a serial one: complex
 * ones in three dimensions forth and back, and a real one whose result is left transposed. */
#include <fftw3-mpi.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Uneven over the ranks on purpose. */
enum { NX = 30, NY = 21, NZ = 26 };

static const double tolerance = 1e-13;

static double value(size_t index)
{
    return sin(0.37 * (double)index) + cos(1.9 * (double)(index % 101));
}

/* The largest difference of n complex numbers, in units of the largest of the right ones. */
static double difference(const fftw_complex *found, const fftw_complex *right, ptrdiff_t n)
{
    double worst = 0, largest = 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        worst = fmax(worst, hypot(found[i][0] - right[i][0], found[i][1] - right[i][1]));
        largest = fmax(largest, hypot(right[i][0], right[i][1]));
    }
    return worst / largest;
}

static double complex_forth_and_back(unsigned flags)
{
    ptrdiff_t n, first;
    ptrdiff_t room = fftw_mpi_local_size_3d(NX, NY, NZ, MPI_COMM_WORLD, &n, &first);
    size_t plane = NY * NZ, mine = (size_t)n * plane;
    fftw_complex *data = fftw_alloc_complex((size_t)room), *whole = fftw_alloc_complex(NX * plane);
    fftw_complex *copy = fftw_alloc_complex((size_t)room);
    fftw_plan forth =
        fftw_mpi_plan_dft_3d(NX, NY, NZ, data, data, MPI_COMM_WORLD, FFTW_FORWARD, flags);
    fftw_plan back =
        fftw_mpi_plan_dft_3d(NX, NY, NZ, data, data, MPI_COMM_WORLD, FFTW_BACKWARD, flags);
    fftw_plan serial = fftw_plan_dft_3d(NX, NY, NZ, whole, whole, FFTW_FORWARD, FFTW_ESTIMATE);
    for (size_t i = 0; i < NX * plane; i++) {
        whole[i][0] = value(i);
        whole[i][1] = value(3 * i + 1);
    }
    memcpy(data, whole + (size_t)first * plane, mine * sizeof *data);
    memcpy(copy, data, mine * sizeof *data);
    fftw_execute(serial);
    fftw_execute(forth);
    double worst = difference(data, whole + (size_t)first * plane, (ptrdiff_t)mine);
    fftw_execute(back);
    for (size_t i = 0; i < mine; i++) {
        data[i][0] /= NX * NY * NZ;
        data[i][1] /= NX * NY * NZ;
    }
    worst = fmax(worst, difference(data, copy, (ptrdiff_t)mine));
    fftw_destroy_plan(serial);
    fftw_destroy_plan(back);
    fftw_destroy_plan(forth);
    fftw_free(copy);
    fftw_free(whole);
    fftw_free(data);
    return worst;
}

static double real_and_transposed(void)
{
    enum { NH = NY / 2 + 1 };
    ptrdiff_t n, first, n_columns, first_column;
    ptrdiff_t room = fftw_mpi_local_size_2d_transposed(NX, NH, MPI_COMM_WORLD, &n, &first,
                                                       &n_columns, &first_column);
    double *in = fftw_alloc_real(2 * (size_t)room), *whole_in = fftw_alloc_real(NX * NY);
    fftw_complex *out = fftw_alloc_complex((size_t)room), *whole = fftw_alloc_complex(NX * NH);
    fftw_plan plan = fftw_mpi_plan_dft_r2c_2d(NX, NY, in, out, MPI_COMM_WORLD,
                                              FFTW_ESTIMATE | FFTW_MPI_TRANSPOSED_OUT);
    fftw_plan serial = fftw_plan_dft_r2c_2d(NX, NY, whole_in, whole, FFTW_ESTIMATE);
    for (size_t i = 0; i < NX * NY; i++)
        whole_in[i] = value(i);
    for (ptrdiff_t x = 0; x < n; x++) /* rows are padded to 2 * NH numbers */
        memcpy(in + x * 2 * NH, whole_in + (first + x) * NY, NY * sizeof *in);
    fftw_execute(serial);
    fftw_execute(plan);
    double worst = 0;
    for (ptrdiff_t y = 0; y < n_columns; y++)
        for (ptrdiff_t x = 0; x < NX; x++)
            worst = fmax(worst, difference(&out[y * NX + x], &whole[x * NH + first_column + y], 1));
    fftw_destroy_plan(serial);
    fftw_destroy_plan(plan);
    fftw_free(whole);
    fftw_free(out);
    fftw_free(whole_in);
    fftw_free(in);
    return worst;
}

static int report(const char *what, double mine)
{
    double worst = 0;
    int rank;
    MPI_Allreduce(&mine, &worst, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    int is_right = worst <= tolerance;
    if (rank == 0)
        printf("%s: %s (difference %.1e)\n", what, is_right ? "right" : "WRONG", worst);
    return !is_right;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    fftw_mpi_init();
    int failures = report("estimated", complex_forth_and_back(FFTW_ESTIMATE));
    /* Measuring tries several ways of transposing: blocks in pairs, and all to all. */
    failures += report("measured", complex_forth_and_back(FFTW_MEASURE));
    failures += report("real, transposed", real_and_transposed());
    fftw_mpi_cleanup();
    MPI_Finalize();
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
