/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of one worker: a segment that only this worker writes, with plain stores, and everybody may
 * read at any time. A directory at its start names each block of counters, so that a reader of another
 * version finds what it knows and lists what it does not.
 *
 * Counters only grow. A reader adds the workers up and subtracts two readings for rates.
 */
#ifndef SLUICE_LIB_SHM_STATS_H
#define SLUICE_LIB_SHM_STATS_H

#include "lib/shm/reason.h"
#include "lib/shm/shm.h"
#include "lib/shm/snapshot.h"

/* Stages of the worker's loop, in order; cycles of each are counted. */
enum stage {
#define STAGE(NAME, name, text) STAGE_##NAME,
#include "lib/shm/stage.def"
#undef STAGE
	STAGE_COUNT
};
const char *stage_name(enum stage stage);

/* Log-linear histogram of microseconds: 16 sub-buckets an octave, 0 µs to 2^24 µs (16.8 s), then one
 * bucket for all above. Error below 1/16. */
#define HIST_SUB_BITS 4
#define HIST_OCTAVES  24
#define HIST_BUCKETS  ((HIST_OCTAVES - HIST_SUB_BITS + 1) * (1 << HIST_SUB_BITS) + 1)

static inline uint32_t hist_bucket(uint64_t us)
{
	if (us < (1u << HIST_SUB_BITS))
		return (uint32_t)us;
	uint32_t octave = 63 - (uint32_t)__builtin_clzll(us);

	if (octave >= HIST_OCTAVES)
		return HIST_BUCKETS - 1;
	return ((octave - HIST_SUB_BITS + 1) << HIST_SUB_BITS) +
	       (uint32_t)((us >> (octave - HIST_SUB_BITS)) & ((1u << HIST_SUB_BITS) - 1));
}

/** Smallest value of a bucket, in microseconds. */
uint64_t hist_bucket_floor(uint32_t bucket);
/**
 * The value at or below which a share of the samples lies. The counts may grow while they are read.
 * @param counts    HIST_BUCKETS
 * @param quantile  0 to 1; outside of it the nearer end
 * @return the middle of the bucket in µs; 0 without samples
 */
uint64_t hist_quantile(const uint64_t *counts, double quantile);

struct stats_worker {
#define WORKER_COUNTER(name, text) uint64_t name;
#include "lib/shm/worker_counters.def"
#undef WORKER_COUNTER
};

struct stats_tcp {
#define TCP_COUNTER(name, text) uint64_t name;
#include "lib/shm/tcp_counters.def"
#undef TCP_COUNTER
};

struct stats_port {
#define PORT_COUNTER(name, text) uint64_t name;
#include "lib/shm/port_counters.def"
#undef PORT_COUNTER
};

struct stats_listener {
#define LISTENER_COUNTER(name, text) uint64_t name;
#include "lib/shm/listener_counters.def"
#undef LISTENER_COUNTER
};

struct stats_api {
#define API_COUNTER(name, text) uint64_t name;
#include "lib/shm/api_counters.def"
#undef API_COUNTER
	uint64_t latency_us
		[HIST_BUCKETS]; /* first byte of the request head to last byte of the answer */
};

struct stats_endpoint {
#define ENDPOINT_COUNTER(name, text) uint64_t name;
#include "lib/shm/endpoint_counters.def"
#undef ENDPOINT_COUNTER
	uint64_t latency_us[HIST_BUCKETS]; /* request sent to response head */
};

enum stats_kind { STATS_COUNTERS = 1, STATS_HISTOGRAM = 2 };

/* One row of the directory: `count` instances, `stride` bytes apart, of `fields` uint64_t each. */
struct stats_entry {
	char name[32]; /* "worker", "drop", "reason", "stage_cycles", "tcp", "port", "listener",
			     * "api", "api_latency_us", "endpoint", "endpoint_latency_us" */
	char first_field
		[24];    /* name of the first field; the others follow in their .def file's order */
	uint32_t kind;   /* enum stats_kind */
	uint32_t count;  /* instances (ports, slots), 1 for a single block */
	uint32_t stride; /* bytes from instance to instance */
	uint32_t fields; /* uint64_t in an instance */
	uint64_t offset; /* of the first instance, from the segment's start */
};
static_assert(sizeof(struct stats_entry) == 80, "");

struct stats_shape {
	uint32_t ports, listeners, apis, endpoints; /* instances to reserve */
};

#define STATS_ENTRIES_MAX 32

/* The blocks of a mapped segment. Pointers are this process's. */
struct stats {
	struct segment segment;
	struct stats_shape shape;
	uint32_t worker_index;
	uint32_t entries; /* rows of the directory */
	struct stats_worker *worker;
	uint64_t *drop;         /* DROP_COUNT */
	uint64_t *reason;       /* REASON_COUNT */
	uint64_t *stage_cycles; /* STAGE_COUNT */
	struct stats_tcp *tcp;
	struct stats_port *port;
	struct stats_listener *listener;
	struct stats_api *api;
	struct stats_endpoint *endpoint;
	struct stats_entry directory[STATS_ENTRIES_MAX]; /* checked copy */
};

/**
 * Make the segment of one worker, all counters zero.
 * @return 0, -EINVAL for a shape beyond the limits of snapshot.h, or -errno; the caller owns @p out
 */
int stats_create(uint32_t worker_index, const struct stats_shape *shape, uint64_t boot_id,
	struct stats *out);
/**
 * Map a received segment read-only and check its directory.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when the directory does not fit, or an error of segment_map()
 */
int stats_open(int fd, struct stats *out);
/** Unmap and close; what holds nothing is left alone. */
void stats_close(struct stats *stats);

/** Name of one field of a directory row ("requests"), static; NULL for histograms' buckets, for rows of
 *  another version and beyond the row's fields. */
const char *stats_field_name(const struct stats_entry *entry, uint32_t field);

/** Names of a block's counters, in the order in which they lie. */
struct stats_names {
	const char *const *list; /* static */
	uint32_t count;
};
/** @param row  of the directory, as this version writes it: "worker", "drop", "tcp" …
 *  @return the names of its counters; none for histograms and rows that are not there */
struct stats_names stats_names(const char *row);

#endif
