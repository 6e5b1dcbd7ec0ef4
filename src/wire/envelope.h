/* SPDX-License-Identifier: BSD-3-Clause */
/* The envelope of a wide message: what matching needs to know. Travels with a message's first
 * segment. */
#ifndef WSP_WIRE_ENVELOPE_H
#define WSP_WIRE_ENVELOPE_H

#include <stdint.h>

enum wsp_envelope_flag {
    WSP_ENVELOPE_SYNC = 1 << 0,      /* the sender waits for the match (MPI_Ssend) */
    WSP_ENVELOPE_SIGNATURE = 1 << 1, /* the payload starts with a type signature */
    WSP_ENVELOPE_FAILED = 1 << 2 /* of a collective: the sender has failed, this is no payload */
};

/* Why it has failed: these bits of the flags. */
#define WSP_ENVELOPE_WHY_SHIFT 8
#define WSP_ENVELOPE_WHY_MASK  UINT32_C(0xff)
enum wsp_envelope_why { WSP_WHY_OTHER = 0, WSP_WHY_NO_MEMORY = 1 };

struct wsp_envelope {
    uint64_t context; /* communicator, and within it point-to-point or collective */
    int32_t source;   /* rank of the sender in that communicator */
    int32_t tag;
    uint64_t length; /* payload of the whole message, bytes */
    uint32_t flags;  /* enum wsp_envelope_flag */
};

#endif
