/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll: all consumers and keys of a configuration, those of its consumers section and those of
 * its key files, in one flat form that holds a million.
 */
#ifndef SLUICE_CONTROL_CONFIG_ROLL_H
#define SLUICE_CONTROL_CONFIG_ROLL_H

#include "control/config/config.h"
#include "control/config/names.h"

struct roll_consumer {
	struct str name;
	uint32_t plan; /* index into plans */
	uint32_t line;
	const char *file;
};

struct roll_key {
	uint8_t digest[32];
	uint64_t expires; /* Unix seconds; 0: never */
	struct str id;
	uint32_t consumer; /* index into the roll's consumers */
	uint32_t line;
	const char *file;
};

struct roll {
	struct roll_consumer *consumers;
	struct roll_key *keys;
	uint32_t consumer_count, consumer_room;
	uint32_t key_count, key_room;
	struct names *names; /* of consumers */
	char **texts;        /* key files' contents, which names point into */
	uint32_t text_count;
};

struct roll *roll_new(void);
void roll_free(struct roll *roll);

/** Append and return the index, or NAMES_NONE without memory. */
uint32_t roll_add_consumer(struct roll *roll, const struct roll_consumer *consumer);
uint32_t roll_add_key(struct roll *roll, const struct roll_key *key);

/**
 * Read one key file: lines `consumer,plan,id,sha256[,expires]`.
 * @param plans  names of plans with their index
 */
void roll_read_file(struct roll *roll, const char *path, struct cfg_at named_at,
	const struct names *plans, const struct cfg_list *plan_list, struct mistakes *mistakes);

/** As roll_read_file() for a terminated text that the roll takes over (malloc). */
void roll_read_text(struct roll *roll, char *text, const char *path, const struct names *plans,
	const struct cfg_list *plan_list, struct mistakes *mistakes);

/** Find keys that occur twice, by digest. */
void roll_find_duplicates(const struct roll *roll, struct mistakes *mistakes);

#endif
