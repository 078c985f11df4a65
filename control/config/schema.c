/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of lib/schema as the tables that the reader works through. */
#include "control/config/schema.h"

#include "lib/schema/words.h"

#define GROUP(group, noun, title, text) static const struct schema_field group##_fields[] = {
#define SETTING(group, called, kind, store, member, default, range, change, meaning)               \
	{ .name = #called,                                                                         \
		.offset = offsetof(struct cfg_##group, called),                                    \
		.type = SCHEMA_##kind,                                                             \
		.snap = &snap_rows_##group[SNAP_ROW_##group##_##called],                           \
		.text = (meaning),                                                                 \
		default,                                                                           \
		range },
#define LOCAL(group, called, kind, default, range, meaning)                                        \
	{ .name = #called,                                                                         \
		.offset = offsetof(struct cfg_##group, called),                                    \
		.type = SCHEMA_##kind,                                                             \
		.text = (meaning),                                                                 \
		default,                                                                           \
		range },
#define LIST(group, called, kind, need, range, meaning)                                            \
	{ .name = #called,                                                                         \
		.offset = offsetof(struct cfg_##group, called),                                    \
		.type = SCHEMA_##kind,                                                             \
		.list = true,                                                                      \
		.text = (meaning),                                                                 \
		need,                                                                              \
		range },
#define PART(group_, called, of, need, meaning)                                                    \
	{ .name = #called,                                                                         \
		.offset = offsetof(struct cfg_##group_, called),                                   \
		.type = SCHEMA_GROUP,                                                              \
		.group = &schema_##of,                                                             \
		.text = (meaning),                                                                 \
		need },
#define PARTS(group_, called, of, need, meaning)                                                   \
	{ .name = #called,                                                                         \
		.offset = offsetof(struct cfg_##group_, called),                                   \
		.type = SCHEMA_GROUP,                                                              \
		.list = true,                                                                      \
		.group = &schema_##of,                                                             \
		.text = (meaning),                                                                 \
		need },
#define END(group)                                                                                 \
	{                                                                                          \
		NULL                                                                               \
	}                                                                                          \
	}                                                                                          \
	;
#include "lib/schema/rows.def"
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

#define GROUP(group, called, shown, meaning)                                                       \
	const struct schema_group schema_##group = { called, shown, meaning,                       \
		sizeof(struct cfg_##group), group##_fields };
#include "lib/schema/rows.def"
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

const struct schema_field *schema_field(const struct schema_group *group, struct str name)
{
	const struct schema_field *f = group->fields;

	while (f->name && !str_equal(str_of(f->name), name))
		f++;
	return f->name ? f : NULL;
}
