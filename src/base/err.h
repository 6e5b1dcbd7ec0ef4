/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of errors: code, name, text, and scope: what must be rebuilt after it. */
#ifndef WSP_BASE_ERR_H
#define WSP_BASE_ERR_H

/* The enum and its texts are public; include/widespan/error.h holds the table. */
#include <widespan/error.h>

/* What an error of this code destroys. */
enum wsp_scope wsp_err_scope(wsp_err err);

/* The code that fits an errno value taken at a system call. */
wsp_err wsp_err_of_errno(int saved_errno);

#define WSP_MUST_USE __attribute__((warn_unused_result))

#endif
