/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are made by hand, not by a JSON library: a busy worker ends a hundred thousand requests a
 * second. What a client sent (host, path) is escaped byte by byte, so that a line is always one
 * line and always JSON. A disk that is full costs lines, which are counted, and nothing else.
 */
#include "control/daemon/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/http/methods.h"
#include "lib/base/log.h"
#include "lib/shm/reason.h"

#define NS_PER_S 1000000000

int access_log_init(struct access_log *log, const char *path)
{
	*log = (struct access_log){ .fd = -1 };
	if (!path)
		return 0;
	log->path = strdup(path);
	log->buffer = malloc(ACCESS_LOG_BUFFER_BYTES);
	if (!log->path || !log->buffer)
		return -ENOMEM;
	return access_log_reopen(log);
}

void access_log_free(struct access_log *log)
{
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	free(log->path);
	free(log->buffer);
	*log = (struct access_log){ .fd = -1 };
}

/* A writer that was killed may have left half a line behind. */
static bool ends_within_a_line(int fd, off_t size)
{
	char last;

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* The file must be one that only we write: not a device, not another user's, and under no second
 * name, by which another user could have linked a file of ours that is no log. */
static const char *file_objection(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != geteuid())
		return "it belongs to another user: give it to the user that sluice-control runs as (chown)";
	if (st->st_nlink > 1)
		return "it has a second name (hard link)";
	return NULL;
}

/* Links are not followed: the last part of the path is where another user could have put one. */
static int file_open(const char *path, struct stat *st, char *why, size_t why_bytes)
{
	const int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, O_RDWR | flags, 0640), err = 0;
	const char *objection;

	if (fd < 0 && errno == EACCES)
		fd = open(path, O_WRONLY | flags, 0640);
	if (fd < 0) {
		err = errno;
		snprintf(why, why_bytes, "%s",
			err == ELOOP    ? "it is a symbolic link, which is not followed"
			: err == ENOENT ? "its folder does not exist"
			: err == ENXIO  ? "it is no regular file"
					: strerror(err));
		return -err;
	}
	if (fstat(fd, st)) {
		err = -errno;
		snprintf(why, why_bytes, "%s", strerror(-err));
	} else if ((objection = file_objection(st)) != NULL) {
		err = -EPERM;
		snprintf(why, why_bytes, "%s", objection);
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

int access_log_reopen(struct access_log *log)
{
	char why[128];
	struct stat st = { 0 };
	int fd;

	if (!log->path)
		return 0;
	if (strcmp(log->path, "-") == 0) {
		log->fd = STDOUT_FILENO;
		return 0;
	}
	fd = file_open(log->path, &st, why, sizeof(why));
	if (fd < 0) {
		log_error("access log %s cannot be opened: %s", log->path, why);
		log->failing |= log->fd < 0;
		return fd;
	}
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	log->fd = fd;
	log->line_open = ends_within_a_line(fd, st.st_size);
	return 0;
}

/* A line under construction: what does not fit is left out, never overrun. */
struct line {
	char *at, *end;
};

static void put(struct line *l, const char *text, size_t len)
{
	if ((size_t)(l->end - l->at) < len)
		len = (size_t)(l->end - l->at);
	memcpy(l->at, text, len);
	l->at += len;
}

#define PUT(l, literal) put((l), (literal), sizeof(literal) - 1)

static void put_number(struct line *l, uint64_t n)
{
	char digits[20];
	unsigned i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	put(l, digits + i, sizeof(digits) - i);
}

/* A JSON string. Bytes beyond ASCII are written as the Latin-1 characters that they would be. */
static void put_string(struct line *l, struct str text)
{
	static const char hex[] = "0123456789abcdef";

	PUT(l, "\"");
	for (uint32_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '"' || c == '\\') {
			char escaped[2] = { '\\', (char)c };

			put(l, escaped, 2);
		} else if (c < 0x20 || c >= 0x7f) {
			char escaped[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

			put(l, escaped, 6);
		} else {
			put(l, (const char *)&c, 1);
		}
	}
	PUT(l, "\"");
}

/* A string, or null for what was not known. */
static void put_name(struct line *l, struct str name)
{
	if (name.len)
		put_string(l, name);
	else
		PUT(l, "null");
}

/* RFC 3339 with milliseconds. The date is computed once a second. */
static void put_time(struct line *l, int64_t unix_ns)
{
	static time_t cached = -1;
	static char date[24];
	time_t second = (time_t)(unix_ns / NS_PER_S);
	char millis[8];

	if (second != cached) {
		struct tm tm;

		gmtime_r(&second, &tm);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		cached = second;
	}
	put(l, date, strlen(date));
	snprintf(millis, sizeof(millis), ".%03dZ", (int)(unix_ns / 1000000 % 1000));
	put(l, millis, strlen(millis));
}

/* Microseconds as milliseconds with three digits. */
static void put_ms(struct line *l, uint32_t us)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu32 ".%03" PRIu32, us / 1000, us % 1000);
	put(l, text, strlen(text));
}

static void put_client(struct line *l, const struct event *e)
{
	char address[IP_TEXT_BYTES];
	size_t len = ip_format(&e->client, address);

	PUT(l, ",\"client\":\"");
	if (ip_is_v4(&e->client)) {
		put(l, address, len);
	} else {
		PUT(l, "[");
		put(l, address, len);
		PUT(l, "]");
	}
	PUT(l, ":");
	put_number(l, e->client_port);
	PUT(l, "\"");
}

static void put_request(struct line *l, const struct event *e)
{
	const char *method = http_method_name(e->method);
	struct str path = { e->path, e->path_bytes };

	if (path.len > EVENT_PATH_BYTES)
		path.len = EVENT_PATH_BYTES;
	PUT(l, ",\"method\":");
	put_name(l, method ? str_of(method) : STR(""));
	PUT(l, ",\"host\":");
	put_name(l, (struct str){ e->host,
			    e->host_bytes < EVENT_HOST_BYTES ? e->host_bytes : EVENT_HOST_BYTES });
	PUT(l, ",\"path\":");
	put_name(l, path);
	if (e->path_bytes > EVENT_PATH_BYTES)
		PUT(l, ",\"path_cut\":true");
}

/* An expired key has a consumer too, who is not the caller. */
static void put_caller(struct line *l, const struct event *e, const struct slot_names *names)
{
	const struct snapshot *s = names->snapshot;
	bool current = s && e->generation == (uint32_t)s->generation;

	PUT(l, ",\"consumer\":");
	put_name(l, slot_consumer(names, e->consumer));
	PUT(l, ",\"key\":");
	put_name(l, s ? slot_key_id(names, e->key) : STR(""));
	PUT(l, ",\"limit\":");
	put_name(l, current && e->limit < s->sections[SNAP_LIMITS].count
			    ? snap_str(s, SNAP_AT(s, SNAP_LIMITS, snap_limit, e->limit)->name)
			    : STR(""));
}

size_t access_log_format(
	const struct event *e, const struct slot_names *names, int64_t real_ns, char *out)
{
	struct line l = { out, out + ACCESS_LOG_LINE_BYTES - 1 };
	bool known = e->reason < REASON_COUNT;
	char id[20];

	PUT(&l, "{\"time\":\"");
	put_time(&l, real_ns + (int64_t)e->time_ns);
	PUT(&l, "\",\"listener\":");
	put_name(&l, slot_listener(names, e->listener));
	put_client(&l, e);
	put_request(&l, e);
	PUT(&l, ",\"status\":");
	put_number(&l, e->status);
	PUT(&l, ",\"reason\":");
	put_name(&l, known ? str_of(reason_name((enum reason)e->reason)) : STR(""));
	PUT(&l, ",\"api\":");
	put_name(&l, slot_api(names, e->api));
	put_caller(&l, e, names);
	PUT(&l, ",\"endpoint\":");
	put_name(&l, slot_endpoint(names, e->endpoint));
	PUT(&l, ",\"duration_ms\":");
	put_ms(&l, e->duration_us);
	PUT(&l, ",\"backend_ms\":");
	put_ms(&l, e->backend_us);
	PUT(&l, ",\"attempts\":");
	put_number(&l, e->attempts);
	PUT(&l, ",\"bytes_in\":");
	put_number(&l, e->bytes_in);
	PUT(&l, ",\"bytes_out\":");
	put_number(&l, e->bytes_out);
	PUT(&l, ",\"tls\":");
	put(&l, e->tls ? "true" : "false", e->tls ? 4 : 5);
	PUT(&l, ",\"request_id\":\"");
	snprintf(id, sizeof(id), "%016" PRIx64, e->request_id);
	put(&l, id, 16);
	PUT(&l, "\"}");
	*l.at++ = '\n';
	return (size_t)(l.at - out);
}

/* Say once that lines are being lost, and once that it is over. */
static void note_failure(struct access_log *log, int err)
{
	if (err && !log->failing)
		log_error("access log %s cannot be written: %s; lines are lost and counted",
			log->path, strerror(err));
	if (!err && log->failing)
		log_notice("access log %s is written again; %" PRIu64 " lines were lost", log->path,
			log->lost);
	log->failing = err != 0;
}

/* Write as much of a buffer as can be; what was cut short is ended by a line feed before the next.
 * @param done  filled: bytes written @return 0 or the error */
static int write_all(struct access_log *log, const char *data, size_t len, size_t *done)
{
	*done = 0;
	if (log->line_open && write(log->fd, "\n", 1) != 1)
		return errno;
	log->line_open = false;
	while (*done < len) {
		ssize_t n = write(log->fd, data + *done, len - *done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (*done)
				log->line_open = data[*done - 1] != '\n';
			return n < 0 ? errno : EIO;
		}
		*done += (size_t)n;
	}
	return 0;
}

static uint64_t lines_in(const char *data, size_t len)
{
	uint64_t lines = 0;

	for (const char *at = data; (at = memchr(at, '\n', (size_t)(data + len - at))); at++)
		lines++;
	return lines;
}

void access_log_flush(struct access_log *log)
{
	uint64_t written = log->lines_in_buffer;
	size_t done = 0;
	int err;

	if (log->used == 0)
		return;
	err = log->fd < 0 ? EBADF : write_all(log, log->buffer, log->used, &done);
	if (err)
		written = lines_in(log->buffer, done);
	log->written += written;
	log->lost += log->lines_in_buffer - written;
	note_failure(log, err);
	log->used = 0;
	log->lines_in_buffer = 0;
}

void access_log_add(struct access_log *log, const struct event *event,
	const struct slot_names *names, int64_t real_ns)
{
	if (!log->path)
		return;
	if (log->used + ACCESS_LOG_LINE_BYTES > ACCESS_LOG_BUFFER_BYTES)
		access_log_flush(log);
	log->used += access_log_format(event, names, real_ns, log->buffer + log->used);
	log->lines_in_buffer++;
}
