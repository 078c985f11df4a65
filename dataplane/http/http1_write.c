/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads written anew (RFC 9110 §7.6): nothing that frames, routes or identifies is copied from what
 * the peer sent, it is made from the parser's verdict. Other field lines are copied, neighbours in
 * one go where the sender wrote them as we would.
 */
#include "dataplane/http/http1_priv.h"

#define CRLF "\r\n"

/* Everything below that takes a writer is inlined into the functions that other files call, and
 * these work on a copy of the writer: so its length stays in a register instead of going through
 * memory. */
#define INLINE static inline __attribute__((always_inline))

INLINE void put_number(struct http1_writer *w, uint64_t n)
{
	char digits[20];
	unsigned at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	http1_put(w, { digits + at, sizeof(digits) - at });
}

void http1_put_number(struct http1_writer *w, uint64_t n)
{
	put_number(w, n);
}

/* A run of field lines that lie one behind the other in the peer's buffer, not yet copied. */
struct run {
	const char *from;
	const char *end;
};

INLINE void run_flush(struct http1_writer *w, struct run *run)
{
	if (run->from != NULL)
		http1_put(w, { run->from, (uint32_t)(run->end - run->from) });
	run->from = run->end = NULL;
}

INLINE void run_add(struct http1_writer *w, struct run *run, const struct http1_field *field)
{
	if (!field->plain) {
		run_flush(w, run);
		http1_put_field(w, field->name, field->value);
		return;
	}
	if (run->from == NULL || run->end != field->name.data) {
		run_flush(w, run);
		run->from = field->name.data;
	}
	run->end = field->value.data + field->value.len + sizeof(CRLF) - 1;
}

INLINE void put_fields(
	struct http1_writer *w, const struct http1_head *head, uint32_t skipped, struct str strip)
{
	struct run run = { NULL, NULL };

	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];

		if (field->hop || (skipped >> field->id & 1) != 0)
			continue;
		if (http1_unlikely(strip.len == field->name.len && strip.len != 0) &&
			http1_name_same(field->name, strip))
			continue;
		run_add(w, &run, field);
	}
	run_flush(w, &run);
}

/* RFC 9110 §7.6.3; the version is the one in which we received. */
INLINE void put_via(struct http1_writer *w, const struct http1_head *head, struct str name)
{
	if (name.len == 0)
		return;
	if (head->version_minor == 0)
		http1_put(w, STR("Via: 1.0 "), name, STR(CRLF));
	else
		http1_put(w, STR("Via: 1.1 "), name, STR(CRLF));
}

INLINE void put_length(struct http1_writer *w, uint64_t length)
{
	http1_put(w, STR("Content-Length: "));
	put_number(w, length);
	http1_put(w, STR(CRLF));
}

/* The values of all fields with this id, each followed by ", ". */
INLINE void put_former(
	struct http1_writer *w, const struct http1_head *head, enum http1_field_id id)
{
	for (uint32_t i = 0; i < head->field_count; i++) {
		if (head->fields[i].id != id || head->fields[i].value.len == 0)
			continue;
		http1_put(w, head->fields[i].value, STR(", "));
	}
}

static bool head_has(const struct http1_head *head, enum http1_field_id id)
{
	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].id == id && !head->fields[i].hop)
			return true;
	return false;
}

/* RFC 7239 §4, §6: quoted, because ":" and "[" are no token bytes. */
INLINE void put_forwarded(
	struct http1_writer *w, const struct http1_head *head, const struct http1_forward *forward)
{
	bool v6 = forward->client_ip.len != 0 &&
		  memchr(forward->client_ip.data, ':', forward->client_ip.len) != NULL;

	http1_put(w, STR("Forwarded: "));
	if (forward->trust_forwarded)
		put_former(w, head, HTTP1_FIELD_FORWARDED);
	if (v6)
		http1_put(w, STR("for=\"["), forward->client_ip, STR("]\""));
	else
		http1_put(w, STR("for=\""), forward->client_ip, STR("\""));
	if (forward->proto.len != 0)
		http1_put(w, STR(";proto="), forward->proto);
	if (head->authority.len != 0)
		http1_put(w, STR(";host=\""), head->authority, STR("\""));
	http1_put(w, STR(CRLF));
}

INLINE void put_origin(
	struct http1_writer *w, const struct http1_head *head, const struct http1_forward *forward)
{
	bool trusted = forward->trust_forwarded;

	if (forward->client_ip.len != 0) {
		http1_put(w, STR("X-Forwarded-For: "));
		if (trusted)
			put_former(w, head, HTTP1_FIELD_X_FORWARDED_FOR);
		http1_put(w, forward->client_ip, STR(CRLF));
	}
	if (forward->proto.len != 0 && !(trusted && head_has(head, HTTP1_FIELD_X_FORWARDED_PROTO)))
		http1_put_field(w, STR("X-Forwarded-Proto"), forward->proto);
	if (head->authority.len != 0 && !(trusted && head_has(head, HTTP1_FIELD_X_FORWARDED_HOST)))
		http1_put_field(w, STR("X-Forwarded-Host"), head->authority);
	if (forward->client_ip.len != 0)
		put_forwarded(w, head, forward);
}

INLINE void put_unless_empty(struct http1_writer *w, struct str name, struct str value)
{
	if (value.len != 0)
		http1_put_field(w, name, value);
}

void http1_write_request(struct http1_writer *writer, const struct http1_head *head,
	const struct http1_forward *forward)
{
	struct http1_writer out = *writer, *w = &out;
	uint32_t skipped = 1u << HTTP1_FIELD_HOST | 1u << HTTP1_FIELD_CONTENT_LENGTH |
			   1u << HTTP1_FIELD_EXPECT | 1u << HTTP1_FIELD_SLUICE |
			   1u << HTTP1_FIELD_X_FORWARDED_FOR | 1u << HTTP1_FIELD_FORWARDED;

	if (!forward->trust_forwarded)
		skipped |= 1u << HTTP1_FIELD_X_FORWARDED_PROTO |
			   1u << HTTP1_FIELD_X_FORWARDED_HOST | 1u << HTTP1_FIELD_ADDRESS;
	if (!forward->pass_overrides)
		skipped |= 1u << HTTP1_FIELD_OVERRIDE;
	if (http1_unlikely(head->has_max_forwards))
		skipped |= 1u << HTTP1_FIELD_MAX_FORWARDS;
	http1_put(w, head->method, STR(" "), forward->path.len != 0 ? forward->path : head->path);
	if (head->query.data != NULL)
		http1_put(w, STR("?"), head->query);
	if (http1_likely(head->authority.len != 0))
		http1_put(w, STR(" HTTP/1.1\r\nHost: "), head->authority, STR(CRLF));
	else
		http1_put(w, STR(" HTTP/1.1\r\n"));
	put_fields(w, head, skipped, forward->strip_field);
	if (head->framing == HTTP1_BODY_CHUNKED)
		http1_put(w, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->framing == HTTP1_BODY_LENGTH)
		put_length(w, head->content_length);
	if (http1_unlikely(head->has_max_forwards)) {
		http1_put(w, STR("Max-Forwards: "));
		put_number(w, head->max_forwards - (head->max_forwards != 0));
		http1_put(w, STR(CRLF));
	}
	put_via(w, head, forward->via_name);
	put_origin(w, head, forward);
	put_unless_empty(w, STR("Sluice-Consumer"), forward->consumer);
	put_unless_empty(w, STR("Sluice-Plan"), forward->plan);
	put_unless_empty(w, STR("Sluice-Request-Id"), forward->request_id);
	http1_put(w, STR(CRLF));
	*writer = out;
}

void http1_write_response(struct http1_writer *writer, const struct http1_head *head,
	struct str via_name, struct str extra, bool keep_alive, bool http10)
{
	struct http1_writer out = *writer, *w = &out;
	bool chunked = head->framing == HTTP1_BODY_CHUNKED;
	bool endless = head->framing == HTTP1_BODY_UNTIL_CLOSE || (chunked && http10);

	http1_put(w, STR("HTTP/1.1 "));
	put_number(w, head->status);
	/* The space stays without a phrase too, RFC 9112 §4. */
	http1_put(w, STR(" "), head->phrase, STR(CRLF));
	put_fields(w, head, 1u << HTTP1_FIELD_CONTENT_LENGTH | 1u << HTTP1_FIELD_SLUICE,
		(struct str){ NULL, 0 });
	if (chunked && !http10)
		http1_put(w, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->framing == HTTP1_BODY_LENGTH ||
		 (head->framing == HTTP1_BODY_NONE && head->status >= 200 && head->status != 204 &&
			 head_has(head, HTTP1_FIELD_CONTENT_LENGTH)))
		put_length(w, head->content_length);
	if (!keep_alive || endless)
		http1_put(w, STR("Connection: close\r\n"));
	else if (http10)
		http1_put(w, STR("Connection: keep-alive\r\n"));
	put_via(w, head, via_name);
	http1_put(w, extra, STR(CRLF));
	*writer = out;
}

void http1_write_trailers(struct http1_writer *w, const struct http1_head *trailers,
	const struct str *strip, uint32_t strip_count)
{
	for (uint32_t i = 0; i < trailers->field_count; i++) {
		const struct http1_field *field = &trailers->fields[i];
		bool wanted = http1_field_may_trail(field);

		for (uint32_t k = 0; k < strip_count && wanted; k++)
			wanted = !http1_name_same(field->name, strip[k]);
		if (wanted)
			http1_put_field(w, field->name, field->value);
	}
	http1_put(w, STR(CRLF));
}
