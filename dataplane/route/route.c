/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a request's route. What a host may reach is a set of APIs; hosts with the same APIs share
 * one set of paths. A path is looked up once as a whole and once for each of its segment ends at
 * which the set has a prefix, longest first, so the cost follows the path and not the number of
 * routes.
 */
#include <stdlib.h>

#include "dataplane/http/message.h"
#include "dataplane/route/route_priv.h"
#include "lib/base/ip.h"

#define PATH_BYTES_MAX (64 * 1024) /* a request head is never longer (HTTP1_MAX_HEAD_BYTES) */
#define HOST_BYTES_MAX 255         /* RFC 1035 §2.3.4, in text a little less */
#define CUTS_AT_ONCE   16

/* "[2001:db8::1]", with or without a port: as the address is written by RFC 5952. */
static __attribute__((noinline)) struct str host_clean_ipv6(struct str host, char *buf)
{
	const char *end = memchr(host.data, ']', host.len);
	struct ip_addr addr;
	uint32_t len;

	if (end == NULL ||
		ip_parse((struct str){ host.data + 1, (uint32_t)(end - host.data) - 1 }, &addr))
		return (struct str){ buf, 0 };
	buf[0] = '[';
	len = 1 + (uint32_t)ip_format(&addr, buf + 1);
	buf[len++] = ']';
	return (struct str){ buf, len };
}

/* The host alone in lower case: without port, brackets kept, without the root's dot. */
static struct str host_clean(struct str host, char *buf)
{
	uint32_t len = 0;

	if (host.len > 0 && host.data[0] == '[')
		return host_clean_ipv6(host, buf);
	if (host.len > 0) {
		const char *colon = memchr(host.data, ':', host.len);

		if (colon != NULL)
			host.len = (uint32_t)(colon - host.data);
		if (host.len > 1 && host.data[host.len - 1] == '.')
			host.len--;
	}
	if (host.len > HOST_BYTES_MAX)
		return (struct str){ buf, 0 };
	for (; len < host.len; len++)
		buf[len] = ascii_lower(host.data[len]);
	return (struct str){ buf, len };
}

static const struct path_set *host_find(
	const struct route_table *table, uint32_t listener, struct str raw)
{
	const struct host_scope *scope;
	char buf[HOST_BYTES_MAX];
	struct str host = host_clean(raw, buf);
	const struct index_node *node;

	if (listener >= table->listener_count)
		return NULL;
	scope = &table->listeners[listener];
	node = index_find(&table->hosts, host_hash(listener, HOST_EXACT, host),
		host_scope_id(listener, HOST_EXACT), host);
	for (uint32_t i = 0; node == NULL && scope->has_suffixes && i < host.len; i++) {
		struct str suffix = { host.data + i + 1, host.len - i - 1 };

		if (host.data[i] != '.' || i == 0 || !length_set_has(&scope->suffixes, suffix.len))
			continue;
		node = index_find(&table->hosts, host_hash(listener, HOST_SUFFIX, suffix),
			host_scope_id(listener, HOST_SUFFIX), suffix);
	}
	if (node != NULL)
		return &table->sets[node->host.set];
	return scope->any_set == SNAP_NONE ? NULL : &table->sets[scope->any_set];
}

/* A place where a path may be cut: before a slash or at its end, with the hash up to there. */
struct cut {
	uint32_t len;
	uint64_t hash;
};

/* The longest of some cuts that is a prefix route of the set. */
static const struct index_node *cuts_find(const struct route_table *table,
	const struct path_set *set, struct str path, const struct cut *cuts, uint32_t n)
{
	const uint32_t scope = path_scope_id(set->id, SNAP_PATH_PREFIX);

	while (n-- > 0) {
		const struct index_node *node =
			index_find(&table->paths, index_scoped(cuts[n].hash, scope), scope,
				(struct str){ path.data, cuts[n].len });

		if (node != NULL)
			return node;
	}
	return NULL;
}

static const struct index_node *path_find(
	const struct route_table *table, const struct path_set *set, struct str path)
{
	const struct index_node *best = NULL, *longer;
	struct cut cuts[CUTS_AT_ONCE];
	uint64_t hash = INDEX_SEED;
	uint32_t n = 0, at = 0;

	for (;;) {
		if (length_set_has(&set->prefixes, at) && at <= set->prefix_longest) {
			if (n == CUTS_AT_ONCE) {
				longer = cuts_find(table, set, path, cuts, n);
				best = longer != NULL ? longer : best;
				n = 0;
			}
			cuts[n++] = (struct cut){ at, hash };
		}
		if (at == path.len)
			break;
		hash = path_hash_segment(hash, path, &at);
	}
	if (length_set_has(&set->exacts, path.len)) {
		const uint32_t scope = path_scope_id(set->id, SNAP_PATH_EXACT);
		const struct index_node *exact =
			index_find(&table->paths, index_scoped(hash, scope), scope, path);

		if (exact != NULL)
			return exact;
	}
	longer = cuts_find(table, set, path, cuts, n);
	return longer != NULL ? longer : best;
}

/* A route that names no methods takes all but TRACE, whose answer would tell the client what we
 * told the backend (RFC 9110 §9.3.8, §17.5). */
static bool method_fits(const struct index_node *node, uint32_t bit)
{
	return node->path.methods != 0 ? (node->path.methods & bit) != 0 : bit != 1u << HTTP_TRACE;
}

/* Inlined for route_find(), which most requests leave by it. */
static inline __attribute__((always_inline)) enum reason path_match(const struct route_table *table,
	const struct path_set *set, struct str path, unsigned method_id, struct route_match *out)
{
	const struct index_node *node = path_find(table, set, path);
	const uint32_t bit = method_id < 32 ? UINT32_C(1) << method_id : 0;

	if (__builtin_expect(set->shape_count != 0, 0))
		node = path_find_template(table, set, path, node);
	if (node == NULL)
		return REASON_ROUTE_UNKNOWN;
	out->api = node->path.api;
	out->allowed_methods = node->path.allowed;
	while (!method_fits(node, bit)) {
		if (node->path.next == INDEX_NONE)
			return REASON_METHOD_NOT_ALLOWED;
		node = &table->paths.nodes[node->path.next];
	}
	out->api = node->path.api;
	out->route = node->path.route;
	out->backend = node->path.backend;
	return REASON_PROXIED;
}

/* A path that is not plain, in all readings that the listener asks for. */
struct odd_path {
	const struct route_table *table;
	const struct path_set *set;
	struct str path;
	unsigned method_id;
	bool matched; /* the first reading was */
	struct route_match *out;
};

static enum reason odd_path_match(struct str reading, void *ctx)
{
	struct odd_path *odd = ctx;
	struct route_match other;

	if (!odd->matched) {
		odd->matched = true;
		odd->out->rewritten = !str_equal(reading, odd->path);
		return path_match(odd->table, odd->set, reading, odd->method_id, odd->out);
	}
	if (path_match(odd->table, odd->set, reading, odd->method_id, &other) != REASON_PROXIED ||
		other.route != odd->out->route) {
		odd->out->route = odd->out->backend = SNAP_NONE;
		return REASON_PATH_AMBIGUOUS;
	}
	return REASON_PROXIED;
}

/* Out of the way, for its 64 KiB of stack. */
static __attribute__((noinline)) enum reason path_match_odd(struct odd_path *odd, uint32_t listener)
{
	char buf[PATH_BYTES_MAX];

	if (odd->path.len > sizeof(buf))
		return REASON_TARGET_INVALID;
	return route_path_each(
		odd->path, odd->table->listeners[listener].paths, buf, odd_path_match, odd);
}

enum reason route_find(const struct route_table *table, uint32_t listener, struct str host,
	struct str path, unsigned method_id, struct route_match *out)
{
	const struct path_set *set = host_find(table, listener, host);

	*out = (struct route_match){ .api = SNAP_NONE, .route = SNAP_NONE, .backend = SNAP_NONE };
	if (set == NULL)
		return REASON_HOST_UNKNOWN;
	out->api = set->only_api;
	if (str_equal(path, STR("*")))
		return REASON_ROUTE_UNKNOWN;
	if (path.len == 0 || path.data[0] != '/')
		return REASON_TARGET_INVALID;
	if (route_path_is_plain(path))
		return path_match(table, set, path, method_id, out);
	return path_match_odd(
		&(struct odd_path){ table, set, path, method_id, false, out }, listener);
}
