/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. Each goes out in one write(), so that lines of several threads do not mix. What a peer
 * may have had a hand in (names, messages) can hold control characters: they are escaped (text.h), so that
 * one event stays one line and no terminal is led astray. The clock is read here, as logging is no part of the packet path.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/text.h"

#define LINE_BYTES   1024
#define WINDOW_NS    UINT64_C(5000000000)
#define WINDOW_LINES 20

static const char *const level_names[] = { "error", "warning", "notice", "info", "debug" };
static const char *program_name = "sluice";
static enum log_level log_level_now = LOG_NOTICE;

void log_open(const char *program, enum log_level level)
{
	program_name = program;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&log_level_now, level, __ATOMIC_RELAXED);
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) != 0)
			continue;
		*out = (enum log_level)i;
		return 0;
	}
	return -EINVAL;
}

/*
 * Take one line of the site's budget; *left_out is how many were suppressed before this one. Two
 * threads at one site may race by a line or two: the fields are atomic so that it is only that.
 */
static bool site_take(struct log_site *site, uint64_t now_ns, uint32_t *left_out)
{
	uint64_t start = __atomic_load_n(&site->window_start_ns, __ATOMIC_RELAXED);

	*left_out = 0;
	if (start == 0 || now_ns - start >= WINDOW_NS) {
		__atomic_store_n(&site->window_start_ns, now_ns, __ATOMIC_RELAXED);
		__atomic_store_n(&site->written, 0, __ATOMIC_RELAXED);
		*left_out = __atomic_exchange_n(&site->suppressed, 0, __ATOMIC_RELAXED);
	}
	if (__atomic_load_n(&site->written, __ATOMIC_RELAXED) < WINDOW_LINES) {
		__atomic_fetch_add(&site->written, 1, __ATOMIC_RELAXED);
		return true;
	}
	__atomic_fetch_add(&site->suppressed, 1, __ATOMIC_RELAXED);
	return false;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* "2026-01-31T12:00:00.123Z error sluice: " */
static size_t line_begin(char *line, enum log_level level)
{
	uint64_t now_ms = clock_ns(CLOCK_REALTIME) / 1000000;
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm t;
	int n;

	gmtime_r(&seconds, &t);
	n = snprintf(line, LINE_BYTES,
		"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s %.64s: ", t.tm_year + 1900, t.tm_mon + 1,
		t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (unsigned)(now_ms % 1000),
		level_names[level], program_name);
	return (size_t)n;
}

static void line_end(const char *line, size_t begin, size_t len)
{
	char out[LINE_BYTES + 1];
	ssize_t ignored;

	if (len > LINE_BYTES - 1)
		len = LINE_BYTES - 1;
	memcpy(out, line, begin);
	len = begin + text_escape_line(line + begin, len - begin, out + begin, LINE_BYTES - begin);
	out[len++] = '\n';
	ignored = write(STDERR_FILENO, out, len);
	(void)ignored; /* nowhere left to complain to */
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
{
	char line[LINE_BYTES + 1];
	uint32_t left_out;
	size_t begin, len;
	va_list args;
	int n;

	if (level > __atomic_load_n(&log_level_now, __ATOMIC_RELAXED))
		return;
	if (!site_take(site, clock_ns(CLOCK_MONOTONIC), &left_out))
		return;
	begin = len = line_begin(line, level);
	if (left_out)
		len += (size_t)snprintf(
			line + len, LINE_BYTES - len, "(%u lines like this left out) ", left_out);
	va_start(args, format);
	n = vsnprintf(line + len, LINE_BYTES - len, format, args);
	va_end(args);
	if (n > 0)
		len += (size_t)n;
	line_end(line, begin, len);
}
