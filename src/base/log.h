/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines on standard error: one macro a level, `object id: event value unit`, lowercase.
 * Written with one write(2) each, so that lines of several ranks do not mix. Any thread. */
#ifndef WSP_BASE_LOG_H
#define WSP_BASE_LOG_H

#include <stdbool.h>

enum wsp_log_level { WSP_LOG_ERROR, WSP_LOG_WARN, WSP_LOG_INFO, WSP_LOG_DEBUG };

/* Read once at start-up; warnings and errors are on by default. */
extern enum wsp_log_level wsp_log_level;

/* Sets the level from its name ("error", "warn", "info", "debug"); false if there is none so. */
bool wsp_log_set_level(const char *name);

/* Sets what stands before every line, such as "amsterdam:3"; copied, cut at 63 bytes. */
void wsp_log_set_prefix(const char *prefix);

void wsp_log_write(enum wsp_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define WSP_LOG_AT_(level, ...)                                                                    \
    do {                                                                                           \
        if (wsp_log_level >= (level))                                                              \
            wsp_log_write(level, __VA_ARGS__);                                                     \
    } while (0)
#define wsp_error(...) WSP_LOG_AT_(WSP_LOG_ERROR, __VA_ARGS__)
#define wsp_warn(...)  WSP_LOG_AT_(WSP_LOG_WARN, __VA_ARGS__)
#define wsp_info(...)  WSP_LOG_AT_(WSP_LOG_INFO, __VA_ARGS__)
#define wsp_debug(...) WSP_LOG_AT_(WSP_LOG_DEBUG, __VA_ARGS__)

#endif
