/* SPDX-License-Identifier: BSD-3-Clause */
/* Hints and paths: what a link begins with, and what it leaves behind. */
#include "link/hints.h"
#include "link/link_internal.h"

#include "base/log.h"
#include "base/opts.h"

#include <string.h>

/* An emulated distance says nothing of the network. */
static const char *hints_path(void)
{
    return *wsp_opt_text(WSP_OPT_EMULATE) ? "" : wsp_opt_text(WSP_OPT_HINTS);
}

/* Of a site whose ranks all read the file, one tells what is wrong with it. */
static bool is_first_of_site(const struct wsp_link *link)
{
    for (uint32_t i = 0; i < link->rank; i++)
        if (*link->endpoints[i].host == '\0')
            return false;
    return true;
}

void wsp_link_load_hints(struct wsp_link *link)
{
    if (*hints_path())
        wsp_hints_load(hints_path(), is_first_of_site(link), &link->hints);
}

void wsp_peer_take_hint(const struct wsp_peer *peer, struct wsp_end_config *config)
{
    const struct wsp_hint *hint =
        peer->host ? wsp_hints_find(&peer->link->hints, peer->host->name) : NULL;
    if (!hint)
        return;
    config->streams_guess = hint->n_streams;
    uint64_t most = wsp_end_credit_most(config);
    uint64_t credit = hint->credit_bytes < most ? hint->credit_bytes : most;
    if (config->tunes_credit && credit > config->credit_bytes)
        config->credit_bytes = credit;
}

/* Of the paths to one host, the one that sent most large messages speaks for all. */
static void note(const struct wsp_peer *peer, struct wsp_hints *hints, uint64_t *most)
{
    struct wsp_end_tuning tuning;
    struct wsp_hint hint = {0};
    if (!peer->was_talked_to || !peer->host)
        return;
    wsp_peer_get_tuning(peer, &tuning);
    if (tuning.goodput_bps <= 0 || tuning.bulk_bytes <= *most)
        return;
    *most = tuning.bulk_bytes;
    memcpy(hint.host, peer->host->name, sizeof hint.host);
    hint.n_streams = tuning.n_streams_bulk;
    hint.pace_bps = (uint64_t)(8 * tuning.pace_bps);
    hint.goodput_bps = (uint64_t)(8 * tuning.goodput_bps);
    hint.min_rtt_ns = tuning.min_rtt_ns;
    hint.credit_bytes = tuning.credit_bytes;
    if (wsp_hints_put(hints, &hint))
        wsp_warn("hints: no memory to keep what was found for %s", hint.host);
}

void wsp_link_save_hints(const struct wsp_link *link)
{
    struct wsp_hints found = {0};
    if (!*hints_path() || !link->is_started || !link->end_defaults.tunes_streams)
        return;
    for (struct wsp_host *host = link->hosts; host; host = host->next) {
        uint64_t most = 0;
        for (uint32_t i = 0; i < link->n_ranks; i++)
            if (link->peers[i] && link->peers[i]->host == host)
                note(link->peers[i], &found, &most);
    }
    if (found.n)
        wsp_hints_save(hints_path(), &found);
    wsp_hints_free(&found);
}
