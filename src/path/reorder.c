/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/reorder.h"

static void set(struct wsp_reorder *window, uint64_t number)
{
    window->bits[number % WSP_WINDOW / 64] |= UINT64_C(1) << (number % 64);
}

static void clear(struct wsp_reorder *window, uint64_t number)
{
    window->bits[number % WSP_WINDOW / 64] &= ~(UINT64_C(1) << (number % 64));
}

void wsp_reorder_add(struct wsp_reorder *window, uint64_t number)
{
    if (number != window->next) {
        set(window, number);
        if (number >= window->end)
            window->end = number + 1;
        return;
    }
    window->next++;
    while (window->next < window->end && wsp_reorder_has(window, window->next)) {
        clear(window, window->next);
        window->next++;
    }
    if (window->end < window->next)
        window->end = window->next;
}

unsigned wsp_reorder_ranges(const struct wsp_reorder *window, struct wsp_range *ranges,
                            unsigned max)
{
    unsigned n = 0;
    uint64_t at = window->next;
    while (n < max && at < window->end) {
        while (at < window->end && !wsp_reorder_has(window, at))
            at++;
        if (at == window->end)
            break;
        ranges[n].first = at;
        while (at < window->end && wsp_reorder_has(window, at))
            at++;
        ranges[n++].end = at;
    }
    return n;
}
