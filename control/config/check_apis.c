/* SPDX-License-Identifier: Apache-2.0 */
/* The check of APIs: hosts, paths, methods, and routes that nobody could tell apart. */
#include "dataplane/http/methods.h"
#include "dataplane/route/route.h"
#include "lib/shm/snapshot.h"

#include "control/config/check_priv.h"
#include "control/config/nearest.h"
#include "control/config/template.h"
#include "control/config/units.h"

static struct cfg_api *api_at(struct check *c, uint32_t i)
{
	return CFG_ITEM(c->config->root.apis, struct cfg_api, i);
}

bool check_is_host(struct str host)
{
	uint32_t label = 0;

	if (str_equal(host, STR("*")))
		return true;
	if (str_starts(host, STR("*."))) {
		host.data += 2;
		host.len -= 2;
	}
	if (host.len == 0 || host.len > 253)
		return false;
	for (uint32_t i = 0; i < host.len; i++) {
		char ch = ascii_lower(host.data[i]);
		bool word = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_';

		if (ch == '.' ? label == 0 || host.data[i - 1] == '-'
			      : !word && (ch != '-' || !label))
			return false;
		label = ch == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && host.data[host.len - 1] != '-';
}

bool check_is_authority(struct str host)
{
	const char *colon = memrchr(host.data, ':', host.len);
	struct ip_addr addr;

	if (colon && !memchr(colon, ']', host.len - (size_t)(colon - host.data))) {
		const uint32_t before = (uint32_t)(colon - host.data);
		uint64_t port;

		if (host.len - before > 6 ||
			unit_number((struct str){ colon + 1, host.len - before - 1 }, &port) != 0 ||
			port == 0 || port > UINT16_MAX)
			return false;
		host.len = before;
	}
	if (host.len > 2 && host.data[0] == '[')
		return host.data[host.len - 1] == ']' &&
		       ip_parse((struct str){ host.data + 1, host.len - 2 }, &addr) == 0;
	return check_is_host(host) && host.data[0] != '*';
}

/* IPv6 hosts are written in brackets, as in a Host field; from here on in the one spelling in which
 * requests are matched. */
static bool read_host_address(struct check *c, struct str *host)
{
	struct ip_addr addr;
	char *text;

	if (host->len < 2 || host->data[0] != '[' || host->data[host->len - 1] != ']' ||
		ip_parse((struct str){ host->data + 1, host->len - 2 }, &addr) != 0)
		return false;
	text = config_alloc(c->config, IP_TEXT_BYTES + 2);
	if (!text)
		return true;
	text[0] = '[';
	host->len = 2 + (uint32_t)ip_format(&addr, text + 1);
	text[host->len - 1] = ']';
	host->data = text;
	return true;
}

static void check_hosts(struct check *c, const struct cfg_api *api)
{
	for (uint32_t i = 0; i < api->hosts.count; i++) {
		struct cfg_value *host = CFG_ITEM(api->hosts, struct cfg_value, i);

		if (!host->valid)
			continue;
		if (!check_is_host(host->text) && !read_host_address(c, &host->text)) {
			host->valid = false;
			mistake_add(c->mistakes, host->at,
				"'%.*s' is no host name: write \"api.example\", \"*.example\" or \"*\", without a port",
				(int)host->text.len, host->text.data);
			continue;
		}
		for (uint32_t j = 0; j < i && host->valid; j++) {
			struct str other = CFG_ITEM(api->hosts, struct cfg_value, j)->text;

			host->valid = !str_equal_nocase(other, host->text);
		}
		if (!host->valid)
			mistake_add(c->mistakes, host->at, "host '%.*s' is in the list already",
				(int)host->text.len, host->text.data);
	}
}

/* Why a path could never match, or NULL. Requests are normalised before they are matched. */
static const char *path_flaw(struct str path)
{
	if (path.len == 0 || path.data[0] != '/')
		return "must begin with '/'";
	for (uint32_t i = 0; i < path.len; i++) {
		unsigned char ch = (unsigned char)path.data[i];

		if (ch <= ' ' || ch >= 0x7f)
			return "must be of printable ASCII without spaces; write others as %XX";
		if (ch == '?' || ch == '#')
			return "ends before '?' and '#': queries are not matched";
		if (ch == '*' && (i + 1 != path.len || path.data[i - 1] != '/'))
			return "may have '*' only as its last segment: \"/v1/orders/*\"";
	}
	return NULL;
}

static bool is_path_name(struct str name)
{
	for (uint32_t i = 0; i < name.len; i++) {
		const char ch = ascii_lower(name.data[i]);

		if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && ch != '_')
			return false;
	}
	return name.len > 0 && !str_equal(name, STR("rest"));
}

/* Why its segments with names are wrong, or NULL. */
static const char *names_flaw(struct str path)
{
	uint32_t segments = 0, end;

	if (!memchr(path.data, '{', path.len) && !memchr(path.data, '}', path.len))
		return NULL;
	for (uint32_t at = 0; at < path.len; at = end, segments++) {
		struct str name;

		end = route_segment_end(path, at);
		name = template_segment_name(path, at, end);
		if (name.len == 0 && (memchr(path.data + at, '{', end - at) ||
					     memchr(path.data + at, '}', end - at)))
			return "may have '{' and '}' only around a whole segment: \"/orders/{id}\"";
		if (name.len > 0 && !is_path_name(name))
			return "has a name that is not of letters, digits and '_', or is {rest}";
		for (uint32_t i = 0, e; name.len > 0 && i < at; i = e) {
			e = route_segment_end(path, i);
			if (str_equal(template_segment_name(path, i, e), name))
				return "has the same name twice";
		}
	}
	return segments > SNAP_PATH_SEGMENTS ? "has too many segments beside one with a name"
					     : NULL;
}

/* What a path of a route must pass on a listener: a form that is kept only where both readings agree is
 * none that a route can have, for its other reading is another path. */
static uint32_t paths_for_routes(const struct cfg_listener *l)
{
	const struct cfg_value *forms[SNAP_PATH_FORMS] = { &l->paths.slashes, &l->paths.parameters,
		&l->paths.encoded_slash, &l->paths.backslash, &l->paths.dot_segments };
	uint32_t paths = 0;

	for (unsigned form = 0; form < SNAP_PATH_FORMS; form++)
		if (forms[form]->number != SNAP_PATH_AGREE)
			paths |= SNAP_PATH(form, forms[form]->number);
	return paths;
}

/* Is the path, whose form is the one in which requests are matched, a path on any of the API's listeners? */
static bool is_path_somewhere(
	struct check *c, const struct cfg_api *api, struct str path, char *room)
{
	const struct cfg_list *all = &c->config->root.listeners;
	const bool own = api->listeners.items != NULL;
	const uint32_t count = own ? api->listeners.count : all->count;
	struct str normal;

	for (uint32_t i = 0; i < count; i++) {
		const struct cfg_value *named =
			own ? CFG_ITEM(api->listeners, struct cfg_value, i) : NULL;
		const uint32_t index = named ? (uint32_t)named->number : i;

		if (named && !named->valid)
			return true; /* told already */
		if (route_path_normalise(path,
			    paths_for_routes(CFG_ITEM(*all, struct cfg_listener, index)), room,
			    path.len, &normal) == REASON_PROXIED &&
			str_equal(path, normal))
			return true;
	}
	return count == 0;
}

/* Hold a path to the form in which requests are matched. */
static void check_path(struct check *c, const struct cfg_api *api, struct cfg_value *value)
{
	struct str path = value->text, normal;
	const char *flaw = path_flaw(path);
	char *room;

	if (!flaw)
		flaw = names_flaw(path);
	if (flaw) {
		mistake_add(
			c->mistakes, value->at, "path '%.*s' %s", (int)path.len, path.data, flaw);
		value->valid = false;
		return;
	}
	if (path.data[path.len - 1] == '*')
		path.len--;
	room = config_alloc(c->config, path.len + 1);
	if (!room)
		return;
	if (route_path_normalise(path, SNAP_PATHS_KEEP, room, path.len, &normal) != REASON_PROXIED)
		mistake_add(c->mistakes, value->at, "no request may have a path like '%.*s'",
			(int)value->text.len, value->text.data);
	else if (!str_equal(path, normal))
		mistake_add(c->mistakes, value->at,
			"path '%.*s' never matches: requests are matched as '%.*s%s'",
			(int)value->text.len, value->text.data, (int)normal.len, normal.data,
			path.len < value->text.len ? "*" : "");
	else if (!is_path_somewhere(c, api, path, room))
		mistake_add(c->mistakes, value->at,
			"path '%.*s' never matches: 'paths' of its listeners rewrites or refuses it, "
			"and it would need \"keep\" for what is in it",
			(int)value->text.len, value->text.data);
	else
		return;
	value->valid = false;
}

void check_methods(struct check *c, struct cfg_list *methods)
{
	for (uint32_t i = 0; i < methods->count; i++) {
		const struct cfg_value *m = CFG_ITEM(*methods, struct cfg_value, i);
		const unsigned id = http_method_find(m->text);
		struct nearest near = nearest_begin(m->text);

		if (!m->valid)
			continue;
		for (unsigned j = 0; id == HTTP_OTHER && http_method_name(j); j++)
			nearest_offer(&near, str_of(http_method_name(j)));
		if (id == HTTP_OTHER && near.best.data)
			mistake_add(c->mistakes, m->at,
				"unknown method '%.*s'; did you mean '%.*s'?", (int)m->text.len,
				m->text.data, (int)near.best.len, near.best.data);
		else if (id == HTTP_OTHER)
			mistake_add(c->mistakes, m->at, "unknown method '%.*s'", (int)m->text.len,
				m->text.data);
		else if (id == HTTP_CONNECT)
			mistake_add(c->mistakes, m->at, "CONNECT is always refused");
		else if (methods->bits & 1u << id)
			mistake_add(c->mistakes, m->at, "method %.*s is in the list already",
				(int)m->text.len, m->text.data);
		else
			methods->bits |= 1u << id;
	}
}

static void check_routes(struct check *c, struct cfg_api *api)
{
	const struct cfg_root *root = &c->config->root;
	bool cors = api->cors.place.set;

	for (uint32_t i = 0; i < api->routes.count; i++) {
		struct cfg_route *route = CFG_ITEM(api->routes, struct cfg_route, i);

		if (route->path.valid)
			check_path(c, api, &route->path);
		check_methods(c, &route->methods);
		check_reference(c, &route->backend, c->backends, &root->backends,
			sizeof(struct cfg_backend), "backend");
		check_replies(c, route);
		check_route_edits(c, api, route);
		check_cors(c, &route->cors);
		cors |= route->cors.place.set;
		if (api->cors.place.set || route->cors.place.set)
			check_cors_edits(c, &route->response_fields);
		check_retry(c, route);
	}
	if (cors)
		check_cors_edits(c, &api->response_fields);
}

/* The name that a version is known by: "orders/v1". */
static struct str full_name(struct check *c, const struct cfg_api *api)
{
	uint32_t len = api->name.text.len + 1 + api->version.text.len;
	char *text = config_alloc(c->config, len + 1);

	if (!text)
		return STR("");
	snprintf(text, len + 1, "%.*s/%.*s", (int)api->name.text.len, api->name.text.data,
		(int)api->version.text.len, api->version.text.data);
	return (struct str){ text, len };
}

static void check_api_names(struct check *c)
{
	uint32_t count = c->config->root.apis.count;

	c->apis = names_new(count * 2);
	for (uint32_t i = 0; i < count && c->apis; i++) {
		const struct cfg_api *api = api_at(c, i);

		if (!api->name.valid || !api->version.valid)
			continue;

		uint32_t first = names_add(c->apis, full_name(c, api), i);

		if (first != i && first != NAMES_NONE)
			mistake_add(c->mistakes, api->name.at,
				"there is an API '%.*s' of version '%.*s' already (line %u)",
				(int)api->name.text.len, api->name.text.data,
				(int)api->version.text.len, api->version.text.data,
				api_at(c, first)->place.at.line);
		names_add(c->apis, api->name.text, i);
	}
}

void check_apis(struct check *c)
{
	const struct cfg_root *root = &c->config->root;

	check_api_names(c);
	for (uint32_t i = 0; i < root->apis.count; i++) {
		struct cfg_api *api = api_at(c, i);

		check_references(c, &api->listeners, c->listeners, &root->listeners,
			sizeof(struct cfg_listener), "listener");
		check_references(c, &api->auth, c->credentials, &root->credentials,
			sizeof(struct cfg_credential), "credential");
		check_hosts(c, api);
		check_api_edits(c, api);
		check_cors(c, &api->cors);
		check_routes(c, api);
	}
}

/* One route under one host; those of the same host and path hang in a chain. */
struct claim {
	const struct cfg_api *api;
	const struct cfg_route *route;
	uint32_t next;
};

static bool listeners_meet(const struct cfg_api *a, const struct cfg_api *b)
{
	if (a == b || a->listeners.count == 0 || b->listeners.count == 0)
		return true;
	for (uint32_t i = 0; i < a->listeners.count; i++)
		for (uint32_t j = 0; j < b->listeners.count; j++) {
			const struct cfg_value *x = CFG_ITEM(a->listeners, struct cfg_value, i);
			const struct cfg_value *y = CFG_ITEM(b->listeners, struct cfg_value, j);

			if (x->valid && y->valid && x->number == y->number)
				return true;
		}
	return false;
}

static bool methods_meet(const struct cfg_route *a, const struct cfg_route *b)
{
	return a->methods.bits == 0 || b->methods.bits == 0 || a->methods.bits & b->methods.bits;
}

static void add_claim(
	struct check *c, struct names *table, struct claim *claims, uint32_t index, struct str host)
{
	struct claim *claim = &claims[index];
	struct str path = claim->route->path.text;
	uint32_t len = host.len + path.len;
	char *key = config_alloc(c->config, len + 1);

	if (!key)
		return;
	for (uint32_t i = 0; i < host.len; i++)
		key[i] = ascii_lower(host.data[i]);
	len = host.len + route_template_key(path, key + host.len);

	uint32_t first = names_add(table, (struct str){ key, len }, index);

	claim->next = NAMES_NONE;
	if (first == index || first == NAMES_NONE)
		return;
	claim->next = first;
	names_set(table, (struct str){ key, len }, index);
	for (uint32_t i = first; i != NAMES_NONE; i = claims[i].next) {
		const struct claim *other = &claims[i];

		if (!listeners_meet(claim->api, other->api) ||
			!methods_meet(claim->route, other->route))
			continue;
		mistake_add(c->mistakes, claim->route->path.at,
			"host '%.*s' with path '%.*s' is a route of API '%.*s' already (line %u)",
			(int)host.len, host.data, (int)path.len, path.data,
			(int)other->api->name.text.len, other->api->name.text.data,
			other->route->path.at.line);
		break;
	}
}

static uint32_t count_claims(struct check *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->config->root.apis.count; i++) {
		const struct cfg_api *api = api_at(c, i);

		count += (api->hosts.count ? api->hosts.count : 1) * api->routes.count;
	}
	return count;
}

void check_route_conflicts(struct check *c)
{
	static const struct cfg_value any = { .text = { "*", 1 }, .valid = true };
	uint32_t room = count_claims(c), count = 0;
	struct claim *claims = config_alloc(c->config, (room + 1) * sizeof(*claims));
	struct names *table = names_new(room);

	for (uint32_t i = 0; i < c->config->root.apis.count && claims && table; i++) {
		const struct cfg_api *api = api_at(c, i);
		uint32_t hosts = api->hosts.count ? api->hosts.count : 1;

		for (uint32_t h = 0; h < hosts; h++) {
			const struct cfg_value *host =
				api->hosts.count ? CFG_ITEM(api->hosts, struct cfg_value, h) : &any;

			for (uint32_t r = 0; r < api->routes.count && host->valid; r++) {
				const struct cfg_route *route =
					CFG_ITEM(api->routes, struct cfg_route, r);

				if (!route->path.valid)
					continue;
				claims[count] = (struct claim){ api, route, NAMES_NONE };
				add_claim(c, table, claims, count++, host->text);
			}
		}
	}
	names_free(table);
}
