/* SPDX-License-Identifier: BSD-3-Clause */
#include "job/roster.h"

#include "job/message.h"

#include <stdlib.h>
#include <string.h>

#define ROSTER_VERSION     1
#define SITES_MAX          65536
#define RANKS_MAX          (1u << 24)
#define CARD_MIN_BYTES     28 /* encoded, with all texts empty */
#define ENDPOINT_MIN_BYTES 12

void wsp_card_write(struct wsp_writer *writer, const struct wsp_site_card *card)
{
    wsp_write_text(writer, card->name);
    wsp_write_text(writer, card->host_mpi);
    wsp_write_u8(writer, card->is_big_endian);
    wsp_write_u8(writer, card->sizeof_long);
    wsp_write_u8(writer, card->sizeof_long_double);
    wsp_write_u8(writer, card->sizeof_wchar);
    wsp_write_u32(writer, card->n_ranks);
    wsp_write_u32(writer, card->tag_ub);
    wsp_write_u16(writer, card->liveness_port);
    wsp_write_text(writer, card->liveness_hosts);
}

void wsp_card_read(struct wsp_reader *reader, struct wsp_site_card *card)
{
    wsp_read_text(reader, card->name, sizeof card->name);
    wsp_read_text(reader, card->host_mpi, sizeof card->host_mpi);
    card->is_big_endian = wsp_read_u8(reader);
    card->sizeof_long = wsp_read_u8(reader);
    card->sizeof_long_double = wsp_read_u8(reader);
    card->sizeof_wchar = wsp_read_u8(reader);
    card->n_ranks = wsp_read_u32(reader);
    card->tag_ub = wsp_read_u32(reader);
    card->liveness_port = wsp_read_u16(reader);
    wsp_read_text(reader, card->liveness_hosts, sizeof card->liveness_hosts);
}

void wsp_endpoint_write(struct wsp_writer *writer, const struct wsp_endpoint *endpoint)
{
    wsp_write_text(writer, endpoint->host);
    wsp_write_u16(writer, endpoint->port);
    wsp_write_u64(writer, endpoint->nonce);
}

void wsp_endpoint_read(struct wsp_reader *reader, struct wsp_endpoint *endpoint)
{
    wsp_read_text(reader, endpoint->host, sizeof endpoint->host);
    endpoint->port = wsp_read_u16(reader);
    endpoint->nonce = wsp_read_u64(reader);
}

uint32_t wsp_roster_site_named(const struct wsp_roster *roster, const char *name)
{
    uint32_t site = roster->n_sites;
    while (site-- > 0)
        if (strcmp(roster->sites[site].card.name, name) == 0)
            return site;
    return 0;
}

uint32_t wsp_roster_site_of(const struct wsp_roster *roster, uint32_t world_rank)
{
    uint32_t low = 0, high = roster->n_sites;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (roster->sites[middle].first_rank <= world_rank)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t wsp_roster_tag_ub(const struct wsp_roster *roster)
{
    uint32_t smallest = INT32_MAX;
    for (uint32_t i = 0; i < roster->n_sites; i++)
        if (roster->sites[i].card.tag_ub < smallest)
            smallest = roster->sites[i].card.tag_ub;
    return smallest;
}

wsp_err wsp_roster_encode(const struct wsp_roster *roster, uint8_t **bytes, size_t *length)
{
    struct wsp_writer writer = {0};
    wsp_write_u8(&writer, ROSTER_VERSION);
    wsp_write_u32(&writer, roster->n_sites);
    wsp_write_u32(&writer, roster->n_ranks);
    for (uint32_t i = 0; i < roster->n_sites; i++)
        wsp_card_write(&writer, &roster->sites[i].card);
    for (uint32_t i = 0; i < roster->n_ranks; i++)
        wsp_endpoint_write(&writer, &roster->ranks[i]);
    if (writer.has_failed) {
        wsp_writer_fini(&writer);
        return WSP_ERR_NO_MEMORY;
    }
    *bytes = writer.bytes;
    *length = writer.length;
    return WSP_OK;
}

wsp_err wsp_roster_new(uint32_t n_sites, uint32_t n_ranks, struct wsp_roster **roster)
{
    struct wsp_roster *made = calloc(1, sizeof *made);
    if (!made)
        return WSP_ERR_NO_MEMORY;
    made->n_sites = n_sites;
    made->n_ranks = n_ranks;
    made->sites = calloc(n_sites, sizeof *made->sites);
    made->ranks = calloc(n_ranks, sizeof *made->ranks);
    if (!made->sites || !made->ranks) {
        wsp_roster_free(&made);
        return WSP_ERR_NO_MEMORY;
    }
    *roster = made;
    return WSP_OK;
}

/* Reads the sites and ranks; first ranks follow from the counts, which must add up. */
static bool read_entries(struct wsp_reader *reader, struct wsp_roster *roster)
{
    uint64_t n_ranks = 0;
    for (uint32_t i = 0; i < roster->n_sites && !reader->has_failed; i++) {
        struct wsp_site *site = &roster->sites[i];
        wsp_card_read(reader, &site->card);
        site->first_rank = (uint32_t)n_ranks;
        n_ranks += site->card.n_ranks;
        if (site->card.n_ranks == 0 || n_ranks > roster->n_ranks)
            return false;
    }
    for (uint32_t i = 0; i < roster->n_ranks && !reader->has_failed; i++)
        wsp_endpoint_read(reader, &roster->ranks[i]);
    return !reader->has_failed && reader->left == 0 && n_ranks == roster->n_ranks;
}

wsp_err wsp_roster_decode(const uint8_t *bytes, size_t length, struct wsp_roster **roster)
{
    struct wsp_reader reader = {.at = bytes, .left = length};
    struct wsp_roster *made = NULL;
    uint8_t version = wsp_read_u8(&reader);
    uint32_t n_sites = wsp_read_u32(&reader), n_ranks = wsp_read_u32(&reader);
    if (reader.has_failed || version != ROSTER_VERSION || n_sites == 0 || n_sites > SITES_MAX ||
        n_ranks < n_sites || n_ranks > RANKS_MAX ||
        (uint64_t)n_sites * CARD_MIN_BYTES + (uint64_t)n_ranks * ENDPOINT_MIN_BYTES > reader.left)
        return WSP_ERR_PROTOCOL;
    wsp_err err = wsp_roster_new(n_sites, n_ranks, &made);
    if (err)
        return err;
    if (!read_entries(&reader, made)) {
        wsp_roster_free(&made);
        return WSP_ERR_PROTOCOL;
    }
    *roster = made;
    return WSP_OK;
}

void wsp_roster_free(struct wsp_roster **roster)
{
    if (!*roster)
        return;
    free((*roster)->sites);
    free((*roster)->ranks);
    free(*roster);
    *roster = NULL;
}
