/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef SLUICE_DATAPLANE_HTTP_H1_HTTP1_PRIV_H
#define SLUICE_DATAPLANE_HTTP_H1_HTTP1_PRIV_H

#include "dataplane/http/h1/http1.h"
#include "dataplane/http/h1/scan.h"
#include "dataplane/http/text.h"

/* "Nothing to refuse": the parser's steps return a reason, and row 0 is none of theirs. */
#define HTTP1_FINE REASON_PROXIED

struct http1_parse {
	const char *data;
	size_t avail; /* bytes that are there and within the limit on heads */
	const struct http1_limits *limits;
	struct http1_head *head;
	struct http1_scan scan;
};

/* Where the first of each known field stands in the head's fields, for those that the head has. */
struct http1_places {
	uint8_t at[HTTP_FIELD_COUNT];
};

/**
 * Take the next element of a comma-separated list (RFC 9110 §5.6.1); empty ones are skipped.
 * @param rest  what is left of the list; moved on
 * @return false at the end
 */
bool http1_list_next(struct str *rest, struct str *element);

/* target.c */
enum reason http1_target_parse(struct http1_head *head);
enum reason http1_host_check(struct http1_head *head, const struct http1_places *places);

/* h1/fields.c */
enum reason http1_fields_parse(struct http1_parse *parse, size_t pos, struct http1_places *places);

/* rules.c */
enum reason http1_request_rules(struct http1_head *head, const struct http1_places *places);
enum reason http1_response_rules(struct http1_head *head, const struct http1_places *places,
	uint8_t request_method, bool upgrade);

#endif
