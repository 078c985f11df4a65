/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log: one line of JSON for each request, from the workers' event rings into a file.
 */
#ifndef SLUICE_CONTROL_DAEMON_ACCESS_LOG_H
#define SLUICE_CONTROL_DAEMON_ACCESS_LOG_H

#include <stdbool.h>

#include "control/slot_names.h"
#include "lib/shm/events.h"

#define ACCESS_LOG_BUFFER_BYTES (256 * 1024)
#define ACCESS_LOG_LINE_BYTES   4096 /* no line is longer */

struct access_log {
	char *path; /* NULL: no log */
	int fd;     /* -1: not open */
	char *buffer;
	size_t used;
	uint32_t lines_in_buffer;
	bool line_open;   /* the file ends within a line: a write was cut short */
	bool failing;     /* the last write failed; said once */
	uint64_t written; /* lines */
	uint64_t lost;    /* lines that could not be written */
};

/** @param path  kept as a copy; NULL for none, "-" for standard output */
int access_log_init(struct access_log *log, const char *path);
void access_log_free(struct access_log *log);

/** Open (again): after rotation. A failure is logged and tried again at the next SIGUSR1 or apply.
 *  @return 0 or -errno */
int access_log_reopen(struct access_log *log);

/** Add one event. @param real_ns  Unix time of CLOCK_MONOTONIC 0, in nanoseconds */
void access_log_add(struct access_log *log, const struct event *event,
	const struct slot_names *names, int64_t real_ns);

/** Write what is buffered. */
void access_log_flush(struct access_log *log);

/** One event as its line, with the line feed. @param out ACCESS_LOG_LINE_BYTES @return length */
size_t access_log_format(
	const struct event *event, const struct slot_names *names, int64_t real_ns, char *out);

#endif
