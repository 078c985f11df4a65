/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands changed beside the file: keys, consumers and endpoints that were added or removed,
 * plans of consumers, weights of endpoints. The changes lie over each configuration that is read,
 * until a command takes them back. There is one for each key, consumer and endpoint, the latest.
 */
#ifndef SLUICE_CONTROL_CHANGES_H
#define SLUICE_CONTROL_CHANGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/config/config.h"
#include "lib/shm/delta.h"
#include "lib/shm/snapshot.h"

#define CHANGES_MAX       1024
#define CHANGE_NAME_BYTES 65 /* of names in a configuration, terminated */

enum change_kind {
	CHANGE_KEY_ADD,
	CHANGE_KEY_REVOKE,
	CHANGE_WEIGHT,
	CHANGE_ENDPOINT_ADD,
	CHANGE_ENDPOINT_REMOVE,
	CHANGE_CONSUMER_ADD,
	CHANGE_CONSUMER_PLAN,
	CHANGE_CONSUMER_REMOVE,
	CHANGE_KINDS
};

/* What a change is of. */
enum change_target { CHANGE_OF_KEY, CHANGE_OF_ENDPOINT, CHANGE_OF_CONSUMER };

struct change {
	enum change_kind kind;
	uint64_t number;            /* counts up; which one is to be taken back */
	int64_t at_s;               /* Unix seconds */
	char of[CHANGE_NAME_BYTES]; /* consumer, or backend */
	char name
		[CHANGE_NAME_BYTES]; /* id of the key, address of the endpoint, the consumer's plan */
	uint8_t digest[SNAP_DIGEST_BYTES];
	uint64_t expires; /* CHANGE_KEY_ADD: Unix seconds; 0: never */
	uint32_t weight;  /* CHANGE_WEIGHT, CHANGE_ENDPOINT_ADD */
	/* CHANGE_CONSUMER_ADD after a removal: the keys that the file has for it stay removed. */
	bool without_keys;
};

struct changes {
	struct change *list; /* CHANGES_MAX, or NULL */
	uint32_t count;
	uint64_t last; /* number of the latest */
};

enum change_target change_target(enum change_kind kind);
/** Is it made by a new part of the snapshot, and not by a delta? */
bool change_needs_part(enum change_kind kind);

/** The change of the same key, consumer or endpoint, or NULL. */
const struct change *changes_find(const struct changes *changes, const struct change *like);
/** Add a change, in place of one of the same key, consumer or endpoint. Its number is given here;
 *  what was added by command stays an addition when its weight or plan changes. Keys that were added
 *  by command go with their consumer.
 *  @return 0, -ENOSPC when there are CHANGES_MAX, or -ENOMEM */
int changes_put(struct changes *changes, struct change *change);
/** Take one back, or all: @p number 0. @return how many there were */
uint32_t changes_forget(struct changes *changes, uint64_t number);
/** @return 0 or -ENOMEM; @p out is freed with changes_free() */
int changes_copy(const struct changes *from, struct changes *out);
void changes_free(struct changes *changes);

/** [{"number":…, "what":"key add", "consumer":…, "key":…, …}]; the caller owns it. */
json_t *changes_to_json(const struct changes *changes);
/** @return 0, -EINVAL for what changes_to_json() did not write, or -ENOMEM */
int changes_from_json(const json_t *list, struct changes *out);
/** "key add" and so on. */
const char *change_what(enum change_kind kind);

/**
 * Lay them over a configuration that was checked. What they name and the configuration does not
 * have is left alone. Texts of @p changes are used until the configuration is freed.
 * @return 0 or -ENOMEM
 */
int changes_lay(const struct changes *changes, struct config *config);

/**
 * Lay them over a snapshot that was compiled before they were made. What they name and the snapshot
 * does not have is left alone, as is an addition for which it has no place.
 * @param after       the number of the latest that the snapshot holds
 * @param generation  of @p out; parts of kinds that stay the same are shared
 * @return 0, or as snapshot_copy()
 */
int changes_lay_snapshot(const struct changes *changes, uint64_t after, const struct snapshot *s,
	uint64_t generation, uint64_t boot_id, struct snapshot *out);

/**
 * Can a change be made in a generation? Of consumers and endpoints that are added or removed, and of
 * plans. The address of an endpoint is then written as the generation has it.
 * @param why  on failure a sentence; @p why_bytes of room
 * @return 0 or -EINVAL
 */
int change_check(struct change *change, const struct snapshot *s, char *why, size_t why_bytes);

/**
 * The delta that makes a change in a running generation, without its sequence.
 * @param change  of a key or weight; of an endpoint that was added and is there: its weight
 * @param why     on failure a sentence; @p why_bytes of room
 * @return 0 or -ENOENT: the generation has no such consumer, key or endpoint
 */
int change_delta(const struct change *change, const struct snapshot *running, struct delta *out,
	char *why, size_t why_bytes);

#endif
