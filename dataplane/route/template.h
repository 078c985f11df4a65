/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are made for each request of pieces (SNAP_PIECES): where a redirect leads. Without
 * DPDK: sluicectl explain links the same code that the workers run.
 */
#ifndef SLUICE_DATAPLANE_ROUTE_TEMPLATE_H
#define SLUICE_DATAPLANE_ROUTE_TEMPLATE_H

#include "lib/base/str.h"
#include "lib/shm/snapshot.h"

/**
 * Write the Location of a redirect: its pieces, then the request's query. Of what came with the
 * request each byte that a URI may not have (RFC 3986 §2) is percent-encoded, and what is put behind
 * a "?" all but unreserved bytes, so that it adds neither a line nor a parameter. The pieces of a path
 * never begin with a slash, so that none makes "//host" of "/".
 * @param path   as it was matched: route_path_normalise()
 * @param query  without "?"; .data is NULL where there is none
 * @param out    room for @p size bytes
 * @return its bytes; where there are more than @p size it is cut
 */
uint32_t route_location(const struct snapshot *s, const struct snap_reply *reply, struct str path,
	struct str query, char *out, uint32_t size);

#endif
