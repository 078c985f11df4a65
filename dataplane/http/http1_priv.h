/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share and nobody else sees. */
#ifndef SLUICE_DATAPLANE_HTTP_HTTP1_PRIV_H
#define SLUICE_DATAPLANE_HTTP_HTTP1_PRIV_H

#include "dataplane/http/http1.h"
#include "dataplane/http/http1_scan.h"

#define http1_likely(x)   __builtin_expect(!!(x), 1)
#define http1_unlikely(x) __builtin_expect(!!(x), 0)

/* "Nothing to refuse": the parser's steps return a reason, and row 0 is none of theirs. */
#define HTTP1_FINE REASON_PROXIED

struct http1_parse {
	const char *data;
	size_t avail; /* bytes that are there and within the limit on heads */
	const struct http1_limits *limits;
	struct http1_head *head;
	struct http1_scan scan;
};

/* Which of the known fields a head has; bit and index are enum http1_field_id. */
struct http1_known {
	uint32_t once;  /* there is such a field */
	uint32_t again; /* there are several */
	uint8_t at
		[HTTP1_FIELD_COUNT]; /* the first one's place in head->fields, where it is in once */
};

static inline bool http1_known_has(const struct http1_known *known, enum http1_field_id id)
{
	return (known->once >> id & 1) != 0;
}

static inline bool http1_known_repeats(const struct http1_known *known, enum http1_field_id id)
{
	return (known->again >> id & 1) != 0;
}

/* As field names are compared: without case, and "_" as "-" because CGI cannot tell these apart. */
static inline char http1_fold(char c)
{
	return c == '_' ? '-' : ascii_lower(c);
}

static inline bool http1_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct str http1_trim(const char *from, const char *end)
{
	while (from < end && http1_is_space(*from))
		from++;
	while (end > from && http1_is_space(end[-1]))
		end--;
	return (struct str){ from, (uint32_t)(end - from) };
}

/**
 * Take the next element of a comma-separated list (RFC 9110 §5.6.1); empty ones are skipped.
 * @param rest  what is left of the list; moved on
 * @return false at the end
 */
bool http1_list_next(struct str *rest, struct str *element);

/* http1_names.c */
bool http1_name_same(struct str a, struct str b);
enum http1_field_id http1_name_find(struct str name, bool *alias);
bool http1_id_is_hop(enum http1_field_id id);
bool http1_field_may_trail(const struct http1_field *field);

/* http1_target.c */
enum reason http1_target_parse(struct http1_head *head);
enum reason http1_host_check(struct http1_head *head, const struct http1_known *known);

/* http1_fields.c */
enum reason http1_fields_parse(struct http1_parse *parse, size_t pos, struct http1_known *known);

/* http1_rules.c */
enum reason http1_request_rules(struct http1_head *head, const struct http1_known *known);
enum reason http1_response_rules(
	struct http1_head *head, const struct http1_known *known, uint8_t request_method);

#endif
