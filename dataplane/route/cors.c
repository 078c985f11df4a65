/* SPDX-License-Identifier: Apache-2.0 */
/* Judges requests of pages by the CORS settings, see cors.h. */
#include "dataplane/route/cors.h"

#include "dataplane/http/fields.h"
#include "dataplane/http/methods.h"
#include "dataplane/http/text.h"

const struct snap_cors *cors_of_match(const struct snapshot *s, const struct route_match *match)
{
	uint32_t index = SNAP_NONE;

	if (match->route != SNAP_NONE)
		index = SNAP_AT(s, SNAP_ROUTES, snap_route, match->route)->cors;
	else if (match->api != SNAP_NONE)
		index = SNAP_AT(s, SNAP_APIS, snap_api, match->api)->cors;
	return index == SNAP_NONE ? NULL : SNAP_AT(s, SNAP_CORS, snap_cors, index);
}

/* The next field of that name from field @p at on. @return head->field_count: there is none */
static uint32_t field_next(const struct http_head *head, struct str name, uint32_t at)
{
	while (at < head->field_count &&
		!str_equal_nocase(http_field_name(&head->fields[at]), name))
		at++;
	return at;
}

/* The value of a field that comes once; .data is NULL where it does not. */
static struct str field_single(const struct http_head *head, struct str name)
{
	const uint32_t at = field_next(head, name, 0);

	if (at == head->field_count || field_next(head, name, at + 1) != head->field_count)
		return (struct str){ NULL, 0 };
	return http_field_value(&head->fields[at]);
}

struct str cors_origin(const struct http_head *head)
{
	return field_single(head, STR("origin"));
}

bool cors_allows_origin(const struct snapshot *s, const struct snap_cors *cors, struct str origin)
{
	if (!origin.data || origin.len == 0 || origin.len > SNAP_CORS_ORIGIN_BYTES_MAX)
		return false;
	for (uint32_t i = 0; i < cors->origins.count; i++)
		if (str_equal(snap_str(s, *SNAP_AT(s, SNAP_ORIGINS, snap_text,
						  cors->origins.first + i)),
			    origin))
			return true;
	return cors->any;
}

bool cors_is_preflight(const struct http_head *head, struct str *method)
{
	if (head->method_id != HTTP_OPTIONS || !cors_origin(head).data)
		return false;
	*method = field_single(head, STR("access-control-request-method"));
	return method->data != NULL;
}

enum reason cors_find_route(const struct route_table *table, const struct snapshot *s,
	uint32_t listener, const struct http_head *head, struct route_match *out)
{
	struct str method;
	enum reason why;

	if (cors_is_preflight(head, &method)) {
		why = route_find(
			table, listener, head->host, head->path, http_method_find(method), out);
		out->preflight = cors_of_match(s, out) != NULL;
		if (out->preflight)
			return why;
	}
	return route_find(table, listener, head->host, head->path, head->method_id, out);
}

/* Methods that no page can send are never named (Fetch §2.2.1). */
uint32_t cors_methods(const struct snap_cors *cors, const struct route_match *match)
{
	const uint32_t never = 1u << HTTP_TRACE | 1u << HTTP_CONNECT | 1u << HTTP_OTHER;

	return match->allowed_methods & (cors->methods ? cors->methods : UINT32_MAX) & ~never;
}

/* Takes the next name off a list (RFC 9110 §5.6.1); empty elements are none. */
static bool list_next(struct str *list, struct str *name)
{
	while (list->len > 0) {
		const char *comma = memchr(list->data, ',', list->len);
		const char *end = comma ? comma : list->data + list->len;
		const uint32_t used = (uint32_t)(end - list->data) + (comma != NULL);

		*name = http_trim(list->data, end);
		list->data += used;
		list->len -= used;
		if (name->len > 0)
			return true;
	}
	return false;
}

bool cors_list_has(struct str list, struct str name)
{
	struct str next;

	while (list_next(&list, &next))
		if (str_equal(next, STR("*")) || str_equal_nocase(next, name))
			return true;
	return false;
}

/* "*" does not stand for Authorization (Fetch §4.8). */
static bool cors_allows_field(struct str list, struct str name)
{
	struct str next;

	if (!str_equal_nocase(name, STR("authorization")))
		return cors_list_has(list, name);
	while (list_next(&list, &next))
		if (str_equal_nocase(next, name))
			return true;
	return false;
}

/* Of all lines of Access-Control-Request-Headers. */
static bool cors_allows_fields(
	const struct snapshot *s, const struct snap_cors *cors, const struct http_head *head)
{
	const struct str name = STR("access-control-request-headers");
	const struct str allowed = snap_str(s, cors->fields);

	for (uint32_t at = field_next(head, name, 0); at < head->field_count;
		at = field_next(head, name, at + 1)) {
		struct str list = http_field_value(&head->fields[at]), asked;

		while (list_next(&list, &asked))
			if (!cors_allows_field(allowed, asked))
				return false;
	}
	return true;
}

enum reason cors_judge(const struct snapshot *s, const struct snap_cors *cors,
	const struct http_head *head, const struct route_match *match)
{
	const struct str method = field_single(head, STR("access-control-request-method"));

	if (!cors_allows_origin(s, cors, cors_origin(head)))
		return REASON_CORS_ORIGIN;
	if (!(cors_methods(cors, match) & 1u << http_method_find(method)))
		return REASON_CORS_METHOD;
	return cors_allows_fields(s, cors, head) ? REASON_CORS_PREFLIGHT : REASON_CORS_FIELD;
}

/* Whether the origin is that of the request itself: "https://" and its authority. */
static bool origin_is_own(struct str origin, const struct http_head *head, bool tls)
{
	const struct str scheme = tls ? STR("https://") : STR("http://");

	return str_starts(origin, scheme) &&
	       str_equal_nocase((struct str){ origin.data + scheme.len, origin.len - scheme.len },
		       head->authority);
}

bool cors_allows_websocket(const struct snapshot *s, const struct snap_cors *cors,
	const struct http_head *head, bool tls)
{
	const struct str origin = cors_origin(head);

	/* No browser sends a handshake without one. */
	if (field_next(head, STR("origin"), 0) == head->field_count)
		return true;
	return origin.data &&
	       (origin_is_own(origin, head, tls) || cors_allows_origin(s, cors, origin));
}

bool cors_is_field(struct str name)
{
	const struct str prefix = STR("access-control-");

	return name.len > prefix.len &&
	       http_name_same((struct str){ name.data, prefix.len }, prefix);
}
