/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the records of routing and of endpoints. */
#include "lib/shm/snapshot_prove_priv.h"

static bool check_backend(struct snap_check *c, const void *record)
{
	const struct snap_backend *b = record;

	return snap_prove_rows(c, snap_rows_backend, record) &&
	       snap_prove_slot(c, b->slot, SNAP_BACKEND_SLOTS) &&
	       (b->health == SNAP_NONE || snap_prove_index(c, "health", b->health, SNAP_HEALTHS)) &&
	       snap_prove_between(c, "tls", b->tls, 0, 1);
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
		if (!snap_prove_between(c, "status", h->statuses[i].least, 200, 599) ||
			!snap_prove_between(
				c, "status", h->statuses[i].most, h->statuses[i].least, 599))
			return false;
	if (!snap_prove_rows(c, snap_rows_health, record) || !check_visible(c, "path", h->path) ||
		!check_visible(c, "host", h->host) ||
		!snap_prove_between(
			c, "length of host", h->host.length, 0, SNAP_HEALTH_TEXT_BYTES_MAX))
		return false;
	if (h->path.length == 0 || snap_str(c->snapshot, h->path).data[0] != '/')
		return snap_refuse(c, "path: does not begin with a slash");
	return snap_prove_between(
		c, "length of path", h->path.length, 1, SNAP_HEALTH_TEXT_BYTES_MAX);
}

static bool check_peer(struct snap_check *c, const void *record)
{
	const struct snap_peer *p = record;

	return snap_prove_rows(c, snap_rows_backend_tls, record) &&
	       check_visible(c, "server_name", p->server_name) &&
	       snap_prove_between(c, "length of server_name", p->server_name.length, 0,
		       SNAP_SERVER_NAME_BYTES_MAX) &&
	       snap_prove_long_bytes(c, "ca", p->ca, 0, SNAP_CA_BYTES_MAX) &&
	       (p->cert == SNAP_NONE || snap_prove_index(c, "cert", p->cert, SNAP_CERTS)) &&
	       snap_prove_slot(c, p->slot, SNAP_BACKEND_SLOTS);
}

static bool check_endpoint(struct snap_check *c, const void *record)
{
	const struct snap_endpoint *e = record;

	return snap_prove_rows(c, snap_rows_endpoint, record) &&
	       snap_prove_between(c, "tcp_port", e->tcp_port, 1, 65535) &&
	       snap_prove_slot(c, e->slot, SNAP_ENDPOINT_CAPACITY_MAX);
}

/* An index into SNAP_CORS, or none. */
static bool check_cors_of(struct snap_check *c, uint32_t cors)
{
	return cors == SNAP_NONE || snap_prove_index(c, "cors", cors, SNAP_CORS);
}

static bool check_cors(struct snap_check *c, const void *record)
{
	const struct snap_cors *k = record;

	return snap_prove_rows(c, snap_rows_cors, record) &&
	       snap_prove_range(c, "origins", k->origins, SNAP_ORIGINS) &&
	       snap_prove_between(
		       c, "number of origins", k->origins.count, 0, SNAP_CORS_ORIGINS_MAX) &&
	       snap_prove_between(c, "any", k->any, 0, 1) &&
	       (!k->any || snap_prove_between(c, "credentials", k->credentials, 0, 0)) &&
	       snap_prove_text(c, "fields", k->fields, 0) &&
	       snap_prove_text(c, "expose", k->expose, 0) &&
	       snap_prove_between(
		       c, "length of fields", k->fields.length, 0, SNAP_CORS_LIST_BYTES_MAX) &&
	       snap_prove_between(
		       c, "length of expose", k->expose.length, 0, SNAP_CORS_LIST_BYTES_MAX);
}

static bool check_origin(struct snap_check *c, const void *record)
{
	const struct snap_text *origin = record;

	return snap_prove_text(c, "origin", *origin, 1) &&
	       snap_prove_between(c, "length", origin->length, 1, SNAP_CORS_ORIGIN_BYTES_MAX);
}

static bool check_api(struct snap_check *c, const void *record)
{
	const struct snap_api *a = record;

	if (!snap_prove_rows(c, snap_rows_api, record) || !check_cors_of(c, a->cors) ||
		!snap_prove_range(c, "listeners", a->listeners, SNAP_API_LISTENERS) ||
		!snap_prove_range(c, "hosts", a->hosts, SNAP_HOSTS) ||
		!snap_prove_between(c, "number of hosts", a->hosts.count, 1, SNAP_NONE) ||
		!snap_prove_range(c, "credentials", a->credentials, SNAP_API_CREDENTIALS) ||
		!snap_prove_range(c, "routes", a->routes, SNAP_ROUTES) ||
		!snap_prove_slot(c, a->slot, SNAP_API_CAPACITY_MAX))
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

	if (!snap_prove_between(c, "kind", r->kind, 0, SNAP_PATH_KINDS - 1) ||
		!snap_prove_text(c, "path", r->path, !prefix))
		return false;
	path = snap_str(c->snapshot, r->path);
	for (uint32_t i = 0; i < path.len; i++)
		slashes += path.data[i] == '/';
	if (path.len && path.data[0] != '/')
		return snap_refuse(c, "path: does not begin with a slash");
	if (prefix && path.len && path.data[path.len - 1] == '/')
		return snap_refuse(c, "path: a prefix is kept without its final slash");
	return r->kind < SNAP_PATH_TEMPLATE ||
	       snap_prove_between(c, "segments of path", slashes, 1, SNAP_PATH_SEGMENTS);
}

static bool check_field(struct snap_check *c, const void *record)
{
	const struct snap_field *f = record;

	if (!snap_prove_text(c, "name", f->name, 1) ||
		!snap_prove_range(c, "value", f->value, SNAP_PIECES))
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

	if (!snap_prove_range(c, "path", path, SNAP_PIECES))
		return false;
	if (path.count == 0)
		return true;
	first = SNAP_AT(c->snapshot, SNAP_PIECES, snap_piece, path.first);
	if (first->kind != SNAP_PIECE_TEXT)
		return snap_refuse(c, "path: does not begin with a text");
	if (!snap_prove_text(c, "path", first->text, 1))
		return false;
	text = snap_str(c->snapshot, first->text);
	return text.data[0] == '/' || snap_refuse(c, "path: does not begin with a slash");
}

static bool check_edit(struct snap_check *c, const void *record)
{
	const struct snap_edit *e = record;

	return check_new_path(c, e->path) && snap_prove_text(c, "host", e->host, 0) &&
	       snap_prove_range(c, "request", e->request, SNAP_FIELDS) &&
	       snap_prove_range(c, "response", e->response, SNAP_FIELDS) &&
	       snap_prove_between(c, "request", e->request.count, 0, SNAP_EDIT_FIELDS_MAX) &&
	       snap_prove_between(c, "response", e->response.count, 0, SNAP_EDIT_FIELDS_MAX);
}

/* A route's requests go to its backend, or get its reply. */
static bool check_way_on(struct snap_check *c, const struct snap_route *r)
{
	if (r->reply == SNAP_NONE)
		return snap_prove_index(c, "backend", r->backend, SNAP_BACKENDS);
	if (r->backend != SNAP_NONE)
		return snap_refuse(c, "backend: index %u beside a reply", r->backend);
	return snap_prove_index(c, "reply", r->reply, SNAP_REPLIES);
}

static bool check_retry(struct snap_check *c, const void *record)
{
	return snap_prove_rows(c, snap_rows_retry, record) &&
	       snap_prove_between(c, "on", ((const struct snap_retry *)record)->on, 0,
		       (1u << SNAP_RETRY_ONS) - 1);
}

static bool check_route(struct snap_check *c, const void *record)
{
	const struct snap_route *r = record;
	const struct snap_api *a;

	if (!check_path(c, r) || !check_way_on(c, r) ||
		(r->edit != SNAP_NONE && !snap_prove_index(c, "edit", r->edit, SNAP_EDITS)) ||
		(r->retry != SNAP_NONE && !snap_prove_index(c, "retry", r->retry, SNAP_RETRIES)) ||
		!snap_prove_rows(c, snap_rows_route, record) || !check_cors_of(c, r->cors) ||
		!snap_prove_index(c, "api", r->api, SNAP_APIS))
		return false;
	a = SNAP_AT(c->snapshot, SNAP_APIS, snap_api, r->api);
	if (c->record - a->routes.first >= a->routes.count)
		return snap_refuse(c, "api: API %u does not hold it", r->api);
	return true;
}

static bool check_piece(struct snap_check *c, const void *record)
{
	const struct snap_piece *piece = record;

	return snap_prove_between(c, "kind", piece->kind, 0, SNAP_PIECE_KINDS - 1) &&
	       snap_prove_text(c, "text", piece->text,
		       piece->kind == SNAP_PIECE_TEXT || piece->kind == SNAP_PIECE_FIELD) &&
	       snap_prove_between(c, "segments", piece->segments, 0, UINT16_MAX);
}

static bool check_reply(struct snap_check *c, const void *record)
{
	const struct snap_reply *r = record;
	const bool redirects = r->location.count != 0;

	if (!snap_prove_rows(c, snap_rows_reply, record) ||
		!snap_prove_bytes(c, "body", r->body, 0) ||
		!snap_prove_between(
			c, "length of type", r->type.length, 0, SNAP_REPLY_TYPE_BYTES) ||
		!snap_prove_range(c, "location", r->location, SNAP_PIECES))
		return false;
	if (redirects ? !snap_status_redirects(r->status) : r->status / 100 == 3)
		return snap_refuse(
			c, "status: %u with %u pieces of a location", r->status, r->location.count);
	return true;
}

const snap_record_check snap_checks_routing[SNAP_SECTION_COUNT] = {
	[SNAP_BACKENDS] = check_backend,
	[SNAP_ENDPOINTS] = check_endpoint,
	[SNAP_APIS] = check_api,
	[SNAP_ROUTES] = check_route,
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
