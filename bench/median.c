/* SPDX-License-Identifier: BSD-3-Clause */
#include "median.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_values(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
}

double median_of(double *values, size_t n)
{
    sort_values(values, n);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
