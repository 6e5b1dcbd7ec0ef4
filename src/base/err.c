/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>

struct row {
    const char *name;
    const char *text;
    enum wsp_scope scope;
};

#define ROW(name, text, scope) {#name, text, WSP_SCOPE_##scope},
static const struct row rows[] = {WSP_ERROR_TABLE(ROW)};
#undef ROW

static const struct row *row_of(wsp_err err)
{
    static const struct row unknown = {"UNKNOWN", "unknown error", WSP_SCOPE_PROCESS};
    return (unsigned)err < WSP_ERR_COUNT_ ? &rows[err] : &unknown;
}

const char *wsp_err_text(wsp_err err)
{
    return row_of(err)->text;
}

const char *wsp_err_name(wsp_err err)
{
    return row_of(err)->name;
}

enum wsp_scope wsp_err_scope(wsp_err err)
{
    return row_of(err)->scope;
}

wsp_err wsp_err_of_errno(int saved_errno)
{
    switch (saved_errno) {
    case 0:
        return WSP_OK;
    case EAGAIN:
    case EINPROGRESS:
        return WSP_ERR_AGAIN;
    case ENOMEM:
    case ENOBUFS:
        return WSP_ERR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return WSP_ERR_BUSY;
    case ECONNREFUSED:
        return WSP_ERR_REFUSED;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return WSP_ERR_RESET;
    case ETIMEDOUT:
        return WSP_ERR_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case ENETDOWN:
    case EHOSTDOWN:
        return WSP_ERR_UNREACHABLE;
    case EINVAL:
        return WSP_ERR_INVALID;
    default:
        return WSP_ERR_IO;
    }
}
