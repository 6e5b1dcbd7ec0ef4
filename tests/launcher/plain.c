/* SPDX-License-Identifier: BSD-3-Clause */
/* A program without MPI; linked statically it is one no shim can serve. */
int main(void)
{
    return 0;
}
