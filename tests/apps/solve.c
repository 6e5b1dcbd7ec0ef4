/* SPDX-License-Identifier: BSD-3-Clause */
/* ScaLAPACK on a grid of all ranks: a system of equations solved by LU, one by Cholesky, and the
 * eigenvalues of a symmetric matrix whose eigenvalues are known. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

/* The library's headers have no C prototypes of these. */
void Cblacs_get(int context, int what, int *value);
void Cblacs_gridinit(int *context, const char *order, int n_rows, int n_columns);
void Cblacs_gridinfo(int context, int *n_rows, int *n_columns, int *row, int *column);
void Cblacs_gridexit(int context);
void Cblacs_exit(int keep_mpi);
int numroc_(const int *n, const int *block, const int *mine, const int *first, const int *n_procs);
void descinit_(int *desc, const int *m, const int *n, const int *mb, const int *nb, const int *row,
               const int *column, const int *context, const int *lead, int *info);
void pdgesv_(const int *n, const int *nrhs, double *a, const int *ia, const int *ja,
             const int *desca, int *pivots, double *b, const int *ib, const int *jb,
             const int *descb, int *info);
void pdposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *ia,
             const int *ja, const int *desca, double *b, const int *ib, const int *jb,
             const int *descb, int *info);
void pdsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia,
             const int *ja, const int *desca, double *w, double *z, const int *iz, const int *jz,
             const int *descz, double *work, const int *lwork, int *info);
void pdgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja, const int *desca,
             const double *b, const int *ib, const int *jb, const int *descb, const double *beta,
             double *c, const int *ic, const int *jc, const int *descc);
double pdlange_(const char *norm, const int *m, const int *n, const double *a, const int *ia,
                const int *ja, const int *desca, double *work);

enum { N = 150, BLOCK = 16, N_RIGHT = 3 };

static const int zero = 0, one = 1, block = BLOCK, n = N, n_right = N_RIGHT;
static int context, n_rows, n_columns, row, column;

/* A matrix of N rows, dealt out in blocks. */
struct matrix {
    int desc[9], width, n_local_rows, n_local_columns;
    double *data;
};

static struct matrix make(int width, double (*value)(int i, int j))
{
    struct matrix m = {.width = width,
                       .n_local_rows = numroc_(&n, &block, &row, &zero, &n_rows),
                       .n_local_columns = numroc_(&width, &block, &column, &zero, &n_columns)};
    int info, lead = m.n_local_rows > 0 ? m.n_local_rows : 1;
    descinit_(m.desc, &n, &width, &block, &block, &zero, &zero, &context, &lead, &info);
    m.data = calloc((size_t)lead * (size_t)(m.n_local_columns + 1), sizeof *m.data);
    for (int j = 0; j < m.n_local_columns; j++)
        for (int i = 0; i < m.n_local_rows; i++)
            m.data[j * lead + i] = value((i / BLOCK * n_rows + row) * BLOCK + i % BLOCK,
                                         (j / BLOCK * n_columns + column) * BLOCK + j % BLOCK);
    return m;
}

static double norm(const struct matrix *m)
{
    double *work = calloc(N, sizeof *work);
    double found = pdlange_("I", &n, &m->width, m->data, &one, &one, m->desc, work);
    free(work);
    return found;
}

static double general(int i, int j)
{
    return sin(1.7 * i * j + i) + (i == j ? 2 : 0);
}

/* The second difference: positive definite; its eigenvalues are 2 - 2 cos(k pi / (N + 1)). */
static double stiffness(int i, int j)
{
    return i == j ? 2 : abs(i - j) == 1 ? -1 : 0;
}

static double right_side(int i, int j)
{
    return cos(0.3 * i + j);
}

/* |AX - B| in units of |A| |X| N epsilon; x holds the solution. */
static double residual(double (*value)(int, int), const struct matrix *x)
{
    struct matrix a = make(N, value), b = make(N_RIGHT, right_side);
    const double plus = 1, minus = -1;
    double scale = norm(&a) * norm(x) * N * 2.2e-16;
    pdgemm_("N", "N", &n, &n_right, &n, &plus, a.data, &one, &one, a.desc, x->data, &one, &one,
            x->desc, &minus, b.data, &one, &one, b.desc);
    double found = norm(&b) / scale;
    free(b.data);
    free(a.data);
    return found;
}

static double solve_by_lu(void)
{
    struct matrix a = make(N, general), x = make(N_RIGHT, right_side);
    int info, *pivots = calloc((size_t)(a.n_local_rows + BLOCK), sizeof *pivots);
    pdgesv_(&n, &n_right, a.data, &one, &one, a.desc, pivots, x.data, &one, &one, x.desc, &info);
    double found = info ? INFINITY : residual(general, &x);
    free(pivots);
    free(x.data);
    free(a.data);
    return found;
}

static double solve_by_cholesky(void)
{
    struct matrix a = make(N, stiffness), x = make(N_RIGHT, right_side);
    int info;
    pdposv_("L", &n, &n_right, a.data, &one, &one, a.desc, x.data, &one, &one, x.desc, &info);
    double found = info ? INFINITY : residual(stiffness, &x);
    free(x.data);
    free(a.data);
    return found;
}

/* The largest error of an eigenvalue in units of N epsilon. */
static double eigenvalues(void)
{
    struct matrix a = make(N, stiffness), z = make(N, stiffness);
    double values[N], wanted;
    int info, ask = -1;
    pdsyev_("V", "L", &n, a.data, &one, &one, a.desc, values, z.data, &one, &one, z.desc, &wanted,
            &ask, &info);
    int size = (int)wanted + N;
    double *work = calloc((size_t)size, sizeof *work), worst = 0;
    pdsyev_("V", "L", &n, a.data, &one, &one, a.desc, values, z.data, &one, &one, z.desc, work,
            &size, &info);
    for (int k = 1; k <= N; k++)
        worst = fmax(worst, fabs(values[k - 1] - (2 - 2 * cos(k * M_PI / (N + 1)))));
    free(work);
    free(z.data);
    free(a.data);
    return info ? INFINITY : worst / (N * 2.2e-16);
}

static int report(const char *what, double mine)
{
    int is_right = mine < 1; /* of the units named above */
    if (row == 0 && column == 0)
        printf("%s: %s (residual %.3f)\n", what, is_right ? "right" : "WRONG", mine);
    return !is_right;
}

int main(int argc, char **argv)
{
    int size, dims[2] = {0, 0};
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Dims_create(size, 2, dims);
    Cblacs_get(0, 0, &context);
    Cblacs_gridinit(&context, "Row", dims[0], dims[1]);
    Cblacs_gridinfo(context, &n_rows, &n_columns, &row, &column);
    int failures = report("LU", solve_by_lu());
    failures += report("Cholesky", solve_by_cholesky());
    failures += report("eigenvalues", eigenvalues());
    Cblacs_gridexit(context);
    Cblacs_exit(1);
    MPI_Finalize();
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
