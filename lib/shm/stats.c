/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics segment of a worker. One table says which blocks there are and what the directory tells
 * of them; making and opening a segment both walk it. The directory is copied before it is checked,
 * because the worker that wrote it may still write.
 */
#include "lib/shm/stats.h"

#include <errno.h>
#include <stdio.h>

#include "lib/shm/shm_priv.h"

enum block {
	BLOCK_WORKER,
	BLOCK_DROP,
	BLOCK_REASON,
	BLOCK_STAGE,
	BLOCK_TCP,
	BLOCK_PORT,
	BLOCK_LISTENER,
	BLOCK_API,
	BLOCK_ENDPOINT,
	BLOCK_COUNT
};

static const uint32_t block_strides[BLOCK_COUNT] = {
	[BLOCK_WORKER] = sizeof(struct stats_worker),
	[BLOCK_DROP] = DROP_COUNT * sizeof(uint64_t),
	[BLOCK_REASON] = REASON_COUNT * sizeof(uint64_t),
	[BLOCK_STAGE] = STAGE_COUNT * sizeof(uint64_t),
	[BLOCK_TCP] = sizeof(struct stats_tcp),
	[BLOCK_PORT] = sizeof(struct stats_port),
	[BLOCK_LISTENER] = sizeof(struct stats_listener),
	[BLOCK_API] = sizeof(struct stats_api),
	[BLOCK_ENDPOINT] = sizeof(struct stats_endpoint),
};

static const char *const worker_fields[] = {
#define WORKER_COUNTER(name, text) #name,
#include "lib/shm/worker_counters.def"
#undef WORKER_COUNTER
};
static const char *const drop_fields[] = {
#define DROP(NAME, name, text) #name,
#include "lib/shm/drop.def"
#undef DROP
};
static const char *const reason_fields[] = {
#define REASON(NAME, name, status, title) #name,
#include "lib/shm/reason.def"
#undef REASON
};
static const char *const stage_fields[] = {
#define STAGE(NAME, name, text) #name,
#include "lib/shm/stage.def"
#undef STAGE
};
static const char *const tcp_fields[] = {
#define TCP_COUNTER(name, text) #name,
#include "lib/shm/tcp_counters.def"
#undef TCP_COUNTER
};
static const char *const port_fields[] = {
#define PORT_COUNTER(name, text) #name,
#include "lib/shm/port_counters.def"
#undef PORT_COUNTER
};
static const char *const listener_fields[] = {
#define LISTENER_COUNTER(name, text) #name,
#include "lib/shm/listener_counters.def"
#undef LISTENER_COUNTER
};
static const char *const api_fields[] = {
#define API_COUNTER(name, text) #name,
#include "lib/shm/api_counters.def"
#undef API_COUNTER
};
static const char *const endpoint_fields[] = {
#define ENDPOINT_COUNTER(name, text) #name,
#include "lib/shm/endpoint_counters.def"
#undef ENDPOINT_COUNTER
};

/* What the directory tells of a block, or of a part of each of its instances. */
struct row {
	const char *name;
	enum block block;
	enum stats_kind kind;
	uint32_t offset; /* in an instance */
	uint32_t fields;
	const char *const *names; /* NULL: buckets */
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define COUNTERS(name, block, names)                                                               \
	{                                                                                          \
		name, block, STATS_COUNTERS, 0, COUNT_OF(names), names                             \
	}
#define HISTOGRAM(name, block, type)                                                               \
	{                                                                                          \
		name, block, STATS_HISTOGRAM, offsetof(struct type, latency_us), HIST_BUCKETS,     \
			NULL                                                                       \
	}

static const struct row rows[] = {
	COUNTERS("worker", BLOCK_WORKER, worker_fields),
	COUNTERS("drop", BLOCK_DROP, drop_fields),
	COUNTERS("reason", BLOCK_REASON, reason_fields),
	COUNTERS("stage_cycles", BLOCK_STAGE, stage_fields),
	COUNTERS("tcp", BLOCK_TCP, tcp_fields),
	COUNTERS("port", BLOCK_PORT, port_fields),
	COUNTERS("listener", BLOCK_LISTENER, listener_fields),
	COUNTERS("api", BLOCK_API, api_fields),
	HISTOGRAM("api_latency_us", BLOCK_API, stats_api),
	COUNTERS("endpoint", BLOCK_ENDPOINT, endpoint_fields),
	HISTOGRAM("endpoint_latency_us", BLOCK_ENDPOINT, stats_endpoint),
};
#define ROWS COUNT_OF(rows)
static_assert(COUNT_OF(rows) <= STATS_ENTRIES_MAX, "the directory fits struct stats");

#define DIRECTORY_OFFSET (sizeof(struct segment_header) + sizeof(struct stats_header))

const char *stage_name(enum stage stage)
{
	return (unsigned)stage < STAGE_COUNT ? stage_fields[stage] : "unknown";
}

const char *stats_field_name(const struct stats_entry *entry, uint32_t field)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strncmp(entry->name, rows[i].name, sizeof(entry->name)) == 0)
			return rows[i].names && field < rows[i].fields ? rows[i].names[field]
								       : NULL;
	return NULL;
}

struct stats_names stats_names(const char *row)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].names && strcmp(row, rows[i].name) == 0)
			return (struct stats_names){ rows[i].names, rows[i].fields };
	return (struct stats_names){ NULL, 0 };
}

static uint32_t block_instances(const struct stats_shape *shape, enum block block)
{
	switch (block) {
	case BLOCK_PORT:
		return shape->ports;
	case BLOCK_LISTENER:
		return shape->listeners;
	case BLOCK_API:
		return shape->apis;
	case BLOCK_ENDPOINT:
		return shape->endpoints;
	default:
		return 1;
	}
}

static bool shape_valid(const struct stats_shape *shape)
{
	return shape->ports <= SNAP_PORTS_MAX && shape->listeners <= SNAP_LISTENER_CAPACITY_MAX &&
	       shape->apis <= SNAP_API_CAPACITY_MAX &&
	       shape->endpoints <= SNAP_ENDPOINT_CAPACITY_MAX;
}

/* Fill the directory for a shape. @return bytes of the segment */
static uint64_t directory_make(const struct stats_shape *shape, struct stats_entry *directory)
{
	uint64_t end = shm_round_up(DIRECTORY_OFFSET + ROWS * sizeof(struct stats_entry));
	uint64_t offsets[BLOCK_COUNT];

	for (unsigned b = 0; b < BLOCK_COUNT; b++) {
		offsets[b] = end;
		end += shm_round_up((uint64_t)block_instances(shape, b) * block_strides[b]);
	}
	for (size_t i = 0; i < ROWS; i++) {
		struct stats_entry *e = &directory[i];

		*e = (struct stats_entry){
			.kind = rows[i].kind,
			.count = block_instances(shape, rows[i].block),
			.stride = block_strides[rows[i].block],
			.fields = rows[i].fields,
			.offset = offsets[rows[i].block] + rows[i].offset,
		};
		snprintf(e->name, sizeof(e->name), "%s", rows[i].name);
		snprintf(e->first_field, sizeof(e->first_field), "%s",
			rows[i].names ? rows[i].names[0] : "0");
	}
	return end;
}

static void stats_place(struct stats *s, const uint64_t *offsets)
{
	uint8_t *base = s->segment.base;

	s->worker = (void *)(base + offsets[BLOCK_WORKER]);
	s->drop = (void *)(base + offsets[BLOCK_DROP]);
	s->reason = (void *)(base + offsets[BLOCK_REASON]);
	s->stage_cycles = (void *)(base + offsets[BLOCK_STAGE]);
	s->tcp = (void *)(base + offsets[BLOCK_TCP]);
	s->port = (void *)(base + offsets[BLOCK_PORT]);
	s->listener = (void *)(base + offsets[BLOCK_LISTENER]);
	s->api = (void *)(base + offsets[BLOCK_API]);
	s->endpoint = (void *)(base + offsets[BLOCK_ENDPOINT]);
}

int stats_create(
	uint32_t worker_index, const struct stats_shape *shape, uint64_t boot_id, struct stats *out)
{
	struct stats s = { .shape = *shape, .worker_index = worker_index, .entries = ROWS };
	uint64_t offsets[BLOCK_COUNT], length;
	char name[32];
	uint8_t *base;
	int err;

	*out = (struct stats){ .segment = segment_none() };
	if (!shape_valid(shape))
		return -EINVAL;
	length = directory_make(shape, s.directory);
	for (size_t i = 0; i < ROWS; i++)
		offsets[rows[i].block] = s.directory[i].offset - rows[i].offset;
	snprintf(name, sizeof(name), "sluice-stats-%u", worker_index);
	err = segment_create(name, SEGMENT_STATS, length, boot_id, &s.segment);
	if (err)
		return err;
	base = s.segment.base;
	*(struct stats_header *)(void *)(base + sizeof(struct segment_header)) =
		(struct stats_header){ .entries = ROWS,
			.entry_bytes = sizeof(struct stats_entry),
			.worker_index = worker_index };
	memcpy(base + DIRECTORY_OFFSET, s.directory, ROWS * sizeof(struct stats_entry));
	stats_place(&s, offsets);
	*out = s;
	return 0;
}

/* A row lies in the segment, whatever it is called. */
static bool entry_fits(const struct stats_entry *e, uint64_t length)
{
	const uint64_t bytes = (uint64_t)e->fields * sizeof(uint64_t);

	if (!memchr(e->name, 0, sizeof(e->name)) ||
		!memchr(e->first_field, 0, sizeof(e->first_field)))
		return false;
	if (e->kind != STATS_COUNTERS && e->kind != STATS_HISTOGRAM)
		return false;
	if (e->fields == 0 || e->stride % sizeof(uint64_t) || e->offset % sizeof(uint64_t) ||
		bytes > e->stride)
		return false;
	return e->count == 0 ||
	       (e->offset <= length &&
		       (uint64_t)(e->count - 1) * e->stride + bytes <= length - e->offset);
}

/* Find the block of a row of ours. The first row of a block tells the shape, others must agree. */
static bool row_find(struct stats *s, const struct row *row, uint64_t *offsets, uint32_t *counts)
{
	for (uint32_t i = 0; i < s->entries; i++) {
		const struct stats_entry *e = &s->directory[i];
		uint64_t offset;

		if (strcmp(e->name, row->name) != 0)
			continue;
		if (e->kind != row->kind || e->fields != row->fields ||
			e->stride != block_strides[row->block])
			return false;
		/* Without instances there is no place either. */
		offset = e->count ? e->offset - row->offset : 0;
		if (counts[row->block] != SNAP_NONE)
			return e->count == counts[row->block] && offset == offsets[row->block];
		counts[row->block] = e->count;
		offsets[row->block] = offset;
		return true;
	}
	return false;
}

static int stats_read_directory(struct stats *s)
{
	const uint8_t *base = s->segment.base;
	uint32_t counts[BLOCK_COUNT];
	uint64_t offsets[BLOCK_COUNT];
	struct stats_header header;

	if (s->segment.length < DIRECTORY_OFFSET)
		return -EBADMSG;
	memcpy(&header, base + sizeof(struct segment_header), sizeof(header));
	if (header.entry_bytes != sizeof(struct stats_entry) ||
		header.entries > STATS_ENTRIES_MAX ||
		DIRECTORY_OFFSET + header.entries * sizeof(struct stats_entry) > s->segment.length)
		return -EBADMSG;
	s->worker_index = header.worker_index;
	s->entries = header.entries;
	memcpy(s->directory, base + DIRECTORY_OFFSET, header.entries * sizeof(struct stats_entry));
	for (uint32_t i = 0; i < s->entries; i++)
		if (!entry_fits(&s->directory[i], s->segment.length))
			return -EBADMSG;
	memset(counts, 0xff, sizeof(counts)); /* SNAP_NONE */
	for (size_t i = 0; i < ROWS; i++)
		if (!row_find(s, &rows[i], offsets, counts))
			return -EBADMSG;
	for (unsigned b = 0; b < BLOCK_PORT; b++)
		if (counts[b] != 1)
			return -EBADMSG;
	s->shape = (struct stats_shape){ counts[BLOCK_PORT], counts[BLOCK_LISTENER],
		counts[BLOCK_API], counts[BLOCK_ENDPOINT] };
	stats_place(s, offsets);
	return shape_valid(&s->shape) ? 0 : -EBADMSG;
}

int stats_open(int fd, struct stats *out)
{
	struct stats s = { .entries = 0 };
	int err;

	*out = (struct stats){ .segment = segment_none() };
	err = segment_map(fd, SEGMENT_STATS, false, false, &s.segment);
	if (err)
		return err;
	err = stats_read_directory(&s);
	if (err) {
		s.segment.fd = -1; /* stays the caller's */
		segment_close(&s.segment);
		return err;
	}
	*out = s;
	return 0;
}

void stats_close(struct stats *stats)
{
	segment_close(&stats->segment);
	*stats = (struct stats){ .segment = segment_none() };
}
