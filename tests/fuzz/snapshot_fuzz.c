/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzing of what is read from shared memory. The first byte chooses the reader and what the rest
 * is: a segment, or changes (offset, offset, byte) to a good one, which stays good when layouts
 * change. Of a snapshot that is one kind, which is put together with good ones of the others.
 * Header, seals and CRC are put right before reading, because a mutation that stops there shows
 * nothing; what a reader accepts is then walked to its last byte under the sanitizers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/crc32c.h"
#include "lib/shm/ask.h"
#include "lib/shm/delta.h"
#include "lib/shm/events.h"
#include "lib/shm/link.h"
#include "lib/shm/shm_priv.h"
#include "lib/shm/stats.h"
#include "lib/shm/usage.h"
/* Each fuzz target is one source file. */
#include "tests/unit/shm/snapshot_fixture.c"

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void header_fix(uint8_t *base, size_t length, enum segment_type type)
{
	struct segment_header *header = (void *)base;

	header->magic = SHM_MAGIC;
	header->type = type;
	header->abi_major = SHM_ABI_MAJOR;
	header->length = length;
	header->layout = segment_layout(type);
	header->crc32c = crc32c(0, base + sizeof(*header), length - sizeof(*header));
}

/* The input as a segment in memory of exactly its size. */
static struct segment segment_copy(const uint8_t *data, size_t size, enum segment_type type)
{
	struct segment s = { .fd = -1, .length = shm_round_up(size < 64 ? 64 : size) };

	s.base = aligned_alloc(SHM_ALIGN, s.length);
	if (!s.base)
		abort();
	memset(s.base, 0, s.length);
	memcpy(s.base, data, size);
	header_fix(s.base, s.length, type);
	if (segment_check(s.base, s.length, type, true))
		abort();
	return s;
}

/* Good segments of a snapshot, made once. */
static const struct segment *good_snapshot(void)
{
	static struct segment made[SNAP_KINDS];

	if (!made[0].base && fixture_build(1, made))
		abort();
	return made;
}

static void snapshot_read(const uint8_t *data, size_t size)
{
	struct segment segments[SNAP_KINDS];
	struct segment s = segment_copy(data, size, SEGMENT_SNAPSHOT);
	const struct snap_header *header =
		(const void *)((const uint8_t *)s.base + sizeof(struct segment_header));
	struct snapshot snapshot;
	char why[160] = "";

	memcpy(segments, good_snapshot(), sizeof(segments));
	segments[s.length > sizeof(struct segment_header) ? header->kind % SNAP_KINDS : 0] = s;
	if (fixture_open_memory(segments, &snapshot, why, sizeof(why)) == 0)
		sink += snapshot_walk(&snapshot);
	else if (strncmp(why, "section ", 8) != 0)
		abort();
	snapshot_close(&snapshot);
	free(s.base);
}

static void secrets_read(const uint8_t *data, size_t size)
{
	struct segment s = segment_copy(data, size, SEGMENT_SECRETS);
	void *base = s.base;
	struct secrets secrets;

	if (secrets_open(&s, &secrets) == 0)
		sink += secrets_walk(&secrets);
	free(base);
}

/* The input as a memfd, for the readers that map. */
static int memfd_copy(const uint8_t *data, size_t size, enum segment_type type)
{
	struct segment s = segment_copy(data, size, type);
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, s.base, s.length) != (ssize_t)s.length ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		abort();
	free(s.base);
	return fd;
}

static void stats_read(int fd)
{
	struct stats s;

	if (stats_open(fd, &s)) {
		close(fd);
		return;
	}
	sink += s.worker->retries + s.drop[DROP_COUNT - 1] + s.reason[REASON_COUNT - 1];
	sink += s.stage_cycles[STAGE_COUNT - 1] + s.tcp->copied_payloads;
	for (uint32_t i = 0; i < s.shape.ports; i++)
		sink += s.port[i].rx_no_mbuf;
	for (uint32_t i = 0; i < s.shape.listeners; i++)
		sink += s.listener[i].tls_failures;
	for (uint32_t i = 0; i < s.shape.apis; i++)
		sink += hist_quantile(s.api[i].latency_us, 0.99);
	for (uint32_t i = 0; i < s.shape.endpoints; i++)
		sink += hist_quantile(s.endpoint[i].latency_us, 0.99);
	for (uint32_t i = 0; i < s.entries; i++) {
		const struct stats_entry *e = &s.directory[i];
		const uint8_t *base = s.segment.base;

		for (uint32_t k = 0; k < e->count && k < 1000; k++)
			sink += *(const uint64_t *)(const void *)(base + e->offset +
								  (size_t)k * e->stride);
		sink += stats_field_name(e, e->fields - 1) != NULL;
	}
	stats_close(&s);
}

static void usage_read(int fd)
{
	struct usage u;

	if (usage_open(fd, true, &u)) {
		close(fd);
		return;
	}
	for (uint32_t i = 0; i < u.capacity; i++)
		sink += atomic_load(&u.lines[i].last_seen_s);
	usage_close(&u);
}

static void events_read(int fd)
{
	struct event out[16], *slot;
	struct event_ring ring;
	uint32_t n;

	if (event_ring_open(fd, &ring)) {
		close(fd);
		return;
	}
	slot = event_ring_slot(&ring);
	if (slot) {
		*slot = (struct event){ .status = 200 };
		event_ring_push(&ring);
	}
	while ((n = event_ring_read(&ring, out, 16)) > 0)
		for (uint32_t i = 0; i < n; i++)
			if (out[i].host_bytes > EVENT_HOST_BYTES)
				abort();
	event_ring_close(&ring);
}

static void delta_read(int fd)
{
	struct delta_ring ring;
	struct delta out = { .sequence = 1 };

	if (delta_ring_open(fd, &ring)) {
		close(fd);
		return;
	}
	delta_ring_push(&ring, &out);
	while (delta_ring_pop(&ring, &out) > 0)
		sink += out.sequence;
	delta_ring_close(&ring);
}

/* Both sides of the rings on the same memory: control's opens it, the worker's is made of that. */
static void asks_read(int fd)
{
	const struct ask_reply reply = { .number = 1, .verdict = ASK_ALLOW };
	const struct ask_question question = { .number = 1 };
	struct ask_ring control, worker;
	struct ask_question q;
	struct ask_reply r;
	bool wake;

	if (ask_ring_open(fd, &control)) {
		close(fd);
		return;
	}
	worker = control;
	worker.put = worker.got = worker.room_seen = 0;
	(void)ask_ring_put(&worker, &question, NULL, &wake);
	for (int got; (got = ask_ring_take(&control, &q)) != 0;)
		if (got > 0 && q.bytes > ASK_DATA_BYTES)
			abort();
	(void)ask_ring_reply(&control, &reply, NULL);
	for (int got; (got = ask_ring_reply_take(&worker, &r)) != 0;)
		if (got > 0 && (r.bytes > ASK_DATA_BYTES ||
				       (r.verdict != ASK_ALLOW && r.verdict != ASK_REFUSE)))
			abort();
	ask_ring_close(&control);
}

static const enum segment_type types[] = { SEGMENT_SNAPSHOT, SEGMENT_SECRETS, SEGMENT_STATS,
	SEGMENT_USAGE, SEGMENT_EVENTS, SEGMENT_DELTA };
#define TYPES (sizeof(types) / sizeof(types[0]))

static void segment_read(enum segment_type type, const uint8_t *data, size_t size)
{
	switch (type) {
	case SEGMENT_SNAPSHOT:
		snapshot_read(data, size);
		break;
	case SEGMENT_SECRETS:
		secrets_read(data, size);
		break;
	case SEGMENT_STATS:
		stats_read(memfd_copy(data, size, type));
		break;
	case SEGMENT_USAGE:
		usage_read(memfd_copy(data, size, type));
		break;
	case SEGMENT_EVENTS:
		events_read(memfd_copy(data, size, type));
		break;
	case SEGMENT_DELTA:
		delta_read(memfd_copy(data, size, type));
		break;
	case SEGMENT_ASK:
		asks_read(memfd_copy(data, size, type));
		break;
	}
}

/* A good segment of each type, made once. */
static const struct segment *good_segment(enum segment_type type)
{
	static struct segment made[SEGMENT_ASK + 1];
	const struct stats_shape shape = { 1, 1, 1, 1 };
	struct segment *s = &made[type];
	struct event_ring events;
	struct delta_ring deltas;
	struct ask_ring asks;
	struct stats stats;
	struct usage usage;
	int err = 0;

	if (s->base)
		return s;
	if (type == SEGMENT_SECRETS)
		err = fixture_secrets(1, s);
	else if (type == SEGMENT_STATS && (err = stats_create(0, &shape, 1, &stats)) == 0)
		*s = stats.segment;
	else if (type == SEGMENT_USAGE && (err = usage_create(4, 1, &usage)) == 0)
		*s = usage.segment;
	else if (type == SEGMENT_EVENTS && (err = event_ring_create(0, 4, 1, &events)) == 0)
		*s = events.segment;
	else if (type == SEGMENT_DELTA && (err = delta_ring_create(4, 1, &deltas)) == 0)
		*s = deltas.segment;
	else if (type == SEGMENT_ASK && (err = ask_ring_create(0, 2, 1, &asks)) == 0)
		*s = asks.segment;
	if (err || !s->base)
		abort();
	return s;
}

static void changed_read(enum segment_type type, unsigned kind, const uint8_t *changes, size_t size)
{
	const struct segment *good =
		type == SEGMENT_SNAPSHOT ? &good_snapshot()[kind] : good_segment(type);
	uint8_t *copy = malloc(good->length);

	if (!copy)
		abort();
	memcpy(copy, good->base, good->length);
	for (size_t i = 0; i + 3 <= size; i += 3)
		copy[((size_t)changes[i] << 8 | changes[i + 1]) % good->length] = changes[i + 2];
	segment_read(type, copy, good->length);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum segment_type type;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	/* A number of its own, so that seeds of the others keep their meaning. */
	type = data[0] / 2 == 0x48 ? SEGMENT_ASK : types[data[0] % TYPES];
	if (type == SEGMENT_ASK ? data[0] & 1 : data[0] / TYPES % 2)
		changed_read(type, data[0] / TYPES / 2 % SNAP_KINDS, data + 1, size - 1);
	else
		segment_read(type, data + 1, size - 1);
	return 0;
}
