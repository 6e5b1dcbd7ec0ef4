/* SPDX-License-Identifier: BSD-3-Clause */
/* The job key: who knows it belongs to the job. It lives in a file that its owner alone can read,
 * never on a command line or in the environment. */
#ifndef WSP_JOB_KEY_H
#define WSP_JOB_KEY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define WSP_JOB_KEY_BYTES 32

/* Draws a key and writes it to a new file of mode 0600. */
wsp_err wsp_key_create(const char *path, uint8_t key[WSP_JOB_KEY_BYTES], char *why,
                       size_t why_size) WSP_MUST_USE;

/* Reads a key file: 64 hexadecimal digits (and white space), or else at least 32 bytes of anything,
 * of which the SHA-256 is the key. WSP_ERR_CONFIG if it cannot be read, is too short, or others
 * than its owner may read or write it. */
wsp_err wsp_key_read(const char *path, uint8_t key[WSP_JOB_KEY_BYTES], char *why,
                     size_t why_size) WSP_MUST_USE;

#endif
