/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/random.h"

#include <errno.h>
#include <sys/random.h>

wsp_err wsp_random_fill(void *bytes, size_t length)
{
    size_t have = 0;
    while (have < length) {
        ssize_t n = getrandom((char *)bytes + have, length - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            return wsp_err_of_errno(errno);
    }
    return WSP_OK;
}

wsp_err wsp_random_nonce(uint64_t *nonce)
{
    uint64_t drawn = 0;
    while (drawn == 0) {
        wsp_err err = wsp_random_fill(&drawn, sizeof drawn);
        if (err)
            return err;
    }
    *nonce = drawn;
    return WSP_OK;
}
