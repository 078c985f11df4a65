/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the route tables of a snapshot: hosts by listener, then sets of APIs (each made once,
 * however many hosts share it), then each set's paths.
 */
#include <stdlib.h>

#include "dataplane/http/message.h"
#include "dataplane/route/route_priv.h"

/* What only the building needs. */
struct build {
	const struct snapshot *snapshot;
	struct route_table *table;
	const struct snap_api *apis;
	uint32_t api_count;
	struct host_api {
		uint32_t api, next;
	} * host_apis; /* lists of APIs, one for each host */
	uint32_t host_api_count;
	struct index_node **any;  /* by listener: the node of "*" */
	struct route_index lists; /* from a list of APIs to its set */
	uint32_t set_api_count;
};

static bool api_listens_on(const struct snapshot *s, const struct snap_api *api, uint32_t listener)
{
	const uint32_t slot = SNAP_AT(s, SNAP_LISTENERS, snap_listener, listener)->slot;

	if (api->listeners.count == 0)
		return true;
	for (uint32_t i = 0; i < api->listeners.count; i++)
		if (SNAP_INDEX_AT(s, SNAP_API_LISTENERS, api->listeners.first + i) == slot)
			return true;
	return false;
}

/* Append an API to a host's list, once. */
static void host_append(struct build *b, struct index_node *host, uint32_t api)
{
	const uint32_t number = b->host_api_count;

	if (host->host.first != 0 && b->host_apis[host->host.last - 1].api == api)
		return;
	b->host_apis[number] = (struct host_api){ api, 0 };
	b->host_api_count++;
	if (host->host.first == 0)
		host->host.first = number + 1;
	else
		b->host_apis[host->host.last - 1].next = number + 1;
	host->host.last = number + 1;
}

static void host_add(struct build *b, uint32_t listener, struct str name, uint32_t api)
{
	struct host_scope *scope = &b->table->listeners[listener];
	enum host_kind kind = HOST_EXACT;
	struct index_node *node;
	uint64_t hash;

	if (str_equal(name, STR("*"))) {
		kind = HOST_ANY;
		name.len = 0;
	} else if (str_starts(name, STR("*."))) {
		kind = HOST_SUFFIX;
		name = (struct str){ name.data + 2, name.len - 2 };
		scope->has_suffixes = true;
		length_set_add(&scope->suffixes, name.len);
	}
	hash = host_hash(listener, kind, name);
	node = index_find(&b->table->hosts, hash, host_scope_id(listener, kind), name);
	if (node == NULL)
		node = index_add(&b->table->hosts, hash, host_scope_id(listener, kind), name);
	if (kind == HOST_ANY)
		b->any[listener] = node;
	host_append(b, node, api);
}

static bool build_hosts(struct build *b)
{
	struct route_table *table = b->table;
	uint64_t hosts = 0;

	for (uint32_t a = 0; a < b->api_count; a++)
		hosts += (uint64_t)b->apis[a].hosts.count * table->listener_count;
	b->host_apis = calloc(hosts + 1, sizeof(*b->host_apis));
	b->any = calloc(table->listener_count + 1, sizeof(struct index_node *));
	if (b->host_apis == NULL || b->any == NULL || !index_init(&table->hosts, hosts))
		return false;
	for (uint32_t a = 0; a < b->api_count; a++)
		for (uint32_t l = 0; l < table->listener_count; l++) {
			if (!api_listens_on(b->snapshot, &b->apis[a], l))
				continue;
			for (uint32_t h = 0; h < b->apis[a].hosts.count; h++) {
				const struct snap_text *text = SNAP_AT(b->snapshot, SNAP_HOSTS,
					snap_text, b->apis[a].hosts.first + h);

				host_add(b, l, snap_str(b->snapshot, *text), a);
			}
		}
	return true;
}

/* The set of a host's list of APIs; the list is written behind those of the sets so far. */
static uint32_t set_intern(struct build *b, const struct index_node *host)
{
	struct route_table *table = b->table;
	uint32_t *apis = table->set_apis + b->set_api_count, n = 0;
	struct index_node *node;
	struct path_set *set;
	struct str list;
	uint64_t hash;

	for (uint32_t i = host->host.first; i != 0; i = b->host_apis[i - 1].next)
		apis[n++] = b->host_apis[i - 1].api;
	list = (struct str){ (const char *)apis, (uint32_t)(n * sizeof(*apis)) };
	hash = index_hash(INDEX_SEED, list);
	node = index_find(&b->lists, hash, 0, list);
	if (node != NULL)
		return node->value;
	node = index_add(&b->lists, hash, 0, list);
	node->value = table->set_count++;
	b->set_api_count += n;
	set = &table->sets[node->value];
	*set = (struct path_set){ .id = node->value,
		.only_api = n == 1 ? apis[0] : SNAP_NONE,
		.api_count = n,
		.apis = apis };
	return node->value;
}

static bool build_sets(struct build *b)
{
	struct route_table *table = b->table;
	const uint32_t hosts = table->hosts.count;

	table->sets = calloc((size_t)hosts + 1, sizeof(*table->sets));
	table->set_apis = calloc((size_t)b->host_api_count + 1, sizeof(*table->set_apis));
	if (table->sets == NULL || table->set_apis == NULL || !index_init(&b->lists, hosts))
		return false;
	for (uint32_t h = 0; h < hosts; h++)
		table->hosts.nodes[h].host.set = set_intern(b, &table->hosts.nodes[h]);
	for (uint32_t l = 0; l < table->listener_count; l++) {
		table->listeners[l].any_set = b->any[l] != NULL ? b->any[l]->host.set : SNAP_NONE;
		table->listeners[l].paths =
			SNAP_AT(b->snapshot, SNAP_LISTENERS, snap_listener, l)->paths;
	}
	return true;
}

/* Each route's path in the form that requests are matched in; one that no request can have stays as
 * it is and is never found. */
static bool build_texts(struct build *b)
{
	struct route_table *table = b->table;
	const struct snap_route *routes;
	uint64_t bytes = 0;
	uint32_t n, used = 0;

	routes = snap_records(b->snapshot, SNAP_ROUTES, &n);
	/* Twice, for templates: normalised, and without the names. */
	for (uint32_t i = 0; i < n; i++)
		bytes += 2 * (uint64_t)routes[i].path.length;
	table->path_texts = calloc((size_t)n + 1, sizeof(*table->path_texts));
	table->path_bytes = malloc(bytes + 1);
	if (table->path_texts == NULL || table->path_bytes == NULL || bytes > UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct str raw = snap_str(b->snapshot, routes[i].path);
		struct str *text = &table->path_texts[i];

		if (route_path_normalise(raw, SNAP_PATHS_KEEP, table->path_bytes + used, raw.len,
			    text) != REASON_PROXIED)
			*text = raw;
		else if (text->data != raw.data)
			used += text->len;
		if (path_kind_is_template(routes[i].kind)) {
			text->len = route_template_key(*text, table->path_bytes + used);
			text->data = table->path_bytes + used;
			used += text->len;
		}
	}
	return true;
}

static void path_add(struct build *b, struct path_set *set, uint32_t number)
{
	const struct snap_route *route = SNAP_AT(b->snapshot, SNAP_ROUTES, snap_route, number);
	const struct str path = b->table->path_texts[number];
	const uint32_t scope = path_scope_id(set->id, route->kind);
	struct route_index *index = &b->table->paths;
	uint64_t hash = INDEX_SEED;
	struct index_node *head, *node;
	struct path_shape shape;

	if (path.len > 0 && path.data[0] != '/')
		return;
	if (path_kind_is_template(route->kind)) {
		shape = path_shape_of(path, route->kind);
		set->shapes[set->shape_count++] = shape;
		hash = path_template_hash(&shape, path);
	}
	for (uint32_t at = 0; at < path.len && !path_kind_is_template(route->kind);)
		hash = path_hash_segment(hash, path, &at);
	hash = index_scoped(hash, scope);
	head = index_find(index, hash, scope, path);
	node = head == NULL ? index_add(index, hash, scope, path)
			    : index_new_node(index, scope, path);
	node->path.route = number;
	node->path.api = route->api;
	node->path.backend = route->backend;
	node->path.methods = route->methods;
	node->path.next = INDEX_NONE;
	if (head == NULL)
		head = node;
	head->path.allowed |= route->methods != 0 ? route->methods : ~(1u << HTTP_TRACE);
	if (head != node) {
		while (head->path.next != INDEX_NONE)
			head = &index->nodes[head->path.next];
		head->path.next = (uint32_t)(node - index->nodes);
	}
	if (route->kind == SNAP_PATH_EXACT) {
		length_set_add(&set->exacts, path.len);
	} else if (route->kind == SNAP_PATH_PREFIX) {
		length_set_add(&set->prefixes, path.len);
		if (path.len > set->prefix_longest)
			set->prefix_longest = path.len;
	}
}

static bool build_paths(struct build *b)
{
	struct route_table *table = b->table;
	struct path_shape *shapes;
	uint64_t count = 0;

	for (uint32_t s = 0; s < table->set_count; s++)
		for (uint32_t a = 0; a < table->sets[s].api_count; a++)
			count += b->apis[table->sets[s].apis[a]].routes.count;
	table->shapes = calloc(count + 1, sizeof(*table->shapes));
	if (table->shapes == NULL || !index_init(&table->paths, count))
		return false;
	shapes = table->shapes;
	for (uint32_t s = 0; s < table->set_count; s++) {
		table->sets[s].shapes = shapes;
		for (uint32_t a = 0; a < table->sets[s].api_count; a++) {
			const struct snap_range routes = b->apis[table->sets[s].apis[a]].routes;

			for (uint32_t r = 0; r < routes.count; r++)
				path_add(b, &table->sets[s], routes.first + r);
		}
		table->sets[s].shape_count = path_shapes_sort(shapes, table->sets[s].shape_count);
		shapes += table->sets[s].shape_count;
	}
	return true;
}

struct route_table *route_table_create(const struct snapshot *snapshot)
{
	struct route_table *table = calloc(1, sizeof(*table));
	struct build b = { .snapshot = snapshot, .table = table };
	bool built = false;

	if (table == NULL)
		return NULL;
	table->snapshot = snapshot;
	table->listener_count = snapshot->sections[SNAP_LISTENERS].count;
	b.apis = snap_records(snapshot, SNAP_APIS, &b.api_count);
	table->listeners = calloc((size_t)table->listener_count + 1, sizeof(*table->listeners));
	if (table->listeners != NULL)
		built = build_hosts(&b) && build_sets(&b) && build_texts(&b) && build_paths(&b);
	free(b.host_apis);
	free(b.any);
	index_free(&b.lists);
	if (built)
		return table;
	route_table_destroy(table);
	return NULL;
}

void route_table_destroy(struct route_table *table)
{
	if (table == NULL)
		return;
	index_free(&table->hosts);
	index_free(&table->paths);
	free(table->listeners);
	free(table->sets);
	free(table->set_apis);
	free(table->path_texts);
	free(table->shapes);
	free(table->path_bytes);
	free(table);
}
