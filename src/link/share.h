/* SPDX-License-Identifier: BSD-3-Clause */
/* What the processes of one machine share of a remote site; in memory that all of them see. */
#ifndef WSP_LINK_SHARE_H
#define WSP_LINK_SHARE_H

#include "net/delay.h"
#include "path/pair.h"

/* All zero to begin with. */
struct wsp_share {
    struct wsp_bottleneck bottleneck; /* of what comes from there, where a distance is emulated */
    struct wsp_pair pair;             /* of what goes there */
};

#endif
