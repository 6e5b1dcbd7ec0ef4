/* SPDX-License-Identifier: BSD-3-Clause */
/* The agreed list of a job's sites and ranks, and its encoding for the coordinator's messages. */
#ifndef WSP_JOB_ROSTER_H
#define WSP_JOB_ROSTER_H

#include "base/err.h"
#include "link/link.h"

#include <stddef.h>
#include <stdint.h>

/* What a site tells of itself. */
struct wsp_site_card {
    char name[64];
    char host_mpi[64];     /* such as "Open MPI 4.1.4" */
    uint8_t is_big_endian; /* and the data model */
    uint8_t sizeof_long, sizeof_long_double, sizeof_wchar;
    uint32_t n_ranks;
    uint32_t tag_ub; /* largest tag of the host */
    /* Filled by wsp_session_introduce: where the site's leader listens for its own site's ranks,
     * and its addresses there, separated by commas. */
    uint16_t liveness_port;
    char liveness_hosts[256];
};

struct wsp_site {
    struct wsp_site_card card;
    uint32_t first_rank; /* world rank of its home rank 0 */
};

struct wsp_roster {
    uint32_t n_sites, n_ranks;
    struct wsp_site *sites;     /* in job order */
    struct wsp_endpoint *ranks; /* by world rank */
};

/* A roster with room for so many sites and ranks, all zero bytes. */
wsp_err wsp_roster_new(uint32_t n_sites, uint32_t n_ranks, struct wsp_roster **roster) WSP_MUST_USE;

/* The site of a world rank. */
uint32_t wsp_roster_site_of(const struct wsp_roster *roster, uint32_t world_rank);

/* The site of a name; 0, the first, if none has it. */
uint32_t wsp_roster_site_named(const struct wsp_roster *roster, const char *name);

/* The largest tag that the hosts of all sites take. */
uint32_t wsp_roster_tag_ub(const struct wsp_roster *roster);

/* Encodes into a new buffer, the caller's to free; decodes into a new roster. A decoder meets any
 * bytes: WSP_ERR_PROTOCOL if they are no roster. */
wsp_err wsp_roster_encode(const struct wsp_roster *roster, uint8_t **bytes,
                          size_t *length) WSP_MUST_USE;
wsp_err wsp_roster_decode(const uint8_t *bytes, size_t length,
                          struct wsp_roster **roster) WSP_MUST_USE;
void wsp_roster_free(struct wsp_roster **roster);

/* Parts of it, for the messages that carry them. */
struct wsp_writer;
struct wsp_reader;
void wsp_card_write(struct wsp_writer *writer, const struct wsp_site_card *card);
void wsp_card_read(struct wsp_reader *reader, struct wsp_site_card *card);
void wsp_endpoint_write(struct wsp_writer *writer, const struct wsp_endpoint *endpoint);
void wsp_endpoint_read(struct wsp_reader *reader, struct wsp_endpoint *endpoint);

#endif
