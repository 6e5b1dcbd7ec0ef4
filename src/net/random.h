/* SPDX-License-Identifier: BSD-3-Clause */
/* Unpredictable bytes, for nonces and incarnations. Any thread. */
#ifndef WSP_NET_RANDOM_H
#define WSP_NET_RANDOM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

wsp_err wsp_random_fill(void *bytes, size_t length) WSP_MUST_USE;

/* A nonce that is not 0. */
wsp_err wsp_random_nonce(uint64_t *nonce) WSP_MUST_USE;

#endif
