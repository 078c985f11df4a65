/* SPDX-License-Identifier: Apache-2.0 */
/* The check of what APIs and routes change of messages: paths, hosts and header fields. */
#include "dataplane/route/route.h"
#include "lib/shm/snapshot.h"

#include "control/config/check_priv.h"
#include "control/config/template.h"

/* Why it is no path to rewrite to, or NULL. */
static const char *new_path_flaw(struct check *c, struct str path)
{
	char *room = config_alloc(c->config, path.len + 1);
	struct str normal;

	if (path.data[0] != '/' || str_starts(path, STR("//")))
		return "must begin with one '/'";
	for (uint32_t i = 0; i < path.len; i++) {
		if (path.data[i] == '?' || path.data[i] == '#')
			return "ends before '?' and '#': the query stays as it is";
		if (path.data[i] <= ' ' || path.data[i] > '~' || path.data[i] == '\\')
			return "must be of printable ASCII without spaces and '\\'; write others as %XX";
		if (path.data[i] == '*')
			return "has no '*': write {rest} for what the route's path has in its place";
	}
	if (room && (route_path_normalise(path, SNAP_PATHS_KEEP, room, path.len, &normal) !=
				    REASON_PROXIED ||
			    !str_equal(path, normal)))
		return "must not have dot segments, or %XX for what needs none";
	return NULL;
}

static void check_rewrite(struct check *c, const struct cfg_route *route)
{
	const struct cfg_value *path = &route->rewrite.path, *host = &route->rewrite.host;
	const char *flaw = path->valid ? new_path_flaw(c, path->text) : NULL;
	struct template template;

	if (!route->backend.set)
		mistake_add(c->mistakes, route->rewrite.place.at,
			"'rewrite' is of what a backend gets, and this route has no backend");
	if (!path->set && !host->set)
		mistake_add(c->mistakes, route->rewrite.place.at,
			"'rewrite' must have 'path' or 'host'");
	if (flaw)
		mistake_add(c->mistakes, path->at, "path '%.*s' %s", (int)path->text.len,
			path->text.data, flaw);
	else if (path->valid && route->path.valid)
		template_read(path, TEMPLATE_OF_PATH, route->path.text, c->mistakes, &template);
	if (host->valid && !check_is_authority(host->text))
		mistake_add(c->mistakes, host->at,
			"'%.*s' is no host: write \"orders.internal\" or \"10.0.0.1:8080\"",
			(int)host->text.len, host->text.data);
}

static void check_field_name(struct check *c, const struct cfg_value *name)
{
	if (!name->valid)
		return;
	if (!snap_field_is_name(name->text))
		mistake_add(c->mistakes, name->at, "'%.*s' is no name of a header field",
			(int)name->text.len, name->text.data);
	else if (snap_field_is_reserved(name->text))
		mistake_add(c->mistakes, name->at,
			"'%.*s' cannot be edited: it frames the message, concerns one connection, "
			"or is written by Sluice itself",
			(int)name->text.len, name->text.data);
}

static void check_values(struct check *c, const struct cfg_list *list, struct str path)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_edit_field *field = CFG_ITEM(*list, struct cfg_edit_field, i);
		struct template template;

		check_field_name(c, &field->name);
		if (field->value.valid)
			template_read(
				&field->value, TEMPLATE_OF_FIELD, path, c->mistakes, &template);
	}
}

static uint32_t count_fields(const struct cfg_edit_fields *fields)
{
	return fields->remove.count + 2 * fields->set.count + fields->add.count;
}

static void check_fields(struct check *c, const struct cfg_edit_fields *fields,
	const struct cfg_edit_fields *before, struct str path)
{
	const uint32_t count = count_fields(fields) + (before ? count_fields(before) : 0);

	for (uint32_t i = 0; i < fields->remove.count; i++)
		check_field_name(c, CFG_ITEM(fields->remove, struct cfg_value, i));
	check_values(c, &fields->set, path);
	check_values(c, &fields->add, path);
	if (fields->place.set && count > SNAP_EDIT_FIELDS_MAX)
		mistake_add(c->mistakes, fields->place.at,
			"too many fields: at most %d changes, of which 'set' is two",
			SNAP_EDIT_FIELDS_MAX);
}

void check_api_edits(struct check *c, const struct cfg_api *api)
{
	check_fields(c, &api->request_fields, NULL, STR(""));
	check_fields(c, &api->response_fields, NULL, STR(""));
}

void check_route_edits(struct check *c, const struct cfg_api *api, const struct cfg_route *route)
{
	if (route->rewrite.place.set)
		check_rewrite(c, route);
	if (route->request_fields.place.set && !route->backend.set)
		mistake_add(c->mistakes, route->request_fields.place.at,
			"'request_fields' are of what a backend gets, and this route has no backend");
	if (!route->path.valid)
		return;
	check_fields(c, &route->request_fields, &api->request_fields, route->path.text);
	check_fields(c, &route->response_fields, &api->response_fields, route->path.text);
}
