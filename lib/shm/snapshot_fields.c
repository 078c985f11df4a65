/* SPDX-License-Identifier: Apache-2.0 */
/* The names of fields that no edit may change: one list for control's check and for the dataplane's. */
#include "lib/shm/snapshot.h"

static const char *const reserved_names[] = {
	/* Framing and routing. */
	"content-length", "transfer-encoding", "trailer", "host", "expect", "max-forwards",
	/* One connection's. */
	"connection", "keep-alive", "te", "upgrade", "proxy-connection", "proxy-authenticate",
	"proxy-authorization",
	/* Written by the gateway. */
	"date", "via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"
};

bool snap_field_is_name(struct str name)
{
	for (uint32_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~' ||
			strchr("\"(),/:;<=>?@[\\]{}", name.data[i]))
			return false;
	return name.len > 0 && name.len <= SNAP_EDIT_NAME_BYTES_MAX;
}

static bool name_is(struct str name, struct str other)
{
	if (name.len != other.len)
		return false;
	for (uint32_t i = 0; i < name.len; i++)
		if ((name.data[i] == '_' ? '-' : ascii_lower(name.data[i])) != other.data[i])
			return false;
	return true;
}

bool snap_field_is_reserved(struct str name)
{
	const struct str ours = STR("sluice-");

	for (size_t i = 0; i < sizeof(reserved_names) / sizeof(reserved_names[0]); i++)
		if (name_is(name, str_of(reserved_names[i])))
			return true;
	return name.len >= ours.len && name_is((struct str){ name.data, ours.len }, ours);
}
