/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WSP_BENCH_MEDIAN_H
#define WSP_BENCH_MEDIAN_H

#include <stddef.h>

/* Sorts n values, rising. */
void sort_values(double *values, size_t n);

/* The median of n >= 1 values, which are sorted thereby. */
double median_of(double *values, size_t n);

#endif
