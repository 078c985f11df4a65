/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CORS protocol of the Fetch standard (§3.2): which pages of other origins may use an API. What
 * is decided of a request is here; pipeline/ and proxy/ act on it. Without DPDK: sluicectl explain
 * links the same code that the workers run.
 */
#ifndef SLUICE_DATAPLANE_ROUTE_CORS_H
#define SLUICE_DATAPLANE_ROUTE_CORS_H

#include "dataplane/http/message.h"
#include "dataplane/route/route.h"
#include "lib/shm/reason.h"
#include "lib/shm/snapshot.h"

/** What holds for a request that was matched: the settings of its route, or where it has none those
 *  of its API. @return NULL: none */
const struct snap_cors *cors_of_match(const struct snapshot *s, const struct route_match *match);

/** The request's origin. .data is NULL where it names none, or more than one. */
struct str cors_origin(const struct http_head *head);

/** Whether pages of an origin may use what the settings are of. */
bool cors_allows_origin(const struct snapshot *s, const struct snap_cors *cors, struct str origin);

/**
 * Whether a request asks if another one may be sent: OPTIONS with Origin and
 * Access-Control-Request-Method.
 * @param method  the method of the other request, as sent
 */
bool cors_is_preflight(const struct http_head *head, struct str *method);

/**
 * As route_find(). A preflight takes the route of the request that it asks for, where that has CORS
 * settings: out->preflight tells. Any other OPTIONS is a request.
 */
enum reason cors_find_route(const struct route_table *table, const struct snapshot *s,
	uint32_t listener, const struct http_head *head, struct route_match *out);

/** The methods that a preflight may ask for: bits 1 << enum http_method.
 *  @param match  of the request that it asks for */
uint32_t cors_methods(const struct snap_cors *cors, const struct route_match *match);

/**
 * Judge a preflight whose request has a route.
 * @return REASON_CORS_PREFLIGHT, or REASON_CORS_ORIGIN, REASON_CORS_METHOD or REASON_CORS_FIELD
 */
enum reason cors_judge(const struct snapshot *s, const struct snap_cors *cors,
	const struct http_head *head, const struct route_match *match);

/**
 * Whether a page may open a WebSocket: no CORS protocol is asked then, so that the server has to
 * look (RFC 6455 §10.2). An origin is allowed that is listed, or the request's own.
 * @param tls  the request came over TLS
 */
bool cors_allows_websocket(const struct snapshot *s, const struct snap_cors *cors,
	const struct http_head *head, bool tls);

/** Whether a response's field belongs to the protocol: Access-Control-*. */
bool cors_is_field(struct str name);

/** Whether a list of names, such as a Vary, has a name, or "*" which stands for all. */
bool cors_list_has(struct str list, struct str name);

#endif
