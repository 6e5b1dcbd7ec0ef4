/* SPDX-License-Identifier: BSD-3-Clause */
/* Our own acknowledgements. Every frame carries the cumulative number and the credit; a frame of
 * its own goes out when there are gaps to tell of, or nothing to ride on. */
#include "path/end_internal.h"

static void make_due(struct wsp_end *end)
{
    if (end->ack_due)
        return;
    end->ack_due = true;
    end->ack_at_ns = end->now_ns + WSP_ACK_DELAY_NS;
    wsp_end_arm(end, end->ack_at_ns);
}

void wsp_ack_soon(struct wsp_end *end, bool is_urgent)
{
    make_due(end);
    if (is_urgent && !end->ack_now) {
        end->ack_now = true;
        wsp_end_wake_one(end);
    }
}

void wsp_ack_note(struct wsp_end *end, unsigned index, uint64_t bytes, bool is_urgent)
{
    make_due(end);
    end->ack_bytes += bytes;
    end->ack_segments++;
    if (!is_urgent && end->ack_bytes < WSP_ACK_BYTES && end->ack_segments < WSP_ACK_SEGMENTS)
        return;
    end->ack_now = true;
    /* Back on the stream that the segment came on: of all, that one was alive a moment ago. */
    if (end->slots[index]->is_writing)
        wsp_end_wake_one(end);
    else
        end->config.handler->want_write(end->config.user, index);
}

void wsp_ack_again(struct wsp_end *end)
{
    end->ack_due = end->ack_now = true;
    end->ack_told = 0;
}

bool wsp_ack_is_pressing(const struct wsp_end *end, uint64_t now_ns)
{
    return end->ack_due && (end->ack_now || now_ns >= end->ack_at_ns);
}

void wsp_ack_fill(struct wsp_end *end, struct wsp_frame *frame)
{
    frame->ack = end->window.next;
    frame->credit_epoch = end->grant.epoch;
    frame->credit_limit = end->grant.limit;
    end->untold_bytes = 0;
    if (frame->type == WSP_FRAME_ACK)
        frame->n_ranges = wsp_reorder_ranges(&end->window, frame->ranges, WSP_FRAME_RANGE_MAX);
    else if (wsp_reorder_has_gap(&end->window))
        return;
    end->ack_due = end->ack_now = false;
    end->ack_bytes = 0;
    end->ack_segments = 0;
}
