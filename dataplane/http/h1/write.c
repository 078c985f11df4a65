/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes heads (RFC 9110 §7.6): nothing that frames, routes or identifies is copied from what
 * the peer sent, but made from the parser's verdict. Other field lines are copied, neighbours in
 * one go where the sender wrote them as we would.
 */
#include "dataplane/http/fields.h"
#include "dataplane/http/h1/http1_priv.h"

#define CRLF             "\r\n"
#define WEBSOCKET_FIELDS "Connection: Upgrade\r\nUpgrade: websocket\r\n"

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

INLINE void run_add(struct http1_writer *w, struct run *run, const struct http_field *field)
{
	if (!(field->flags & HTTP_IS_PLAIN)) {
		run_flush(w, run);
		http1_put_field(w, http_field_name(field), http_field_value(field));
		return;
	}
	if (run->from == NULL || run->end != field->name_at) {
		run_flush(w, run);
		run->from = field->name_at;
	}
	run->end = field->name_at + field->value_from + field->value_bytes + sizeof(CRLF) - 1;
}

INLINE void put_fields(
	struct http1_writer *w, const struct http_head *head, uint64_t removed, struct str strip)
{
	struct run run = { NULL, NULL };

	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if ((field->flags & HTTP_IS_HOP) || (removed >> field->id & 1) != 0)
			continue;
		if (http_unlikely(strip.len == field->name_bytes && strip.len != 0) &&
			http_name_same(http_field_name(field), strip))
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
INLINE void put_former(struct http1_writer *w, const struct http_head *head, enum http_field_id id)
{
	for (uint32_t i = 0; i < head->field_count; i++) {
		if (head->fields[i].id != id || http_field_value(&head->fields[i]).len == 0)
			continue;
		http1_put(w, http_field_value(&head->fields[i]), STR(", "));
	}
}

/* Whether such a field is forwarded. */
static bool head_passes(const struct http_head *head, enum http_field_id id)
{
	if (http_likely(!http_head_has(head, id)))
		return false;
	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].id == id && !(head->fields[i].flags & HTTP_IS_HOP))
			return true;
	return false;
}

/* RFC 7239 §4, §6: quoted, because ":" and "[" are no token bytes. */
INLINE void put_forwarded(
	struct http1_writer *w, const struct http_head *head, const struct http_edits *edits)
{
	bool v6 = memchr(edits->client_ip.data, ':', edits->client_ip.len) != NULL;

	http1_put(w, STR("Forwarded: "));
	if (edits->trust_forwarded)
		put_former(w, head, HTTP_FIELD_FORWARDED);
	if (v6)
		http1_put(w, STR("for=\"["), edits->client_ip, STR("]\""));
	else
		http1_put(w, STR("for=\""), edits->client_ip, STR("\""));
	if (edits->proto.len != 0)
		http1_put(w, STR(";proto="), edits->proto);
	if (head->authority.len != 0)
		http1_put(w, STR(";host=\""), head->authority, STR("\""));
	http1_put(w, STR(CRLF));
}

INLINE void put_origin(
	struct http1_writer *w, const struct http_head *head, const struct http_edits *edits)
{
	bool trusted = edits->trust_forwarded;

	/* A request of Sluice's own has no client. */
	if (edits->client_ip.len == 0)
		return;
	http1_put(w, STR("X-Forwarded-For: "));
	if (trusted)
		put_former(w, head, HTTP_FIELD_X_FORWARDED_FOR);
	http1_put(w, edits->client_ip, STR(CRLF));
	if (edits->proto.len != 0 && !(trusted && head_passes(head, HTTP_FIELD_X_FORWARDED_PROTO)))
		http1_put_field(w, STR("X-Forwarded-Proto"), edits->proto);
	if (head->authority.len != 0 &&
		!(trusted && head_passes(head, HTTP_FIELD_X_FORWARDED_HOST)))
		http1_put_field(w, STR("X-Forwarded-Host"), head->authority);
	put_forwarded(w, head, edits);
}

INLINE void put_unless_empty(struct http1_writer *w, struct str name, struct str value)
{
	if (value.len != 0)
		http1_put_field(w, name, value);
}

void http1_write_request(
	struct http1_writer *writer, const struct http1_head *head, const struct http_edits *edits)
{
	struct http1_writer out = *writer, *w = &out;
	const struct http_head *message = &head->message;

	http1_put(w, message->method, STR(" "), edits->path.len != 0 ? edits->path : message->path);
	if (message->query.data != NULL)
		http1_put(w, STR("?"), message->query);
	if (http_unlikely(edits->host.len != 0))
		http1_put(w, STR(" HTTP/1.1\r\nHost: "), edits->host, STR(CRLF));
	else if (http_likely(message->authority.len != 0))
		http1_put(w, STR(" HTTP/1.1\r\nHost: "), message->authority, STR(CRLF));
	else
		http1_put(w, STR(" HTTP/1.1\r\n"));
	put_fields(w, message, http_edits_removed(edits, message), edits->strip_field);
	if (head->framing == HTTP1_BODY_CHUNKED)
		http1_put(w, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->framing == HTTP1_BODY_LENGTH)
		put_length(w, message->content_length);
	if (http_unlikely(message->has_max_forwards)) {
		http1_put(w, STR("Max-Forwards: "));
		put_number(w, message->max_forwards - (message->max_forwards != 0));
		http1_put(w, STR(CRLF));
	}
	if (http_unlikely(edits->upgrade))
		http1_put(w, STR(WEBSOCKET_FIELDS));
	put_via(w, head, edits->via_name);
	put_origin(w, message, edits);
	put_unless_empty(w, STR("Sluice-Consumer"), edits->consumer);
	put_unless_empty(w, STR("Sluice-Plan"), edits->plan);
	put_unless_empty(w, STR("Sluice-Request-Id"), edits->request_id);
	if (http_unlikely(edits->lines.len != 0))
		http1_put(w, edits->lines);
	http1_put(w, STR(CRLF));
	*writer = out;
}

void http1_write_response(struct http1_writer *writer, const struct http1_head *head,
	struct str via_name, struct str extra, bool keep_alive, bool http10)
{
	struct http1_writer out = *writer, *w = &out;
	const struct http_head *message = &head->message;
	bool chunked = head->framing == HTTP1_BODY_CHUNKED;
	bool endless = head->framing == HTTP1_BODY_UNTIL_CLOSE || (chunked && http10);

	http1_put(w, STR("HTTP/1.1 "));
	put_number(w, message->status);
	/* The space stays without a phrase too, RFC 9112 §4. */
	http1_put(w, STR(" "), head->phrase, STR(CRLF));
	put_fields(w, message,
		HTTP_FIELD_BIT(HTTP_FIELD_CONTENT_LENGTH) | HTTP_FIELD_BIT(HTTP_FIELD_SLUICE),
		(struct str){ NULL, 0 });
	if (chunked && !http10)
		http1_put(w, STR("Transfer-Encoding: chunked\r\n"));
	else if (head->framing == HTTP1_BODY_LENGTH ||
		 (head->framing == HTTP1_BODY_NONE && message->status >= 200 &&
			 message->status != 204 && head_passes(message, HTTP_FIELD_CONTENT_LENGTH)))
		put_length(w, message->content_length);
	if (http_unlikely(message->status == 101))
		http1_put(w, STR(WEBSOCKET_FIELDS));
	else if (!keep_alive || endless)
		http1_put(w, STR("Connection: close\r\n"));
	else if (http10)
		http1_put(w, STR("Connection: keep-alive\r\n"));
	put_via(w, head, via_name);
	http1_put(w, extra, STR(CRLF));
	*writer = out;
}

void http1_write_trailers(struct http1_writer *w, const struct http_head *trailers,
	const struct str *strip, uint32_t strip_count)
{
	for (uint32_t i = 0; i < trailers->field_count; i++) {
		const struct http_field *field = &trailers->fields[i];
		bool wanted = http_field_may_trail(field);

		for (uint32_t k = 0; k < strip_count && wanted; k++)
			wanted = !http_name_same(http_field_name(field), strip[k]);
		if (wanted)
			http1_put_field(w, http_field_name(field), http_field_value(field));
	}
	http1_put(w, STR(CRLF));
}
