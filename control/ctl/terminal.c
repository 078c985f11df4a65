/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter sits below printf(), so that no place that prints can forget it. Line feeds and tabs
 * pass: they are sluicectl's own, as texts from elsewhere have been made lines before
 * (terminal_one_line(), the check of snapshots).
 */
#include "control/ctl/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/text.h"

struct filter {
	int fd;
	char held[4]; /* the begin of a character whose end comes with the next write */
	unsigned held_bytes;
};

static struct filter filters[2] = { { .fd = STDOUT_FILENO }, { .fd = STDERR_FILENO } };

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* @p whole: nothing follows. @return what was left over, or -1 */
static ssize_t filter_pass(struct filter *f, const char *data, size_t len, bool whole)
{
	char out[4096];
	size_t used = 0, i = 0;

	while (i < len) {
		unsigned take;
		bool safe = text_is_safe(data + i, len - i, &take) || data[i] == '\n' ||
			    data[i] == '\t';

		if (take == 0 && !whole)
			break;
		take = take ? take : 1;
		if (safe) {
			memcpy(out + used, data + i, take);
			used += take;
		} else {
			used += text_escape(data + i, take, out + used);
		}
		i += take;
		if (used > sizeof(out) - TEXT_ESCAPED_BYTES) {
			if (write_all(f->fd, out, used))
				return -1;
			used = 0;
		}
	}
	return write_all(f->fd, out, used) ? -1 : (ssize_t)(len - i);
}

static ssize_t filter_write(void *cookie, const char *data, size_t len)
{
	struct filter *f = cookie;
	char *joined = malloc(f->held_bytes + len);
	size_t total = f->held_bytes + len;
	ssize_t left;

	if (!joined)
		return 0;
	memcpy(joined, f->held, f->held_bytes);
	memcpy(joined + f->held_bytes, data, len);
	left = filter_pass(f, joined, total, false);
	f->held_bytes = left > 0 ? (unsigned)left : 0;
	if (left > 0)
		memcpy(f->held, joined + total - (size_t)left, (size_t)left);
	free(joined);
	return left < 0 ? 0 : (ssize_t)len;
}

static void filter_end(void)
{
	fflush(stdout);
	fflush(stderr);
	for (unsigned i = 0; i < 2; i++)
		(void)filter_pass(&filters[i], filters[i].held, filters[i].held_bytes, true);
}

void terminal_open(void)
{
	const cookie_io_functions_t functions = { .write = filter_write };
	FILE *out = fopencookie(&filters[0], "w", functions);
	FILE *err = fopencookie(&filters[1], "w", functions);

	if (!out || !err)
		abort(); /* without memory for two buffers nothing works */
	setvbuf(out, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
	setvbuf(err, NULL, _IOLBF, BUFSIZ);
	stdout = out;
	stderr = err;
	atexit(filter_end);
}

void terminal_clear(void)
{
	static const char clear[] = "\033[H\033[2J";

	fflush(stdout);
	(void)write_all(STDOUT_FILENO, clear, sizeof(clear) - 1);
}

void terminal_one_line(json_t *tree)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(tree)) {
		char *line = text_escaped(json_string_value(tree));

		if (line)
			json_string_set(tree, line);
		free(line);
	}
	json_object_foreach(tree, key, value) terminal_one_line(value);
	json_array_foreach(tree, i, value) terminal_one_line(value);
}
