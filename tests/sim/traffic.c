/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages of a schedule and what must hold of them: each is delivered once, in order and
 * intact; a buffer that was given back is never read or written again; memory keeps its bounds. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define POISON 0xEE

static struct side *other(struct side *side)
{
    return &side->world->sides[1 - side->id];
}

static uint8_t byte_of(const struct message *message, uint64_t at)
{
    return (uint8_t)((message->number * 31 + at * 7 + (at >> 8) + (uint64_t)message->sender->id) %
                     251);
}

static bool is_all(const uint8_t *bytes, uint64_t length, uint8_t value)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void count_control(const struct message *message, bool is_given)
{
    if (!(message->flags & WSP_SEND_CONTROL))
        return;
    uint64_t *bytes = &other(message->sender)->control_bytes;
    *bytes += is_given ? message->length : -message->length;
}

static void cancel(struct world *world, void *what, uint64_t number)
{
    struct message *message = what;
    if (message->state == MESSAGE_GIVEN)
        wsp_end_cancel(message->sender->end, message->tx, world->now_ns);
}

static void close_side(struct side *side)
{
    if (side->is_closing || side->n_given < side->n_messages)
        return;
    side->is_closing = true;
    wsp_end_close(side->end, side->world->now_ns);
}

static void give(struct world *world, void *what, uint64_t number)
{
    struct message *message = what;
    struct side *side = message->sender;
    if (side->is_lost)
        return;
    message->send_buffer = malloc(message->length + 1);
    for (uint64_t i = 0; i < message->length; i++)
        message->send_buffer[i] = byte_of(message, i);
    struct wsp_envelope envelope = {.context = world->seed,
                                    .source = side->id,
                                    .tag = (int)message->number,
                                    .length = message->length};
    side->n_given++;
    count_control(message, true);
    message->state = MESSAGE_GIVEN;
    wsp_err err = wsp_end_send(side->end, &envelope, message->send_buffer, message->flags, message,
                               world->now_ns, &message->tx);
    if (err)
        wrong(world, "send: %s", wsp_err_name(err));
    if (one_in(world, 12))
        later(world, about(world, world->weather.latency_ns), side->id, cancel, message, 0);
    close_side(side);
}

static uint64_t draw_length(struct world *world)
{
    switch (chance(world, 8)) {
    case 0:
        return 0;
    case 1:
    case 2:
    case 3:
        return chance(world, 64);
    case 4:
    case 5:
        return chance(world, 2048);
    case 6:
        return chance(world, 8192);
    default:
        return chance(world, 40000);
    }
}

static void draw_message(struct side *side, uint64_t at_ns)
{
    struct world *world = side->world;
    struct message *message = &side->messages[side->n_messages];
    message->sender = side;
    message->number = side->n_messages++;
    message->length = draw_length(world);
    message->capacity = message->length + chance(world, 16);
    if (one_in(world, 8))
        message->capacity = chance(world, message->length + 1);
    if (one_in(world, 5))
        message->flags |= WSP_SEND_SYNC;
    else if (one_in(world, 10) && message->length < WSP_CONTROL_MAX)
        message->flags |= WSP_SEND_CONTROL;
    later(world, at_ns, side->id, give, message, 0);
}

void traffic_make(struct world *world)
{
    for (int id = 0; id < 2; id++) {
        unsigned n = 1 + (unsigned)chance(world, one_in(world, 4) ? SIM_MAX_MESSAGES : 24);
        uint64_t at_ns = 0, spacing_ns = chance(world, 3) * world->weather.latency_ns;
        for (unsigned i = 0; i < n; i++) {
            if (one_in(world, 3))
                at_ns += about(world, spacing_ns);
            draw_message(&world->sides[id], at_ns);
        }
    }
}

static void accept(struct world *world, void *what, uint64_t number)
{
    struct message *message = what;
    struct side *side = other(message->sender);
    if (!message->rx || side->is_lost)
        return;
    struct wsp_rx *rx = message->rx;
    message->rx = NULL;
    side->n_unmatched--;
    message->is_accepted = true;
    message->receive_buffer = malloc(message->capacity + 1);
    memset(message->receive_buffer, POISON, message->capacity + 1);
    count_control(message, false);
    wsp_end_accept(side->end, rx, message->receive_buffer, message->capacity, message,
                   world->now_ns);
}

void traffic_arrived(struct side *side, struct wsp_rx *rx, const struct wsp_envelope *envelope)
{
    struct world *world = side->world;
    struct side *sender = other(side);
    bool is_known = envelope->tag >= 0 && envelope->tag < (int)sender->n_messages;
    if (!is_known || envelope->context != world->seed) {
        wrong(world, "a message arrived that nobody sent");
        return;
    }
    struct message *message = &sender->messages[envelope->tag];
    if (message->has_arrived || envelope->tag <= side->last_arrived) {
        wrong(world, "message %d of side %d arrived out of order or twice", envelope->tag,
              sender->id);
        return;
    }
    if (envelope->length != message->length)
        wrong(world, "message %d has another length", envelope->tag);
    side->last_arrived = envelope->tag;
    message->has_arrived = true;
    message->rx = rx;
    side->n_unmatched++;
    if (one_in(world, 3))
        accept(world, message, 0);
    else
        later(world, about(world, world->weather.accept_late_ns), side->id, accept, message, 0);
}

bool traffic_withdraw(struct side *side, struct wsp_rx *rx)
{
    struct side *sender = other(side);
    for (unsigned i = 0; i < sender->n_messages; i++) {
        struct message *message = &sender->messages[i];
        if (message->rx != rx)
            continue;
        message->rx = NULL;
        side->n_unmatched--;
        message->is_withdrawn = true;
        count_control(message, false);
        return true;
    }
    wrong(side->world, "a message was withdrawn that is matched or unknown");
    return false;
}

static void check_content(struct world *world, const struct message *message)
{
    uint64_t n = message->length < message->capacity ? message->length : message->capacity;
    for (uint64_t i = 0; i < n; i++)
        if (message->receive_buffer[i] != byte_of(message, i)) {
            wrong(world, "message %u of side %d is wrong at byte %llu", message->number,
                  message->sender->id, (unsigned long long)i);
            return;
        }
    if (!is_all(message->receive_buffer + n, message->capacity + 1 - n, POISON))
        wrong(world, "message %u was written beyond its end", message->number);
}

void traffic_landed(struct side *side, struct message *message, uint64_t length, wsp_err err)
{
    struct world *world = side->world;
    if (message->has_landed || !message->is_accepted) {
        wrong(world, "message %u landed twice or unasked", message->number);
        return;
    }
    message->has_landed = true;
    message->landed_err = err;
    if (!err || err == WSP_ERR_TRUNCATED) {
        if (length != message->length || (err != WSP_OK) != (length > message->capacity))
            wrong(world, "message %u landed with a wrong length", message->number);
        check_content(world, message);
    } else if (!world->weather.has_end_of_world) {
        wrong(world, "message %u landed with %s", message->number, wsp_err_name(err));
    }
    /* From here on the buffer is the program's own. */
    memset(message->receive_buffer, POISON, message->capacity + 1);
}

void traffic_sent(struct side *side, struct message *message, wsp_err err)
{
    struct world *world = side->world;
    if (message->state != MESSAGE_GIVEN) {
        wrong(world, "message %u was sent twice", message->number);
        return;
    }
    side->n_settled++;
    message->state = !err                       ? MESSAGE_SENT
                     : err == WSP_ERR_CANCELLED ? MESSAGE_CANCELLED
                                                : MESSAGE_FAILED;
    if (!err && (message->flags & WSP_SEND_SYNC) && !message->is_accepted)
        wrong(world, "synchronous message %u was sent before it was matched", message->number);
    if (message->state == MESSAGE_CANCELLED && (message->is_accepted || message->rx))
        wrong(world, "message %u was cancelled and is there", message->number);
    if (message->state == MESSAGE_CANCELLED && !message->is_withdrawn)
        count_control(message, false);
    if (message->state == MESSAGE_FAILED && !world->weather.has_end_of_world)
        wrong(world, "message %u failed with %s", message->number, wsp_err_name(err));
    memset(message->send_buffer, POISON, message->length);
    free(message->send_buffer); /* under AddressSanitizer a late read shows at once */
    message->send_buffer = NULL;
}

void traffic_check(struct side *side)
{
    struct wsp_end_stats stats;
    wsp_end_get_stats(side->end, &stats);
    if (side->unexpected.used_bytes > side->unexpected.limit_bytes)
        wrong(side->world, "the budget for unexpected bytes is exceeded");
    if (stats.unexpected_bytes > side->unexpected.limit_bytes + side->control_bytes)
        wrong(side->world, "%llu unexpected bytes are stored, %llu are allowed",
              (unsigned long long)stats.unexpected_bytes,
              (unsigned long long)side->unexpected.limit_bytes);
    if (side->replay.used_bytes > side->replay.limit_bytes)
        wrong(side->world, "the budget for replay is exceeded");
}

bool traffic_is_done(const struct world *world)
{
    for (int id = 0; id < 2; id++) {
        const struct side *side = &world->sides[id];
        if (!side->is_closed && !side->is_lost)
            return false;
        if (!side->is_lost && side->n_unmatched > 0)
            return false; /* a closed end still hands over what it has */
    }
    return true;
}

static void check_message(struct world *world, const struct message *message)
{
    const struct side *receiver = &world->sides[1 - message->sender->id];
    bool was_given = message->state != MESSAGE_WAITING;
    if (was_given && message->state == MESSAGE_GIVEN)
        wrong(world, "message %u of side %d was never sent", message->number, message->sender->id);
    if (message->is_accepted && !message->has_landed)
        wrong(world, "message %u of side %d never landed", message->number, message->sender->id);
    if (message->receive_buffer && message->has_landed &&
        !is_all(message->receive_buffer, message->capacity + 1, POISON))
        wrong(world, "the buffer of message %u was written after it landed", message->number);
    if (message->state == MESSAGE_SENT && !message->has_landed && !receiver->is_lost)
        wrong(world, "message %u of side %d is lost", message->number, message->sender->id);
    if (message->state == MESSAGE_CANCELLED && message->has_landed)
        wrong(world, "message %u was cancelled and landed", message->number);
}

void traffic_check_end(struct world *world)
{
    for (int id = 0; id < 2; id++) {
        struct side *side = &world->sides[id];
        if (side->is_lost && !world->weather.has_end_of_world)
            wrong(world, "side %d lost the path: %s", id, wsp_err_name(side->lost_err));
        for (unsigned i = 0; i < side->n_messages; i++)
            check_message(world, &side->messages[i]);
    }
}

void traffic_free(struct world *world)
{
    for (int id = 0; id < 2; id++)
        for (unsigned i = 0; i < world->sides[id].n_messages; i++) {
            free(world->sides[id].messages[i].send_buffer);
            free(world->sides[id].messages[i].receive_buffer);
        }
}
