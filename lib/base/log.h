/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of the processes: one line each on standard error, `time level program: text`, cut off at
 * 1 KiB and limited to a burst per call site, so that a peer cannot fill a disk. Not for requests
 * (those are events) and never for keys, tokens or bodies. Not called on the packet path.
 */
#ifndef SLUICE_LIB_BASE_LOG_H
#define SLUICE_LIB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* One call site's budget: at most 20 lines in each 5 s; the next window's first line tells how many
 * were left out. */
struct log_site {
	uint64_t window_start_ns;
	uint32_t written;
	uint32_t suppressed;
};

/** Name the program in each line and set the level (default LOG_NOTICE). @p program is kept. */
void log_open(const char *program, enum log_level level);
void log_set_level(enum log_level level);

/** @return 0 and the level, or -EINVAL for a name that is none of error warning notice info debug */
int log_level_parse(const char *name, enum log_level *out);

__attribute__((format(printf, 3, 4))) void log_write(
	struct log_site *site, enum log_level level, const char *format, ...);

#define LOG_AT(level, ...)                                                                         \
	do {                                                                                       \
		static struct log_site log_site_;                                                  \
		log_write(&log_site_, (level), __VA_ARGS__);                                       \
	} while (0)

#define log_error(...)   LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  LOG_AT(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
