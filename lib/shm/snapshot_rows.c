/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of lib/schema as tables of the snapshot's members. */
#include "lib/shm/snapshot_rows.h"

#include <string.h>

#include "lib/schema/numbers.h"

/* The record that a group's settings are in. */
#define SNAP_RECORD_dataplane   snap_settings
#define SNAP_RECORD_buffers     snap_settings
#define SNAP_RECORD_capacity    snap_settings
#define SNAP_RECORD_access_log  snap_settings
#define SNAP_RECORD_limits      snap_settings
#define SNAP_RECORD_timeouts    snap_settings
#define SNAP_RECORD_forwarding  snap_settings
#define SNAP_RECORD_port        snap_port
#define SNAP_RECORD_kernel      snap_kernel
#define SNAP_RECORD_certificate snap_cert
#define SNAP_RECORD_listener    snap_listener
#define SNAP_RECORD_backend     snap_backend
#define SNAP_RECORD_health      snap_health
#define SNAP_RECORD_backend_tls snap_peer
#define SNAP_RECORD_endpoint    snap_endpoint
#define SNAP_RECORD_route       snap_route
#define SNAP_RECORD_reply       snap_reply
#define SNAP_RECORD_retry       snap_retry
#define SNAP_RECORD_api         snap_api
#define SNAP_RECORD_cors        snap_cors
#define SNAP_RECORD_credential  snap_credential
#define SNAP_RECORD_plan        snap_plan

/* Of texts only the place counts. */
#define NUMBERS_u32(...)  __VA_ARGS__
#define NUMBERS_u64(...)  __VA_ARGS__
#define NUMBERS_text(...) .fallback = 0
/* The record's name is a macro, which offsetof() would not expand. */
#define PLACE(record, named) offsetof(struct record, named)

#define SETTING(group, name, type, kept, named, otherwise, range, change, text)                    \
	{ .member = #named,                                                                        \
		.offset = PLACE(SNAP_RECORD_##group, named),                                       \
		.store = SNAP_IS_##kept,                                                           \
		NUMBERS_##kept(otherwise, range),                                                  \
		change },
#include "lib/schema/rows.def"

const struct snap_row snap_rows_settings[] = {
#include "lib/schema/settings.def"
	{ NULL },
};

#undef GROUP
#define GROUP(group, noun, title, text) const struct snap_row snap_rows_##group[] = {
#undef END
#define END(group)                                                                                 \
	{                                                                                          \
		NULL                                                                               \
	}                                                                                          \
	}                                                                                          \
	;
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

uint64_t snap_row_number(const struct snap_row *row, const void *record)
{
	const char *place = (const char *)record + row->offset;

	switch (row->store) {
	case SNAP_IS_u64:
		return *(const uint64_t *)(const void *)place;
	case SNAP_IS_text:
		return ((const struct snap_text *)(const void *)place)->length;
	case SNAP_IS_u32:
		break;
	}
	return *(const uint32_t *)(const void *)place;
}

void snap_row_set(const struct snap_row *row, void *record, uint64_t number)
{
	const uint32_t narrow = (uint32_t)number;
	char *place = (char *)record + row->offset;

	if (row->store == SNAP_IS_u64)
		memcpy(place, &number, sizeof(number));
	else
		memcpy(place, &narrow, sizeof(narrow));
}

void snap_rows_defaults(const struct snap_row *rows, void *record)
{
	static const struct snap_text none;

	for (; rows->member; rows++) {
		if (rows->store == SNAP_IS_text)
			memcpy((char *)record + rows->offset, &none, sizeof(none));
		else
			snap_row_set(rows, record, rows->fallback);
	}
}

bool snap_row_same(const struct snap_row *row, const struct snapshot *a, const void *x,
	const struct snapshot *b, const void *y)
{
	struct snap_text s, t;

	if (row->store != SNAP_IS_text)
		return snap_row_number(row, x) == snap_row_number(row, y);
	memcpy(&s, (const char *)x + row->offset, sizeof(s));
	memcpy(&t, (const char *)y + row->offset, sizeof(t));
	return snapshot_same_text(a, s, b, t);
}

const struct snap_row *snap_rows_restart(const struct snap_row *rows, const struct snapshot *a,
	const void *x, const struct snapshot *b, const void *y)
{
	for (; rows->member; rows++)
		if (rows->restart && !snap_row_same(rows, a, x, b, y))
			return rows;
	return NULL;
}
