/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for one record of a snapshot, for programs that do so now and then: nothing is indexed. */
#include <stdlib.h>
#include <string.h>

#include "lib/shm/snapshot_priv.h"

uint32_t snap_find_name(
	const struct snapshot *s, enum snap_section_id id, size_t name_at, struct str name)
{
	const char *record = s->sections[id].records;
	struct snap_text text;

	for (uint32_t i = 0; i < s->sections[id].count; i++) {
		memcpy(&text, record + name_at, sizeof(text));
		if (str_equal(snap_str(s, text), name))
			return i;
		record += snap_section_infos[id].record_bytes;
	}
	return SNAP_NONE;
}

static int compare_digest(const void *digest, const void *key)
{
	return memcmp(digest, ((const struct snap_key *)key)->digest, SNAP_DIGEST_BYTES);
}

const struct snap_key *snap_find_key(const struct snapshot *s, const uint8_t *digest)
{
	uint32_t count;
	const struct snap_key *keys = snap_records(s, SNAP_KEYS, &count);

	return count ? bsearch(digest, keys, count, sizeof(*keys), compare_digest) : NULL;
}
