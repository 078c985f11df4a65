/* SPDX-License-Identifier: Apache-2.0 */
/* APIs, hosts and routes as snapshot records. */
#include "control/compile/compile_priv.h"

/* The slots of what a list names. @param what  the section that its indices lie in */
static struct snap_range add_slots(struct compile *c, enum snap_section_id id,
	const struct cfg_list *list, enum snap_section_id what)
{
	struct snap_range range = { snapshot_builder_count(c->builder, id), list->count };

	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t index = (uint32_t)CFG_ITEM(*list, struct cfg_value, i)->number;
		uint32_t slot = compile_slot_of(c, what, index);

		snapshot_builder_add(c->builder, id, &slot);
	}
	return range;
}

static struct snap_range add_hosts(struct compile *c, const struct cfg_list *hosts)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_HOSTS), hosts->count };

	if (hosts->count == 0) {
		struct snap_text any = compile_text(c, SNAP_KIND_ROUTING, STR("*"));

		snapshot_builder_add(c->builder, SNAP_HOSTS, &any);
		range.count = 1;
	}
	for (uint32_t i = 0; i < hosts->count; i++) {
		struct snap_text host = compile_lower(
			c, SNAP_KIND_ROUTING, CFG_ITEM(*hosts, struct cfg_value, i)->text);

		snapshot_builder_add(c->builder, SNAP_HOSTS, &host);
	}
	return range;
}

/* @return the index of the route's reply; SNAP_NONE: it has a backend */
static uint32_t add_reply(struct compile *c, const struct cfg_route *route)
{
	struct snap_reply record = { 0 };

	if (route->redirect.place.set) {
		record.status = (uint32_t)route->redirect.status.number;
		record.location = compile_pieces(c, &route->redirect.to, false, route->path.text);
	} else if (route->reply.place.set) {
		compile_rows(c, SNAP_KIND_ROUTING, &schema_reply, &route->reply, &record);
		record.body = compile_text(c, SNAP_KIND_ROUTING, route->reply.body.text);
	} else {
		return SNAP_NONE;
	}
	return snapshot_builder_add(c->builder, SNAP_REPLIES, &record);
}

/* Takes the star off a prefix. */
static enum snap_path_kind path_kind(struct str *path)
{
	const bool prefix = path->data[path->len - 1] == '*';

	if (prefix)
		path->len -= 2;
	if (path->len > 0 && memchr(path->data, '{', path->len))
		return prefix ? SNAP_PATH_TEMPLATE_PREFIX : SNAP_PATH_TEMPLATE;
	return prefix ? SNAP_PATH_PREFIX : SNAP_PATH_EXACT;
}

/* @param cors  the API's, for routes that have none of their own */
static struct snap_range add_routes(
	struct compile *c, const struct cfg_api *api, uint32_t index, uint32_t cors)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_ROUTES),
		api->routes.count };
	struct api_edits shared = { .edit = SNAP_NONE };

	for (uint32_t i = 0; i < api->routes.count; i++) {
		const struct cfg_route *route = CFG_ITEM(api->routes, struct cfg_route, i);
		struct str path = route->path.text;
		const uint32_t kind = path_kind(&path);

		struct snap_route record = {
			.path = compile_text(c, SNAP_KIND_ROUTING, path),
			.kind = kind,
			.methods = route->methods.bits,
			.backend = route->backend.set ? (uint32_t)route->backend.number : SNAP_NONE,
			.reply = add_reply(c, route),
			.edit = compile_edit(c, api, route, &shared),
			.retry = compile_retry(c, &route->retry),
			.api = index,
			.cors = route->cors.place.set ? compile_cors(c, &route->cors) : cors,
		};

		compile_rows(c, SNAP_KIND_ROUTING, &schema_route, route, &record);
		snapshot_builder_add(c->builder, SNAP_ROUTES, &record);
	}
	return range;
}

void compile_apis(struct compile *c)
{
	const struct cfg_list *list = &c->root->apis;
	struct slots *slots = compile_slots(c, SNAP_APIS, c->settings.api_capacity);

	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_api *api = CFG_ITEM(*list, struct cfg_api, i);

		slots_want(slots, (struct slot_name){ api->name.text, api->version.text });
	}
	for (uint32_t i = 0; i < list->count && slots; i++) {
		const struct cfg_api *api = CFG_ITEM(*list, struct cfg_api, i);
		const uint32_t cors = compile_cors(c, &api->cors);
		struct snap_api record = {
			.listeners =
				add_slots(c, SNAP_API_LISTENERS, &api->listeners, SNAP_LISTENERS),
			.hosts = add_hosts(c, &api->hosts),
			.credentials =
				add_slots(c, SNAP_API_CREDENTIALS, &api->auth, SNAP_CREDENTIALS),
			.routes = add_routes(c, api, i, cors),
			.cors = cors,
			.slot = slots_take(
				slots, (struct slot_name){ api->name.text, api->version.text }),
		};

		compile_rows(c, SNAP_KIND_ROUTING, &schema_api, api, &record);
		if (record.slot == SNAP_NONE)
			mistake_add(c->mistakes, api->place.at,
				"no slot is left for this API: stop the dataplane, apply, and start it again");
		snapshot_builder_add(c->builder, SNAP_APIS, &record);
	}
	slots_free(slots);
}
