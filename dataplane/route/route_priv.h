/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that route_build.c makes and route.c reads. */
#ifndef SLUICE_DATAPLANE_ROUTE_ROUTE_PRIV_H
#define SLUICE_DATAPLANE_ROUTE_ROUTE_PRIV_H

#include "dataplane/route/route.h"
#include "dataplane/route/route_index.h"

/* Where a template has its "{": see route_template.c. */
struct path_shape {
	uint64_t any;      /* a bit for each, that of the first segment on top */
	uint32_t segments; /* at most SNAP_PATH_SEGMENTS */
	bool prefix;
};

/* What hosts with the same APIs may reach. */
struct path_set {
	uint32_t id;
	uint32_t only_api; /* SNAP_NONE when it has several */
	uint32_t prefix_longest;
	uint32_t api_count;
	const uint32_t *apis;
	struct length_set exacts, prefixes;
	struct path_shape *shapes; /* in the order in which they are tried */
	uint32_t shape_count;
};

enum host_kind { HOST_EXACT, HOST_SUFFIX, HOST_ANY };

/* The hosts that one listener knows. */
struct host_scope {
	uint32_t any_set; /* of "*"; SNAP_NONE */
	uint32_t paths;   /* snap_listener.paths */
	bool has_suffixes;
	struct length_set suffixes;
};

struct route_table {
	const struct snapshot *snapshot;
	uint32_t listener_count, set_count;
	struct host_scope *listeners;
	struct path_set *sets;
	struct route_index hosts;  /* scope: listener and kind; payload: set */
	struct route_index paths;  /* scope: set and kind; payload: route */
	uint32_t *set_apis;        /* what path_set.apis points into */
	struct str *path_texts;    /* normalised, by route */
	struct path_shape *shapes; /* what path_set.shapes points into */
	char *path_bytes;          /* what path_texts points into, where it is not the snapshot */
};

static inline uint32_t host_scope_id(uint32_t listener, enum host_kind kind)
{
	return listener << 2 | kind;
}

static inline uint64_t host_hash(uint32_t listener, enum host_kind kind, struct str host)
{
	return index_scoped(index_hash(INDEX_SEED, host), host_scope_id(listener, kind));
}

static inline uint32_t path_scope_id(uint32_t set, enum snap_path_kind kind)
{
	return set << 2 | kind;
}

/** Mix in the segment whose slash is at *at; moves *at to the next slash or the end. A path's hash is
 *  that of its segments in turn, so each prefix's hash falls out on the way. */
static inline uint64_t path_hash_segment(uint64_t hash, struct str path, uint32_t *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint32_t i = *at + 1;

	for (;;) {
		uint32_t left = path.len - i, n = left < 8 ? left : 8;
		uint64_t word = index_word(path.data + i, n);
		uint64_t x = word ^ ones * '/';
		uint64_t slash = (x - ones) & ~x & ones << 7;

		if (slash != 0)
			n = (uint32_t)__builtin_ctzll(slash) / 8;
		i += n;
		if (n == 8) {
			hash = index_mix(hash, word);
			continue;
		}
		word &= ~(UINT64_MAX << (8 * n));
		*at = i;
		return index_mix(hash, word ^ ((uint64_t)n + 1) << 56);
	}
}

/* Whether some segments of such a path stand for any one. */
static inline bool path_kind_is_template(uint32_t kind)
{
	return kind >= SNAP_PATH_TEMPLATE;
}

/** The shape of a template's path. */
struct path_shape path_shape_of(struct str path, enum snap_path_kind kind);
/** The hash of such a path. */
uint64_t path_template_hash(const struct path_shape *shape, struct str key);
/** Put shapes into their order, each once. @return how many there are */
uint32_t path_shapes_sort(struct path_shape *shapes, uint32_t count);

/** The route of a path in a set that has templates.
 *  @param literal  the one without templates; NULL: none. It is returned where no template comes before it */
const struct index_node *path_find_template(const struct route_table *table,
	const struct path_set *set, struct str path, const struct index_node *literal);

/** True when normalisation would change or refuse nothing. */
bool route_path_is_plain(struct str path);

typedef enum reason (*route_path_fn)(struct str reading, void *ctx);

/**
 * Call @p fn with each reading of a path that is not plain, first with the one that is forwarded,
 * until it returns another reason than REASON_PROXIED.
 * @param buf  path.len bytes, in which the readings are made
 * @return what @p fn returned last, or why the path is refused
 */
enum reason route_path_each(
	struct str path, uint32_t paths, char *buf, route_path_fn fn, void *ctx);

#endif
