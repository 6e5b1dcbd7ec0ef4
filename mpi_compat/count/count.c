/* SPDX-License-Identifier: BSD-3-Clause */
#include "count/count.h"

#include <inttypes.h>
#include <stdbool.h>

struct wsp_count wsp_counts[WSP_FUNCTION_COUNT_];
_Thread_local enum wsp_function wsp_function __attribute__((tls_model("initial-exec")));

#define NAME(name) [WSP_FUNCTION_##name] = "MPI_" #name,
static const char *const names[WSP_FUNCTION_COUNT_] = {[WSP_FUNCTION_NONE] = "(none)",
                                                       WSP_FUNCTION_TABLE(NAME)};
#undef NAME

void wsp_count_take(uint64_t numbers[WSP_COUNT_NUMBERS])
{
    uint64_t *to = numbers;
    for (int i = 0; i < WSP_FUNCTION_COUNT_; i++) {
        const struct wsp_count *count = &wsp_counts[i];
        *to++ = atomic_load_explicit(&count->calls, memory_order_relaxed);
        *to++ = atomic_load_explicit(&count->sent, memory_order_relaxed);
        *to++ = atomic_load_explicit(&count->sent_bytes, memory_order_relaxed);
        *to++ = atomic_load_explicit(&count->received, memory_order_relaxed);
        *to++ = atomic_load_explicit(&count->received_bytes, memory_order_relaxed);
    }
}

void wsp_count_print(const uint64_t numbers[WSP_COUNT_NUMBERS], FILE *out)
{
    fprintf(out, "widespan: %-24s %10s %10s %16s %10s %16s\n", "between sites", "calls", "sent",
            "bytes", "received", "bytes");
    for (int i = 0; i < WSP_FUNCTION_COUNT_; i++) {
        const uint64_t *n = &numbers[WSP_COUNT_COLUMNS * i];
        if (n[1] || n[3])
            fprintf(out,
                    "widespan: %-24s %10" PRIu64 " %10" PRIu64 " %16" PRIu64 " %10" PRIu64
                    " %16" PRIu64 "\n",
                    names[i], n[0], n[1], n[2], n[3], n[4]);
    }
}

void wsp_count_print_json(const uint64_t numbers[WSP_COUNT_NUMBERS], FILE *out)
{
    bool is_first = true;
    fputc('{', out);
    for (int i = 0; i < WSP_FUNCTION_COUNT_; i++) {
        const uint64_t *n = &numbers[WSP_COUNT_COLUMNS * i];
        if (!n[0] && !n[1] && !n[3])
            continue;
        fprintf(out,
                "%s\"%s\": {\"calls\": %" PRIu64 ", \"sent_messages\": %" PRIu64
                ", \"sent_bytes\": %" PRIu64 ", \"received_messages\": %" PRIu64
                ", \"received_bytes\": %" PRIu64 "}",
                is_first ? "" : ", ", names[i], n[0], n[1], n[2], n[3], n[4]);
        is_first = false;
    }
    fputc('}', out);
}
