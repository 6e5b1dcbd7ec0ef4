/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/meeting.h"

#include "base/opts.h"
#include "job/key.h"
#include "job/route.h"
#include "net/tcp.h"
#include "tools/folder.h"
#include "tools/tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOOL "run"

/* The first folder of the user's own choice that can be written to. Where he wants the sessions of
 * Open MPI they are kept, each site's in a folder of its own. */
static const char *base_folder(void)
{
    static const char *const variables[] = {"OMPI_MCA_orte_local_tmpdir_base",
                                            "OMPI_MCA_orte_tmpdir_base", "XDG_RUNTIME_DIR",
                                            "TMPDIR"};
    struct stat status;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *base = getenv(variables[i]);
        if (base && *base == '/' && stat(base, &status) == 0 && S_ISDIR(status.st_mode) &&
            access(base, W_OK) == 0)
            return base;
    }
    return "/tmp";
}

static wsp_err make_folder(struct wsp_meeting *meeting)
{
    const char *base = base_folder();
    if (snprintf(meeting->folder, sizeof meeting->folder, "%s/widespan-XXXXXX", base) >=
            (int)sizeof meeting->folder ||
        !mkdtemp(meeting->folder)) {
        wsp_tool_fail(0, TOOL, "no private folder can be made in %s: %s", base, strerror(errno));
        *meeting->folder = '\0';
        return WSP_ERR_CONFIG;
    }
    snprintf(meeting->key_path, sizeof meeting->key_path, "%s/key", meeting->folder);
    snprintf(meeting->socket_path, sizeof meeting->socket_path, "%s/socket", meeting->folder);
    return WSP_OK;
}

static wsp_err provide_key(struct wsp_meeting *meeting, uint8_t key[WSP_JOB_KEY_BYTES])
{
    const char *given = meeting->job->key_file;
    char why[512];
    wsp_err err = given ? wsp_key_read(given, key, why, sizeof why)
                        : wsp_key_create(meeting->key_path, key, why, sizeof why);
    if (err)
        wsp_tool_fail(0, TOOL, "%s", why);
    return err;
}

/* The host and ports that the user wants the coordinator at, "" and "0" if he does not say. */
static wsp_err split_coordinator(const char *text, char *host, size_t size, char ports[8])
{
    uint16_t port;
    strcpy(ports, "0");
    *host = '\0';
    if (!text)
        return WSP_OK;
    if (!wsp_tcp_split(text, host, size, &port)) {
        snprintf(ports, 8, "%u", port);
        return WSP_OK;
    }
    bool is_bare = !strchr(text, ':') || strchr(text, ':') != strrchr(text, ':');
    if (is_bare && (size_t)snprintf(host, size, "%s", text) < size)
        return WSP_OK;
    wsp_tool_fail(0, TOOL, "coordinator = %s is neither HOST nor HOST:PORT", text);
    return WSP_ERR_CONFIG;
}

/* Opens the ways: the socket always, the network where a site may need it. */
static wsp_err listen_for_sites(struct wsp_meeting *meeting, bool is_local)
{
    char host[256], ports[8];
    if (wsp_coordinator_listen_unix(meeting->coordinator, meeting->socket_path))
        *meeting->socket_path = '\0'; /* the path is too long, perhaps: the network serves, too */
    wsp_err err = split_coordinator(meeting->job->coordinator, host, sizeof host, ports);
    if (err || (is_local && *meeting->socket_path))
        return err;
    err = wsp_coordinator_listen(meeting->coordinator, ports, &meeting->port);
    if (err == WSP_ERR_BUSY) {
        wsp_tool_fail(0, TOOL, "the coordinator's port %s is taken", ports);
        err = WSP_ERR_CONFIG;
    }
    return err;
}

wsp_err wsp_meeting_open(struct wsp_loop *loop, const struct wsp_jobfile *job, bool is_local,
                         const struct wsp_meeting_handler *handler, struct wsp_meeting *meeting)
{
    struct wsp_coordinator_config config = {.job = job->name,
                                            .n_sites = job->n_sites,
                                            .join_ns = wsp_opt_number(WSP_OPT_JOIN_TIME),
                                            .together = handler->together,
                                            .ended = handler->ended,
                                            .user = handler->user};
    struct wsp_coordinator_site *sites = calloc(job->n_sites, sizeof *sites);
    if (!sites)
        return WSP_ERR_NO_MEMORY;
    for (unsigned i = 0; i < job->n_sites; i++)
        sites[i] = (struct wsp_coordinator_site){job->sites[i].name, job->sites[i].n_ranks};
    *meeting = (struct wsp_meeting){.job = job};
    config.sites = sites;
    wsp_err err = make_folder(meeting);
    if (!err)
        err = provide_key(meeting, config.key);
    if (!err)
        err = wsp_coordinator_open(loop, &config, &meeting->coordinator);
    if (!err)
        err = listen_for_sites(meeting, is_local);
    free(sites);
    return err;
}

void wsp_meeting_close(struct wsp_meeting *meeting)
{
    wsp_coordinator_close(&meeting->coordinator);
    if (!*meeting->folder)
        return;
    wsp_folder_remove(meeting->folder);
    *meeting->folder = '\0';
}

const char *wsp_meeting_key_file(const struct wsp_meeting *meeting)
{
    return meeting->job->key_file ? meeting->job->key_file : meeting->key_path;
}

/* The address by which a site reaches the coordinator over the network: what the user says, else
 * ours on the way to the site, else the first that this machine has. */
static void host_for(const struct wsp_meeting *meeting, const struct wsp_jobfile_site *site,
                     char host[256])
{
    char ports[8];
    if (!split_coordinator(meeting->job->coordinator, host, 256, ports) && *host)
        return;
    if (site->address && !wsp_route_local_host(site->address, host, 256))
        return;
    wsp_route_own_hosts(host, 256);
    host[strcspn(host, ",")] = '\0';
}

void wsp_meeting_ways(const struct wsp_meeting *meeting, const struct wsp_jobfile_site *site,
                      char *text, size_t size)
{
    char host[256];
    size_t length = 0;
    *text = '\0';
    if (*meeting->socket_path)
        length = (size_t)snprintf(text, size, "unix:%s%s", meeting->socket_path,
                                  meeting->port ? "," : "");
    if (!meeting->port || length >= size)
        return;
    host_for(meeting, site, host);
    snprintf(text + length, size - length, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
             meeting->port);
}
