/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a part's records. Control is a process of lower privilege that parses what people
 * wrote: what it sends is proven here once, so that workers may follow every index and text without
 * asking. What parts say of each other is checked when they come together (snapshot_root.c). Names
 * go into headers and logs, so that they hold no control characters.
 */
#include <string.h>

#include "lib/shm/snapshot_priv.h"
#include "lib/shm/snapshot_rows.h"

#define YEAR_S   UINT64_C(31622400)
#define TEXT_MAX 65535u
#define RANGE_TOTAL_MAX                                                                            \
	(1u << 24) /* ranges may share records; what following all costs is bounded */

/* The first byte that a name must not hold, or -1. */
static int text_find_control(const char *data, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if ((uint8_t)data[i] < 0x20 || data[i] == 0x7f)
			return (uint8_t)data[i];
	return -1;
}

/* A text that may hold any bytes, at most so many. */
static bool check_long_bytes(
	struct snap_check *c, const char *field, struct snap_text text, uint32_t min, uint32_t max)
{
	const uint32_t room = c->snapshot->sections[SNAP_STRINGS + c->kind].count;
	const uint32_t offset = text.offset & SNAP_TEXT_MASK;

	/* Texts without bytes lie at the start of any strings. */
	if (text.offset >> SNAP_TEXT_BITS != c->kind && (text.offset || text.length))
		return snap_refuse(c, "%s: a text of another kind of segment", field);
	if (offset > room || text.length > room - offset)
		return snap_refuse(c, "%s: %u bytes at %u, beyond the %u bytes of strings", field,
			text.length, offset, room);
	if (text.length < min)
		return snap_refuse(c, "%s: empty", field);
	if (text.length > max)
		return snap_refuse(c, "%s: longer than %u bytes", field, max);
	return true;
}

static bool check_bytes(
	struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	return check_long_bytes(c, field, text, min, TEXT_MAX);
}

/* A text without control characters. */
static bool check_text(struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	int found;

	if (!check_bytes(c, field, text, min))
		return false;
	found = text_find_control(snap_str(c->snapshot, text).data, text.length);
	if (found >= 0)
		return snap_refuse(c, "%s: control character 0x%02x", field, (unsigned)found);
	return true;
}

static bool check_lower(
	struct snap_check *c, const char *field, struct snap_text text, uint32_t min)
{
	struct str s;

	if (!check_text(c, field, text, min))
		return false;
	s = snap_str(c->snapshot, text);
	for (uint32_t i = 0; i < s.len; i++)
		if (s.data[i] >= 'A' && s.data[i] <= 'Z')
			return snap_refuse(c, "%s: not in lower case", field);
	return true;
}

static bool check_range(struct snap_check *c, const char *field, struct snap_range range,
	enum snap_section_id target)
{
	const uint32_t count = c->snapshot->sections[target].count;

	if (range.first > count || range.count > count - range.first)
		return snap_refuse(c, "%s: %u records from %u, beyond the %u of section %s", field,
			range.count, range.first, count, snap_section_name(target));
	c->range_total[target] += range.count;
	if (c->range_total[target] > RANGE_TOTAL_MAX)
		return snap_refuse(c, "%s: ranges into section %s name more than %u records", field,
			snap_section_name(target), RANGE_TOTAL_MAX);
	return true;
}

static bool check_index(
	struct snap_check *c, const char *field, uint32_t index, enum snap_section_id target)
{
	const uint32_t count = c->snapshot->sections[target].count;

	if (index >= count)
		return snap_refuse(c, "%s: index %u, beyond the %u of section %s", field, index,
			count, snap_section_name(target));
	return true;
}

static bool check_between(
	struct snap_check *c, const char *field, uint64_t value, uint64_t low, uint64_t high)
{
	if (value < low || value > high)
		return snap_refuse(c, "%s: %llu is not within %llu and %llu", field,
			(unsigned long long)value, (unsigned long long)low,
			(unsigned long long)high);
	return true;
}

static bool check_slot(struct snap_check *c, uint32_t slot, uint32_t capacity)
{
	if (slot >= capacity)
		return snap_refuse(
			c, "slot: %u, beyond the %u reserved in settings", slot, capacity);
	return true;
}

/* The members of a record that are settings: their rows say what they may be. */
static bool check_rows(struct snap_check *c, const struct snap_row *rows, const void *record)
{
	struct snap_text text;

	for (; rows->member; rows++) {
		if (rows->store == SNAP_IS_text) {
			memcpy(&text, (const char *)record + rows->offset, sizeof(text));
			if (!check_text(c, rows->member, text, 0))
				return false;
		} else if (snap_row_number(rows, record) != rows->fallback &&
			   !check_between(c, rows->member, snap_row_number(rows, record), rows->low,
				   rows->high)) {
			return false;
		}
	}
	return true;
}

static bool check_settings(struct snap_check *c, const void *record)
{
	const struct snap_settings *s = record;

	if (s->event_records & (s->event_records - 1))
		return snap_refuse(c, "event_records: %u is no power of two", s->event_records);
	return check_rows(c, snap_rows_settings, record);
}

static bool check_port(struct snap_check *c, const void *record)
{
	const struct snap_port *p = record;

	return check_rows(c, snap_rows_port, record) &&
	       check_range(c, "addresses", p->addresses, SNAP_ADDRESSES) &&
	       check_range(c, "gateways", p->gateways, SNAP_GATEWAYS) &&
	       (p->mtu == 0 || check_between(c, "mtu", p->mtu, 576, 65535)) &&
	       check_range(c, "ways", p->ways, SNAP_WAYS);
}

static bool check_way(struct snap_check *c, const void *record)
{
	const struct snap_way *w = record;

	return check_between(c, "prefix_len", w->prefix_len, 0, ip_is_v4(&w->to) ? 32 : 128) &&
	       check_range(c, "gateways", w->gateways, SNAP_GATEWAYS) &&
	       check_between(c, "gateways of a way", w->gateways.count, 1, SNAP_NONE);
}

static bool check_address(struct snap_check *c, const void *record)
{
	const struct snap_address *a = record;

	return check_between(c, "prefix_len", a->prefix_len, 0, ip_is_v4(&a->addr) ? 32 : 128);
}

static bool check_kernel(struct snap_check *c, const void *record)
{
	const struct snap_kernel *k = record;

	if (c->record > 0 && k[-1].port >= k->port)
		return snap_refuse(c, "port: not above the one before it");
	for (unsigned i = 0; i < KERNEL_CLASSES; i++)
		if (!check_between(c, "interval_ns", k->interval_ns[i], 1, UINT64_C(1) << 40))
			return false;
	return check_rows(c, snap_rows_kernel, record) &&
	       check_between(c, "length of the interface's name", k->interface.length, 1,
		       SNAP_KERNEL_INTERFACE_BYTES) &&
	       check_range(c, "addresses", k->addresses, SNAP_KERNEL_ADDRESSES) &&
	       check_between(c, "addresses", k->addresses.count, 0, SNAP_KERNEL_ADDRESSES_MAX) &&
	       check_range(c, "ports", k->ports, SNAP_KERNEL_PORTS) &&
	       check_between(c, "ports", k->ports.count, 0, SNAP_KERNEL_PORTS_MAX) &&
	       check_index(c, "port", k->port, SNAP_PORTS);
}

static bool check_kernel_port(struct snap_check *c, const void *record)
{
	return check_between(c, "port", *(const uint32_t *)record, 1, 65535);
}

static bool check_lcore(struct snap_check *c, const void *record)
{
	return check_between(c, "lcore", *(const uint32_t *)record, 0, 1023);
}

static bool check_listener(struct snap_check *c, const void *record)
{
	const struct snap_listener *l = record;

	return check_rows(c, snap_rows_listener, record) &&
	       check_between(c, "tcp_port", l->tcp_port, 1, 65535) &&
	       check_index(c, "port", l->port, SNAP_PORTS) &&
	       check_slot(c, l->slot, snap_settings(c->snapshot)->listener_capacity) &&
	       check_between(c, "tls", l->tls, 0, 1) &&
	       check_range(c, "certs", l->certs, SNAP_LISTENER_CERTS) &&
	       (!l->tls ||
		       check_between(c, "certs of a TLS listener", l->certs.count, 1, SNAP_NONE)) &&
	       check_between(c, "paths", l->paths, 0, SNAP_PATH(SNAP_PATH_FORMS, 1) - 1) &&
	       check_between(c, "dot segments of paths",
		       snap_path_policy(l->paths, SNAP_PATH_DOT_SEGMENTS), SNAP_PATH_REFUSE,
		       SNAP_PATH_REWRITE);
}

static bool check_listener_cert(struct snap_check *c, const void *record)
{
	return check_index(c, "certificate", *(const uint32_t *)record, SNAP_CERTS);
}

static bool check_cert(struct snap_check *c, const void *record)
{
	const struct snap_cert *cert = record;

	return check_rows(c, snap_rows_certificate, record) &&
	       check_range(c, "names", cert->names, SNAP_CERT_NAMES);
}

static bool check_host(struct snap_check *c, const void *record)
{
	return check_lower(c, "name", *(const struct snap_text *)record, 1);
}

static bool check_backend(struct snap_check *c, const void *record)
{
	const struct snap_backend *b = record;

	return check_rows(c, snap_rows_backend, record) &&
	       check_slot(c, b->slot, SNAP_BACKEND_SLOTS) &&
	       (b->health == SNAP_NONE || check_index(c, "health", b->health, SNAP_HEALTHS)) &&
	       check_between(c, "tls", b->tls, 0, 1);
}

/* What goes into a request's head as it is. */
static bool check_visible(struct snap_check *c, const char *field, struct snap_text text)
{
	const struct str s = snap_str(c->snapshot, text);

	for (uint32_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] > '~')
			return snap_refuse(c, "%s: a byte that cannot be in a request line", field);
	return true;
}

static bool check_health(struct snap_check *c, const void *record)
{
	const struct snap_health *h = record;

	for (unsigned i = 0; i < SNAP_HEALTH_STATUSES_MAX && h->statuses[i].least; i++)
		if (!check_between(c, "status", h->statuses[i].least, 200, 599) ||
			!check_between(c, "status", h->statuses[i].most, h->statuses[i].least, 599))
			return false;
	if (!check_rows(c, snap_rows_health, record) || !check_visible(c, "path", h->path) ||
		!check_visible(c, "host", h->host) ||
		!check_between(c, "length of host", h->host.length, 0, SNAP_HEALTH_TEXT_BYTES_MAX))
		return false;
	if (h->path.length == 0 || snap_str(c->snapshot, h->path).data[0] != '/')
		return snap_refuse(c, "path: does not begin with a slash");
	return check_between(c, "length of path", h->path.length, 1, SNAP_HEALTH_TEXT_BYTES_MAX);
}

static bool check_peer(struct snap_check *c, const void *record)
{
	const struct snap_peer *p = record;

	return check_rows(c, snap_rows_backend_tls, record) &&
	       check_visible(c, "server_name", p->server_name) &&
	       check_between(c, "length of server_name", p->server_name.length, 0,
		       SNAP_SERVER_NAME_BYTES_MAX) &&
	       check_long_bytes(c, "ca", p->ca, 0, SNAP_CA_BYTES_MAX) &&
	       (p->cert == SNAP_NONE || check_index(c, "cert", p->cert, SNAP_CERTS)) &&
	       check_slot(c, p->slot, SNAP_BACKEND_SLOTS);
}

static bool check_endpoint(struct snap_check *c, const void *record)
{
	const struct snap_endpoint *e = record;

	return check_rows(c, snap_rows_endpoint, record) &&
	       check_between(c, "tcp_port", e->tcp_port, 1, 65535) &&
	       check_slot(c, e->slot, SNAP_ENDPOINT_CAPACITY_MAX);
}

/* An index into SNAP_CORS, or none. */
static bool check_cors_of(struct snap_check *c, uint32_t cors)
{
	return cors == SNAP_NONE || check_index(c, "cors", cors, SNAP_CORS);
}

static bool check_cors(struct snap_check *c, const void *record)
{
	const struct snap_cors *k = record;

	return check_rows(c, snap_rows_cors, record) &&
	       check_range(c, "origins", k->origins, SNAP_ORIGINS) &&
	       check_between(c, "number of origins", k->origins.count, 0, SNAP_CORS_ORIGINS_MAX) &&
	       check_between(c, "any", k->any, 0, 1) &&
	       (!k->any || check_between(c, "credentials", k->credentials, 0, 0)) &&
	       check_text(c, "fields", k->fields, 0) && check_text(c, "expose", k->expose, 0) &&
	       check_between(
		       c, "length of fields", k->fields.length, 0, SNAP_CORS_LIST_BYTES_MAX) &&
	       check_between(c, "length of expose", k->expose.length, 0, SNAP_CORS_LIST_BYTES_MAX);
}

static bool check_origin(struct snap_check *c, const void *record)
{
	const struct snap_text *origin = record;

	return check_text(c, "origin", *origin, 1) &&
	       check_between(c, "length", origin->length, 1, SNAP_CORS_ORIGIN_BYTES_MAX);
}

static bool check_api(struct snap_check *c, const void *record)
{
	const struct snap_api *a = record;

	if (!check_rows(c, snap_rows_api, record) || !check_cors_of(c, a->cors) ||
		!check_range(c, "listeners", a->listeners, SNAP_API_LISTENERS) ||
		!check_range(c, "hosts", a->hosts, SNAP_HOSTS) ||
		!check_between(c, "number of hosts", a->hosts.count, 1, SNAP_NONE) ||
		!check_range(c, "credentials", a->credentials, SNAP_API_CREDENTIALS) ||
		!check_range(c, "routes", a->routes, SNAP_ROUTES) ||
		!check_slot(c, a->slot, SNAP_API_CAPACITY_MAX))
		return false;
	for (uint32_t i = a->routes.first; i < a->routes.first + a->routes.count; i++)
		if (SNAP_AT(c->snapshot, SNAP_ROUTES, snap_route, i)->api != c->record)
			return snap_refuse(c, "routes: route %u names another API", i);
	return true;
}

static bool check_path(struct snap_check *c, const struct snap_route *r)
{
	const bool prefix = snap_path_is_prefix(r->kind);
	uint32_t slashes = 0;
	struct str path;

	if (!check_between(c, "kind", r->kind, 0, SNAP_PATH_KINDS - 1) ||
		!check_text(c, "path", r->path, !prefix))
		return false;
	path = snap_str(c->snapshot, r->path);
	for (uint32_t i = 0; i < path.len; i++)
		slashes += path.data[i] == '/';
	if (path.len && path.data[0] != '/')
		return snap_refuse(c, "path: does not begin with a slash");
	if (prefix && path.len && path.data[path.len - 1] == '/')
		return snap_refuse(c, "path: a prefix is kept without its final slash");
	return r->kind < SNAP_PATH_TEMPLATE ||
	       check_between(c, "segments of path", slashes, 1, SNAP_PATH_SEGMENTS);
}

static bool check_field(struct snap_check *c, const void *record)
{
	const struct snap_field *f = record;

	if (!check_text(c, "name", f->name, 1) || !check_range(c, "value", f->value, SNAP_PIECES))
		return false;
	if (!snap_field_is_name(snap_str(c->snapshot, f->name)))
		return snap_refuse(c, "name: no name of a field");
	if (snap_field_is_reserved(snap_str(c->snapshot, f->name)))
		return snap_refuse(c, "name: a field that no edit may name");
	return true;
}

/* A path is rooted by what the operator wrote, not by a request. */
static bool check_new_path(struct snap_check *c, struct snap_range path)
{
	const struct snap_piece *first;
	struct str text;

	if (!check_range(c, "path", path, SNAP_PIECES))
		return false;
	if (path.count == 0)
		return true;
	first = SNAP_AT(c->snapshot, SNAP_PIECES, snap_piece, path.first);
	if (first->kind != SNAP_PIECE_TEXT)
		return snap_refuse(c, "path: does not begin with a text");
	if (!check_text(c, "path", first->text, 1))
		return false;
	text = snap_str(c->snapshot, first->text);
	return text.data[0] == '/' || snap_refuse(c, "path: does not begin with a slash");
}

static bool check_edit(struct snap_check *c, const void *record)
{
	const struct snap_edit *e = record;

	return check_new_path(c, e->path) && check_text(c, "host", e->host, 0) &&
	       check_range(c, "request", e->request, SNAP_FIELDS) &&
	       check_range(c, "response", e->response, SNAP_FIELDS) &&
	       check_between(c, "request", e->request.count, 0, SNAP_EDIT_FIELDS_MAX) &&
	       check_between(c, "response", e->response.count, 0, SNAP_EDIT_FIELDS_MAX);
}

/* A route's requests go to its backend, or get its reply. */
static bool check_way_on(struct snap_check *c, const struct snap_route *r)
{
	if (r->reply == SNAP_NONE)
		return check_index(c, "backend", r->backend, SNAP_BACKENDS);
	if (r->backend != SNAP_NONE)
		return snap_refuse(c, "backend: index %u beside a reply", r->backend);
	return check_index(c, "reply", r->reply, SNAP_REPLIES);
}

static bool check_retry(struct snap_check *c, const void *record)
{
	return check_rows(c, snap_rows_retry, record) &&
	       check_between(c, "on", ((const struct snap_retry *)record)->on, 0,
		       (1u << SNAP_RETRY_ONS) - 1);
}

static bool check_route(struct snap_check *c, const void *record)
{
	const struct snap_route *r = record;
	const struct snap_api *a;

	if (!check_path(c, r) || !check_way_on(c, r) ||
		(r->edit != SNAP_NONE && !check_index(c, "edit", r->edit, SNAP_EDITS)) ||
		(r->retry != SNAP_NONE && !check_index(c, "retry", r->retry, SNAP_RETRIES)) ||
		!check_rows(c, snap_rows_route, record) || !check_cors_of(c, r->cors) ||
		!check_index(c, "api", r->api, SNAP_APIS))
		return false;
	a = SNAP_AT(c->snapshot, SNAP_APIS, snap_api, r->api);
	if (c->record - a->routes.first >= a->routes.count)
		return snap_refuse(c, "api: API %u does not hold it", r->api);
	return true;
}

static bool check_piece(struct snap_check *c, const void *record)
{
	const struct snap_piece *piece = record;

	return check_between(c, "kind", piece->kind, 0, SNAP_PIECE_KINDS - 1) &&
	       check_text(c, "text", piece->text,
		       piece->kind == SNAP_PIECE_TEXT || piece->kind == SNAP_PIECE_FIELD) &&
	       check_between(c, "segments", piece->segments, 0, TEXT_MAX);
}

static bool check_reply(struct snap_check *c, const void *record)
{
	const struct snap_reply *r = record;
	const bool redirects = r->location.count != 0;

	if (!check_rows(c, snap_rows_reply, record) || !check_bytes(c, "body", r->body, 0) ||
		!check_between(c, "length of type", r->type.length, 0, SNAP_REPLY_TYPE_BYTES) ||
		!check_range(c, "location", r->location, SNAP_PIECES))
		return false;
	if (redirects ? !snap_status_redirects(r->status) : r->status / 100 == 3)
		return snap_refuse(
			c, "status: %u with %u pieces of a location", r->status, r->location.count);
	return true;
}

static bool check_shape(struct snap_check *c, const struct snap_credential *k)
{
	struct str prefixes;

	if (!check_bytes(c, "shape_prefixes", k->shape_prefixes, 0) ||
		!check_between(c, "shape_class", k->shape_class, 0, 2 * SNAP_CLASS_HEX_LOWER - 1) ||
		!check_between(c, "shape_length", k->shape_length, 0, 65535))
		return false;
	if (k->shape_class & SNAP_CLASS_HEX_LOWER && k->shape_class != SNAP_CLASS_HEX_LOWER)
		return snap_refuse(c, "shape_class: hexadecimal stands alone");
	prefixes = snap_str(c->snapshot, k->shape_prefixes);
	if (prefixes.len && prefixes.data[prefixes.len - 1] != '\n')
		return snap_refuse(c, "shape_prefixes: the last one has no end");
	return true;
}

static bool check_credential(struct snap_check *c, const void *record)
{
	const struct snap_credential *k = record;

	if (!check_between(c, "where", k->where, 0, SNAP_IN_AUTHORIZATION))
		return false;
	if (k->where == SNAP_IN_HEADER || k->where == SNAP_IN_AUTHORIZATION) {
		if (!check_lower(c, "field", k->field, 1))
			return false;
	} else if (!check_text(c, "field", k->field, 1)) {
		return false;
	}
	return check_rows(c, snap_rows_credential, record) &&
	       check_slot(c, k->slot, SNAP_CREDENTIAL_SLOTS) &&
	       check_bytes(c, "pattern", k->pattern, 0) && check_shape(c, k);
}

/* The limits of one usage line: each has a word of its own. */
static bool check_words(struct snap_check *c, struct snap_range limits)
{
	unsigned words = 0, word;

	if (!check_range(c, "limits", limits, SNAP_LIMITS) ||
		!check_between(c, "number of limits", limits.count, 0, SNAP_LIMITS_PER_PLAN))
		return false;
	for (uint32_t i = limits.first; i < limits.first + limits.count; i++) {
		word = SNAP_AT(c->snapshot, SNAP_LIMITS, snap_limit, i)->word;
		if (word >= SNAP_LIMITS_PER_PLAN || words & 1u << word)
			return snap_refuse(
				c, "limits: limit %u takes a word that is none or another's", i);
		words |= 1u << word;
	}
	return true;
}

static bool check_plan(struct snap_check *c, const void *record)
{
	const struct snap_plan *p = record;

	return check_rows(c, snap_rows_plan, record) &&
	       check_range(c, "apis", p->apis, SNAP_PLAN_APIS) && check_words(c, p->limits) &&
	       check_between(c, "slot", p->slot, 0, SNAP_PLAN_SLOTS - 1);
}

static bool check_limit(struct snap_check *c, const void *record)
{
	const struct snap_limit *l = record;
	const uint64_t year_ns = YEAR_S * 1000000000;

	if (!check_text(c, "name", l->name, 0) ||
		!check_between(c, "kind", l->kind, 0, SNAP_LIMIT_QUOTA) ||
		!check_between(c, "word", l->word, 0, SNAP_LIMITS_PER_PLAN - 1) ||
		!check_between(c, "window_s", l->window_s, 1, YEAR_S) ||
		!check_between(c, "amount", l->amount, 0, (UINT64_C(1) << 40) - 1))
		return false;
	/* A theoretical arrival time plus a burst stays far from the end of 64 bits. */
	return l->kind != SNAP_LIMIT_RATE ||
	       (check_between(c, "interval_ns", l->interval_ns, 1, year_ns) &&
		       check_between(c, "burst_ns", l->burst_ns, 1, UINT64_C(1) << 60) &&
		       check_between(c, "burst", l->burst, 1, UINT64_C(1) << 40));
}

static bool check_consumer(struct snap_check *c, const void *record)
{
	const struct snap_consumer *k = record;

	return check_text(c, "name", k->name, 0) && check_index(c, "plan", k->plan, SNAP_PLANS) &&
	       check_slot(c, k->slot, SNAP_CONSUMER_CAPACITY_MAX);
}

static bool check_retired(struct snap_check *c, const void *record)
{
	const struct snap_retired *k = record;

	return check_text(c, "name", k->name, 0) && check_words(c, k->limits) &&
	       check_slot(c, k->slot, SNAP_CONSUMER_CAPACITY_MAX);
}

static bool check_key(struct snap_check *c, const void *record)
{
	const struct snap_key *k = record;

	if (c->record > 0 && memcmp(k[-1].digest, k->digest, SNAP_DIGEST_BYTES) >= 0)
		return snap_refuse(c, "digest: not above the one before it");
	return check_index(c, "consumer", k->consumer, SNAP_CONSUMERS) &&
	       check_text(c, "id", k->id, 0);
}

static bool (*const record_checks[SNAP_SECTION_COUNT])(struct snap_check *, const void *) = {
	[SNAP_SETTINGS] = check_settings,
	[SNAP_PORTS] = check_port,
	[SNAP_ADDRESSES] = check_address,
	[SNAP_LCORES] = check_lcore,
	[SNAP_LISTENERS] = check_listener,
	[SNAP_LISTENER_CERTS] = check_listener_cert,
	[SNAP_CERTS] = check_cert,
	[SNAP_CERT_NAMES] = check_host,
	[SNAP_BACKENDS] = check_backend,
	[SNAP_ENDPOINTS] = check_endpoint,
	[SNAP_APIS] = check_api,
	[SNAP_HOSTS] = check_host,
	[SNAP_ROUTES] = check_route,
	[SNAP_CREDENTIALS] = check_credential,
	[SNAP_PLANS] = check_plan,
	[SNAP_LIMITS] = check_limit,
	[SNAP_CONSUMERS] = check_consumer,
	[SNAP_KEYS] = check_key,
	[SNAP_WAYS] = check_way,
	[SNAP_KERNELS] = check_kernel,
	[SNAP_KERNEL_ADDRESSES] = check_address,
	[SNAP_KERNEL_PORTS] = check_kernel_port,
	[SNAP_RETIRED] = check_retired,
	[SNAP_REPLIES] = check_reply,
	[SNAP_PIECES] = check_piece,
	[SNAP_HEALTHS] = check_health,
	[SNAP_EDITS] = check_edit,
	[SNAP_FIELDS] = check_field,
	[SNAP_CORS] = check_cors,
	[SNAP_ORIGINS] = check_origin,
	[SNAP_RETRIES] = check_retry,
	[SNAP_PEERS] = check_peer,
};

bool snapshot_check_records(struct snap_check *c)
{
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		const uint8_t *records = c->snapshot->sections[id].records;

		c->section = id;
		if (!record_checks[id])
			continue;
		for (c->record = 0; c->record < c->snapshot->sections[id].count; c->record++)
			if (!record_checks[id](
				    c, records + (size_t)c->record *
							 snap_section_infos[id].record_bytes))
				return false;
	}
	return true;
}

static uint32_t section_slots_end(const struct snapshot *s, enum snap_section_id id, size_t offset)
{
	const char *records = s->sections[id].records;
	uint32_t end = 0, slot;

	for (uint32_t i = 0; i < s->sections[id].count; i++) {
		memcpy(&slot, records + (size_t)i * snap_section_infos[id].record_bytes + offset,
			sizeof(slot));
		if (slot >= end)
			end = slot + 1;
	}
	return end;
}

uint32_t snapshot_slots_end(const struct snapshot *s, enum snap_kind kind)
{
	uint32_t consumers, retired;

	switch (kind) {
	case SNAP_KIND_ROUTING:
		return section_slots_end(s, SNAP_APIS, offsetof(struct snap_api, slot));
	case SNAP_KIND_ENDPOINTS:
		return section_slots_end(s, SNAP_ENDPOINTS, offsetof(struct snap_endpoint, slot));
	case SNAP_KIND_CALLERS:
		consumers =
			section_slots_end(s, SNAP_CONSUMERS, offsetof(struct snap_consumer, slot));
		retired = section_slots_end(s, SNAP_RETIRED, offsetof(struct snap_retired, slot));
		return consumers > retired ? consumers : retired;
	case SNAP_KIND_GATEWAY:
	case SNAP_KINDS:
		break;
	}
	return 0; /* its listeners were checked with the settings beside them */
}
