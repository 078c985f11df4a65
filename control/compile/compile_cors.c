/* SPDX-License-Identifier: Apache-2.0 */
/* CORS settings as snapshot records: lists of names as the lines have them that the gateway writes. */
#include "control/compile/compile_priv.h"

/* "Content-Type, X-API-Key" */
static struct snap_text add_list(struct compile *c, const struct cfg_list *names)
{
	char text[SNAP_CORS_LIST_BYTES_MAX];
	uint32_t len = 0;

	for (uint32_t i = 0; i < names->count; i++) {
		const struct str name = CFG_ITEM(*names, struct cfg_value, i)->text;
		const char *comma = len ? ", " : "";

		if (len + 2 + name.len <= sizeof(text)) /* as the check made sure of */
			len += (uint32_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", comma,
				(int)name.len, name.data);
	}
	return len ? compile_text(c, SNAP_KIND_ROUTING, (struct str){ text, len })
		   : (struct snap_text){ 0, 0 };
}

uint32_t compile_cors(struct compile *c, const struct cfg_cors *cors)
{
	struct snap_cors record = { 0 };

	if (!cors->place.set)
		return SNAP_NONE;
	compile_rows(c, SNAP_KIND_ROUTING, &schema_cors, cors, &record);
	record.origins.first = snapshot_builder_count(c->builder, SNAP_ORIGINS);
	for (uint32_t i = 0; i < cors->origins.count; i++) {
		const struct str origin = CFG_ITEM(cors->origins, struct cfg_value, i)->text;
		const struct snap_text text = compile_text(c, SNAP_KIND_ROUTING, origin);

		if (str_equal(origin, STR("*"))) {
			record.any = 1;
			continue;
		}
		snapshot_builder_add(c->builder, SNAP_ORIGINS, &text);
		record.origins.count++;
	}
	record.fields = add_list(c, &cors->fields);
	record.expose = add_list(c, &cors->expose);
	record.methods = cors->methods.bits;
	return snapshot_builder_add(c->builder, SNAP_CORS, &record);
}
