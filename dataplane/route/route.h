/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From host, path and method to an API's route and its backend. Pure tables over a snapshot,
 * without DPDK: sluicectl explain links the same code that the workers run.
 */
#ifndef SLUICE_DATAPLANE_ROUTE_ROUTE_H
#define SLUICE_DATAPLANE_ROUTE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/str.h"
#include "lib/shm/reason.h"
#include "lib/shm/snapshot.h"

struct route_table;

/** @return NULL when out of memory. The snapshot must outlive the table. */
struct route_table *route_table_create(const struct snapshot *snapshot);
void route_table_destroy(struct route_table *table);

struct route_match {
	uint32_t api;     /* index into SNAP_APIS; also where only the host was known and just
				   * one API has it; else SNAP_NONE */
	uint32_t route;   /* index into SNAP_ROUTES */
	uint32_t backend; /* index into SNAP_BACKENDS; SNAP_NONE: the route has a reply */
	bool rewritten; /* the path is matched, and to be forwarded, as route_path_normalise() has it */
	bool preflight; /* what is matched is the request that a preflight asks for, see cors.h */
	uint32_t allowed_methods; /* with a path that is known: bits of the methods that it has */
};

/**
 * Match a request. The host decides first (exact, then the longest "*.suffix", then "*"), then the
 * path (exact, then a template of as many segments, then the longest prefix), then the method. Hosts are compared
 * without case and without port, IPv6 literals as addresses. Paths are compared as
 * route_path_normalise() has them; where the listener keeps a form that servers read in two ways,
 * each reading must lead to the same route. "*" (OPTIONS) matches no route.
 * @param listener   index into SNAP_LISTENERS
 * @param method_id  enum http_method
 * @return REASON_PROXIED, HOST_UNKNOWN, ROUTE_UNKNOWN, METHOD_NOT_ALLOWED, TARGET_INVALID or
 *         PATH_AMBIGUOUS
 */
enum reason route_find(const struct route_table *table, uint32_t listener, struct str host,
	struct str path, unsigned method_id, struct route_match *out);

/**
 * A path as it is matched and forwarded: dot segments removed, %-encoded unreserved characters
 * decoded, hexadecimal digits in upper case (RFC 3986 §6.2.2), and the forms that @p paths rewrites
 * in their shorter reading. Control uses it to refuse routes that could never match.
 * @param paths  the listener's policies: snap_listener.paths
 * @param buf    room for a path that changes: path.len bytes are enough
 * @param out    @p path itself when nothing changed, else in @p buf
 * @return REASON_PROXIED; TARGET_INVALID for what no server could read, a path that climbs above
 *         the root, an encoded NUL, or one longer than @p buf_bytes; PATH_AMBIGUOUS for a form that
 *         @p paths refuses
 */
enum reason route_path_normalise(
	struct str path, uint32_t paths, char *buf, uint32_t buf_bytes, struct str *out);

/** The end of a path's segment whose slash is at @p at. */
uint32_t route_segment_end(struct str path, uint32_t at);

/** Write a template's path without the names of its segments: two that differ only there are one.
 *  @param out  path.len bytes @return its bytes */
uint32_t route_template_key(struct str path, char *out);

#endif
