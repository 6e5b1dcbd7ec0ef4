/* SPDX-License-Identifier: BSD-3-Clause */
/* MPI_Comm_split_type. Whatever the type, members of one site are all that come together: those who
 * share memory, or, by Widespan's own type, all that are at the site. The result is the host's. */
#include "comm/inter.h"
#include "host/error.h"
#include "host/home.h"
#include "host/host.h"
#include "host/route.h"
#include "widespan/mpi.h"
#include "wide.h"

#include <string.h>

#define INFO_KEY "widespan_split"

/* What members ask for, as bits, so that all can hear what any wants. */
enum wish { WISH_NONE = 0, WISH_HOST = 1, WISH_SITE = 2 };

static bool names_site(MPI_Info info)
{
    char value[MPI_MAX_INFO_VAL + 1] = "";
    int flag = 0;
    if (info != MPI_INFO_NULL)
        host.Info_get(info, INFO_KEY, MPI_MAX_INFO_VAL, value, &flag);
    return flag && strcmp(value, "site") == 0;
}

static int wish_of(int split_type, MPI_Info info)
{
    if (split_type == MPI_UNDEFINED)
        return WISH_NONE;
    bool is_site = split_type == WIDESPAN_COMM_TYPE_SITE ||
                   (split_type == MPI_COMM_TYPE_SHARED && names_site(info));
    return is_site ? WISH_SITE : WISH_HOST;
}

/* What all home members wish; they have all entered then. */
static int gather_wishes(MPI_Comm handle, int *wishes)
{
    MPI_Request request;
    if (!wsp_job.is_wide)
        return host.Allreduce(MPI_IN_PLACE, wishes, 1, MPI_INT, MPI_BOR, handle);
    wsp_coll_await_idup(handle);
    int code = host.Iallreduce(MPI_IN_PLACE, wishes, 1, MPI_INT, MPI_BOR, handle, &request);
    return code == MPI_SUCCESS ? wsp_home_complete(&request) : code;
}

static bool is_plain(MPI_Comm handle, const MPI_Comm *newcomm)
{
    int is_inter = 1;
    return handle != MPI_COMM_NULL && newcomm &&
           host.Comm_test_inter(handle, &is_inter) == MPI_SUCCESS && !is_inter;
}

static int split_at_home(MPI_Comm handle, int split_type, int key, MPI_Info info, MPI_Comm *newcomm)
{
    if (wsp_nested > 0 || !is_plain(handle, newcomm) || wsp_home_has_guests(handle))
        return host.Comm_split_type(handle, split_type, key, info, newcomm);
    int wishes = wish_of(split_type, info);
    int code = gather_wishes(handle, &wishes);
    if (code != MPI_SUCCESS)
        return code;
    if (!(wishes & WISH_SITE))
        return host.Comm_split_type(handle, split_type, key, info, newcomm);
    if (wishes & WISH_HOST) {
        *newcomm = MPI_COMM_NULL;
        return wsp_raise(handle, MPI_ERR_ARG); /* members of one site do not agree */
    }
    int color = split_type == MPI_UNDEFINED ? MPI_UNDEFINED : 0;
    return host.Comm_split(handle, color, key, newcomm);
}

/* The home members of both groups of an intercommunicator are split as if they were one. */
int wide_Comm_split_type(MPI_Comm handle, int split_type, int key, MPI_Info info, MPI_Comm *newcomm)
{
    struct wsp_comm *comm = wsp_comm_of(handle);
    MPI_Comm part = MPI_COMM_NULL;
    if (!comm || !comm->inter)
        return split_at_home(handle, split_type, key, info, newcomm);
    int code = split_at_home(handle, split_type, key, info, &part);
    return wsp_inter_split_by(comm, code, part, key, newcomm);
}
