/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routes change of messages, as snapshot records: an API's changes and then the route's, as one
 * list of the names that are left out and one of the fields that are added. So the dataplane does
 * no more than these two things.
 */
#include "control/compile/compile_priv.h"
#include "control/config/template.h"

struct snap_range compile_pieces(
	struct compile *c, const struct cfg_value *value, bool of_field, struct str path)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_PIECES), 0 };
	struct template template;

	template_read(
		value, of_field ? TEMPLATE_OF_FIELD : TEMPLATE_OF_PATH, path, NULL, &template);
	for (; range.count < template.count; range.count++) {
		const struct template_piece *piece = &template.pieces[range.count];
		struct snap_piece record = { .kind = piece->kind, .segments = piece->segments };

		if (piece->text.len > 0)
			record.text = compile_text(c, SNAP_KIND_ROUTING, piece->text);
		snapshot_builder_add(c->builder, SNAP_PIECES, &record);
	}
	return range;
}

/* Changes in their order, until they are written. */
struct fields {
	struct str path;
	uint32_t removed_count, added_count;
	struct str removed[SNAP_EDIT_FIELDS_MAX];
	const struct cfg_edit_field *added[SNAP_EDIT_FIELDS_MAX]; /* NULL: left out later on */
};

static void fields_remove(struct fields *f, struct str name)
{
	for (uint32_t i = 0; i < f->added_count; i++)
		if (f->added[i] && str_equal_nocase(f->added[i]->name.text, name))
			f->added[i] = NULL;
	for (uint32_t i = 0; i < f->removed_count; i++)
		if (str_equal_nocase(f->removed[i], name))
			return;
	if (f->removed_count < SNAP_EDIT_FIELDS_MAX)
		f->removed[f->removed_count++] = name;
}

static void fields_add(struct fields *f, const struct cfg_edit_field *field)
{
	if (f->added_count < SNAP_EDIT_FIELDS_MAX)
		f->added[f->added_count++] = field;
}

static void fields_take(struct fields *f, const struct cfg_edit_fields *from)
{
	for (uint32_t i = 0; i < from->remove.count; i++)
		fields_remove(f, CFG_ITEM(from->remove, struct cfg_value, i)->text);
	for (uint32_t i = 0; i < from->set.count; i++)
		fields_remove(f, CFG_ITEM(from->set, struct cfg_edit_field, i)->name.text);
	for (uint32_t i = 0; i < from->set.count; i++)
		fields_add(f, CFG_ITEM(from->set, struct cfg_edit_field, i));
	for (uint32_t i = 0; i < from->add.count; i++)
		fields_add(f, CFG_ITEM(from->add, struct cfg_edit_field, i));
}

static struct snap_range fields_write(struct compile *c, const struct fields *f)
{
	struct snap_range range = { snapshot_builder_count(c->builder, SNAP_FIELDS), 0 };

	for (uint32_t i = 0; i < f->removed_count; i++, range.count++) {
		struct snap_field record = { .name = compile_text(
						     c, SNAP_KIND_ROUTING, f->removed[i]) };

		snapshot_builder_add(c->builder, SNAP_FIELDS, &record);
	}
	for (uint32_t i = 0; i < f->added_count; i++) {
		struct snap_field record;

		if (!f->added[i])
			continue;
		record.name = compile_text(c, SNAP_KIND_ROUTING, f->added[i]->name.text);
		record.value = compile_pieces(c, &f->added[i]->value, true, f->path);
		snapshot_builder_add(c->builder, SNAP_FIELDS, &record);
		range.count++;
	}
	return range;
}

/* The API's alone, which its routes share, are written once. */
static struct snap_range add_fields(struct compile *c, const struct cfg_edit_fields *api,
	const struct cfg_edit_fields *route, struct str path, struct snap_range *shared)
{
	struct fields fields = { .path = path };

	if (!route->place.set && (shared->count || !api->place.set))
		return *shared;
	fields_take(&fields, api);
	fields_take(&fields, route);
	if (route->place.set)
		return fields_write(c, &fields);
	*shared = fields_write(c, &fields);
	return *shared;
}

uint32_t compile_edit(struct compile *c, const struct cfg_api *api, const struct cfg_route *route,
	struct api_edits *shared)
{
	const struct cfg_rewrite *rewrite = &route->rewrite;
	const bool own = rewrite->place.set || route->request_fields.place.set ||
			 route->response_fields.place.set;
	struct snap_edit record = { 0 };

	if (!own && shared->edit != SNAP_NONE)
		return shared->edit;
	record.request = add_fields(c, &api->request_fields, &route->request_fields,
		route->path.text, &shared->request);
	record.response = add_fields(c, &api->response_fields, &route->response_fields,
		route->path.text, &shared->response);
	if (rewrite->path.set)
		record.path = compile_pieces(c, &rewrite->path, false, route->path.text);
	if (rewrite->host.set)
		record.host = compile_text(c, SNAP_KIND_ROUTING, rewrite->host.text);
	if (!own && record.request.count == 0 && record.response.count == 0)
		return SNAP_NONE;
	if (own)
		return snapshot_builder_add(c->builder, SNAP_EDITS, &record);
	shared->edit = snapshot_builder_add(c->builder, SNAP_EDITS, &record);
	return shared->edit;
}
