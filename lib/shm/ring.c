/* SPDX-License-Identifier: Apache-2.0 */
/* See ring.h. */
#include "lib/shm/ring.h"

#include <errno.h>
#include <string.h>

#include "lib/shm/shm_priv.h"

static size_t records_at(const struct ring_kind *kind)
{
	return sizeof(struct segment_header) + kind->header_bytes;
}

static bool size_valid(const struct ring_kind *kind, uint32_t records)
{
	return records >= 1 && records <= kind->records_max && (records & (records - 1)) == 0;
}

static void ring_place(const struct ring_kind *kind, uint32_t records, struct ring_map *map)
{
	uint8_t *base = map->segment.base;

	map->header = base + sizeof(struct segment_header);
	map->records = base + records_at(kind);
	map->mask = records - 1;
}

int ring_create(const struct ring_kind *kind, const char *name, uint32_t records, uint64_t boot_id,
	struct ring_map *out)
{
	uint32_t numbers[2] = { records, kind->record_bytes };
	int err;

	*out = (struct ring_map){ .segment = segment_none() };
	if (!size_valid(kind, records))
		return -EINVAL;
	err = segment_create(name, kind->segment,
		records_at(kind) + (size_t)records * kind->record_bytes, boot_id, &out->segment);
	if (err)
		return err;
	ring_place(kind, records, out);
	memcpy(out->header, numbers, sizeof(numbers));
	return 0;
}

static int ring_map_fd(const struct ring_kind *kind, int fd, bool writable, struct ring_map *out)
{
	uint32_t numbers[2]; /* records, record_bytes: read once, for they may change */
	int err;

	*out = (struct ring_map){ .segment = segment_none() };
	err = segment_map(fd, kind->segment, writable, false, &out->segment);
	if (err)
		return err;
	if (out->segment.length >= records_at(kind)) {
		memcpy(numbers, (uint8_t *)out->segment.base + sizeof(struct segment_header),
			sizeof(numbers));
		if (size_valid(kind, numbers[0]) && numbers[1] == kind->record_bytes &&
			records_at(kind) + (uint64_t)numbers[0] * kind->record_bytes <=
				out->segment.length) {
			ring_place(kind, numbers[0], out);
			return 0;
		}
	}
	out->segment.fd = -1; /* stays the caller's */
	segment_close(&out->segment);
	*out = (struct ring_map){ .segment = segment_none() };
	return -EBADMSG;
}

int ring_open(const struct ring_kind *kind, int fd, struct ring_map *out)
{
	return ring_map_fd(kind, fd, true, out);
}

int ring_open_readonly(const struct ring_kind *kind, int fd, struct ring_map *out)
{
	return ring_map_fd(kind, fd, false, out);
}
