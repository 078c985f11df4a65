/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of requests and responses: start line here, field lines and rules in the files beside.
 *
 * The verdict on a byte stream must not depend on how it was cut into segments. So every fault has
 * one place at which it becomes certain: a bad byte where it stands, the request line at its end,
 * the fields at the end of the head; and the fault that becomes certain first is the one reported.
 */
#include "dataplane/http/h1/http1_priv.h"
#include "dataplane/http/methods.h"
#include "lib/base/bytes.h"

#define VERSION_BYTES (sizeof("HTTP/1.1") - 1)

typedef enum reason (*start_line_fn)(struct http1_parse *parse, size_t pos, size_t *next);

/* HTTP-version CRLF (RFC 9112 §2.3). 1.2 and later minor versions are taken as 1.1 (RFC 9110
 * §2.5). */
static enum reason version_parse(struct http1_parse *parse, size_t pos)
{
	const char *at = parse->data + pos;

	if (parse->avail - pos < VERSION_BYTES + 2 || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.' ||
		at[8] != '\r' || at[9] != '\n')
		return REASON_REQUEST_LINE;
	if (at[7] < '0' || at[7] > '9')
		return REASON_REQUEST_LINE;
	if (at[5] != '1')
		return at[5] >= '0' && at[5] <= '9' ? REASON_VERSION_UNSUPPORTED
						    : REASON_REQUEST_LINE;
	parse->head->version_minor = at[7] != '0';
	return HTTP1_FINE;
}

/* RFC 9112 §3: method SP request-target SP HTTP-version CRLF, with exactly these spaces. */
static enum reason request_line(struct http1_parse *parse, size_t pos, size_t *next)
{
	const char *data = parse->data;
	struct http1_head *head = parse->head;
	size_t stop = http1_scan_next(&parse->scan, HTTP1_NOT_TOKEN, pos);
	enum reason fault;

	if (stop - pos > HTTP1_MAX_METHOD_BYTES)
		return REASON_METHOD_INVALID;
	if (data[stop] != ' ' || stop == pos)
		return data[stop] == '\r' || data[stop] == ' ' ? REASON_REQUEST_LINE
							       : REASON_METHOD_INVALID;
	head->message.method = (struct str){ data + pos, (uint32_t)(stop - pos) };
	head->message.method_id = http_method_find(head->message.method);

	pos = stop + 1;
	stop = http1_scan_next(&parse->scan, HTTP1_NOT_TARGET, pos);
	if (stop - pos > parse->limits->target_bytes)
		return REASON_TARGET_TOO_LONG;
	if (data[stop] != ' ' || stop == pos)
		return data[stop] == '\r' || data[stop] == ' ' ? REASON_REQUEST_LINE
							       : REASON_TARGET_INVALID;
	head->target = (struct str){ data + pos, (uint32_t)(stop - pos) };
	fault = version_parse(parse, stop + 1);
	*next = stop + 1 + VERSION_BYTES + 2;
	return fault == HTTP1_FINE ? http1_target_parse(head) : fault;
}

/* RFC 9112 §4: HTTP-version SP status-code [ SP [ reason-phrase ] ] CRLF. */
static enum reason status_line(struct http1_parse *parse, size_t pos, size_t *next)
{
	const char *at = parse->data + pos;
	struct http1_head *head = parse->head;
	size_t end = http1_scan_next(&parse->scan, HTTP1_CTL, pos);
	size_t len = end - pos;

	if (len < VERSION_BYTES + 4 || memcmp(at, "HTTP/1.", 7) != 0 || at[7] < '0' ||
		at[7] > '9' || at[8] != ' ' || at[9] < '1' || at[9] > '5' || at[10] < '0' ||
		at[10] > '9' || at[11] < '0' || at[11] > '9')
		return REASON_BACKEND_INVALID;
	if (len > VERSION_BYTES + 4 && at[12] != ' ')
		return REASON_BACKEND_INVALID;
	head->version_minor = at[7] != '0';
	head->message.status =
		(uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
	if (len > VERSION_BYTES + 5)
		head->phrase = (struct str){ at + 13, (uint32_t)(len - 13) };
	*next = end + 2;
	return HTTP1_FINE;
}

/* The reason for the byte on which the scan stopped; the start line begins at @p line. */
static enum reason byte_fault(const char *data, size_t line, size_t bad)
{
	size_t from = bad;
	unsigned spaces = 0;

	if (bad != 0 && data[bad - 1] == '\r' && data[bad] != '\n')
		return REASON_BARE_CR;
	if (data[bad] == '\n')
		return REASON_BARE_LF;
	if (data[bad] == '\0')
		return REASON_NUL_BYTE;
	while (from > line && data[from - 1] != '\n')
		from--;
	if (from > line)
		return memchr(data + from, ':', bad - from) != NULL ? REASON_FIELD_VALUE
								    : REASON_FIELD_NAME;
	for (; from < bad; from++)
		spaces += data[from] == ' ';
	return spaces == 0   ? REASON_METHOD_INVALID
	       : spaces == 1 ? REASON_TARGET_INVALID
			     : REASON_REQUEST_LINE;
}

/*
 * The head is not complete: what is certain already? Looks at the start line when its end has come
 * since the last call, or when it is longer than @p line_most, which no good one is; then at the
 * byte that the scan stopped at; then at the limit.
 */
static enum reason head_unfinished(struct http1_parse *parse, size_t seen, size_t line,
	size_t line_most, size_t head_most, start_line_fn start_line)
{
	const struct http1_scan *scan = &parse->scan;
	size_t good = scan->bad < parse->avail ? scan->bad : parse->avail;
	size_t line_bytes = good - line < line_most ? good - line : line_most;
	const char *lf = line_bytes != 0 ? memchr(parse->data + line, '\n', line_bytes) : NULL;
	enum reason fault;
	size_t next;

	if (lf != NULL ? (size_t)(lf - parse->data) >= seen : line_bytes == line_most) {
		http1_scan_before(&parse->scan, parse->data, seen);
		bytes_clear(parse->head, offsetof(struct http1_head, message.fields));
		fault = start_line(parse, line, &next);
		if (fault != HTTP1_FINE)
			return fault;
	}
	if (scan->bad != HTTP1_NOWHERE)
		return byte_fault(parse->data, line, scan->bad);
	return parse->avail == head_most ? REASON_HEAD_TOO_LARGE : HTTP1_FINE;
}

static size_t head_most(const struct http1_limits *limits)
{
	return limits->head_bytes < HTTP1_MAX_HEAD_BYTES ? limits->head_bytes
							 : HTTP1_MAX_HEAD_BYTES;
}

static void parse_begin(struct http1_parse *parse, const char *data, size_t len, size_t *seen)
{
	size_t most = head_most(parse->limits);

	parse->data = data;
	parse->avail = len < most ? len : most;
	if (*seen > parse->avail)
		*seen = parse->avail;
	http1_scan(&parse->scan, data, parse->avail, *seen);
}

enum http1_verdict http1_parse_request(const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, struct http1_head *head, enum reason *reason)
{
	struct http1_parse parse;
	struct http1_places places;
	size_t line, next;

	parse.limits = limits;
	parse.head = head;
	parse_begin(&parse, data, len, &seen);
	line = parse.avail >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
	if (http_unlikely(parse.scan.end == 0)) {
		size_t line_most = HTTP1_MAX_METHOD_BYTES + 1 + (size_t)limits->target_bytes + 1 +
				   VERSION_BYTES + 2;

		*reason = head_unfinished(
			&parse, seen, line, line_most, head_most(limits), request_line);
		return *reason == HTTP1_FINE ? HTTP1_MORE : HTTP1_BAD;
	}
	http1_scan_before(&parse.scan, data, seen);
	bytes_clear(head, offsetof(struct http1_head, message.fields));
	head->head_bytes = (uint32_t)parse.scan.end;
	*reason = request_line(&parse, line, &next);
	if (*reason == HTTP1_FINE)
		*reason = http1_fields_parse(&parse, next, &places);
	if (*reason == HTTP1_FINE)
		*reason = http1_request_rules(head, &places);
	return *reason == HTTP1_FINE ? HTTP1_DONE : HTTP1_BAD;
}

/* The reason for a response that is refused for a fault: the framing fields have their own. */
static enum reason response_fault(enum reason fault)
{
	switch (fault) {
	case REASON_LENGTH_REPEATED:
		return REASON_BACKEND_LENGTH_REPEATED;
	case REASON_LENGTH_AND_CODING:
		return REASON_BACKEND_LENGTH_AND_CODING;
	case REASON_CODING_UNSUPPORTED:
		return REASON_BACKEND_CODING_UNSUPPORTED;
	default:
		return REASON_BACKEND_INVALID;
	}
}

enum http1_verdict http1_parse_response(const char *data, size_t len, size_t seen,
	const struct http1_limits *limits, uint8_t request_method, struct http1_head *head,
	enum reason *reason)
{
	struct http1_parse parse;
	struct http1_places places;
	enum reason fault;
	size_t next;

	parse.limits = limits;
	parse.head = head;
	parse_begin(&parse, data, len, &seen);
	if (http_unlikely(parse.scan.end == 0)) {
		fault = head_unfinished(&parse, seen, 0, SIZE_MAX, head_most(limits), status_line);
		*reason = fault == HTTP1_FINE ? HTTP1_FINE : REASON_BACKEND_INVALID;
		return fault == HTTP1_FINE ? HTTP1_MORE : HTTP1_BAD;
	}
	http1_scan_before(&parse.scan, data, seen);
	bytes_clear(head, offsetof(struct http1_head, message.fields));
	head->head_bytes = (uint32_t)parse.scan.end;
	fault = status_line(&parse, 0, &next);
	if (fault == HTTP1_FINE)
		fault = http1_fields_parse(&parse, next, &places);
	if (fault == HTTP1_FINE)
		fault = http1_response_rules(head, &places, request_method, limits->upgrade);
	*reason = fault == HTTP1_FINE ? HTTP1_FINE : response_fault(fault);
	return fault == HTTP1_FINE ? HTTP1_DONE : HTTP1_BAD;
}

enum http1_verdict http1_parse_trailers(
	const char *data, size_t len, size_t seen, struct http1_head *head)
{
	static const struct http1_limits limits = { HTTP1_MAX_TRAILER_BYTES, 0, HTTP_MAX_FIELDS };
	struct http1_parse parse;
	struct http1_places places;

	parse.limits = &limits;
	parse.head = head;
	parse_begin(&parse, data, len, &seen);
	if (parse.scan.end == 0)
		return parse.scan.bad != HTTP1_NOWHERE || parse.avail == HTTP1_MAX_TRAILER_BYTES
			       ? HTTP1_BAD
			       : HTTP1_MORE;
	http1_scan_before(&parse.scan, data, seen);
	bytes_clear(head, offsetof(struct http1_head, message.fields));
	head->head_bytes = (uint32_t)parse.scan.end;
	return http1_fields_parse(&parse, 0, &places) == HTTP1_FINE ? HTTP1_DONE : HTTP1_BAD;
}
