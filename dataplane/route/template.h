/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are made for each request of pieces (SNAP_PIECES): where a redirect leads, a rewritten
 * path, the value of a field. Without DPDK: sluicectl explain links the same code that the workers run.
 */
#ifndef SLUICE_DATAPLANE_ROUTE_TEMPLATE_H
#define SLUICE_DATAPLANE_ROUTE_TEMPLATE_H

#include "dataplane/http/message.h"
#include "lib/base/str.h"
#include "lib/shm/snapshot.h"

#define TEMPLATE_BYTES_MAX 32768 /* of all that a route writes into a request and its response */

/* What a request says. Those that are not there are empty. */
struct template_values {
	struct str path; /* as it was matched: route_path_normalise() */
	struct str consumer, plan, request_id, client_ip;
	const struct http_head *head; /* for its fields; NULL where no piece is one */
};

/**
 * Write pieces as they are: each consists of bytes that may stand where it came from, a path or the
 * value of a field. Those of a path do not begin with a slash.
 * @param out  room for @p size bytes
 * @return their bytes; where there are more than @p size it is cut
 */
uint32_t template_write(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, char *out, uint32_t size);

/**
 * Write a path in the same way. Where a piece ends in a slash, or has no value behind one, the piece
 * behind it begins without its own: no empty segment arises of two pieces.
 */
uint32_t template_path(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, char *out, uint32_t size);

/**
 * Write the Location of a redirect: its pieces joined as those of a path, then the request's query. Of what came with the
 * request each byte that a URI may not have (RFC 3986 §2) is percent-encoded, and what is put behind
 * a "?" all but unreserved bytes, so that it adds neither a line nor a parameter.
 * @param query  without "?"; .data is NULL where there is none
 * @return as template_write()
 */
uint32_t template_location(const struct snapshot *s, struct snap_range pieces,
	const struct template_values *values, struct str query, char *out, uint32_t size);

/**
 * Whether a path that was written has a dot segment, also one that an encoded slash, a backslash or a
 * parameter hides: it could lead out of where the template says.
 */
bool template_hides_dots(struct str path);

#endif
