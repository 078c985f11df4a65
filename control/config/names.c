/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most half full, hashed with SipHash under a fixed key:
 * the names come from the operator's own files, so nobody chooses them against us.
 */
#include "control/config/names.h"

#include <stdlib.h>

#include "lib/base/siphash.h"

struct entry {
	struct str name;
	uint32_t number;
	uint32_t hash; /* 0: free */
};

struct names {
	struct entry *entries;
	uint32_t mask;
	uint32_t count;
};

static uint32_t hash_of(struct str name)
{
	static const struct siphash_key key = { UINT64_C(0x736c75696365), UINT64_C(0x6e616d6573) };
	uint32_t hash = (uint32_t)siphash24(&key, name.data, name.len);

	return hash ? hash : 1;
}

static struct entry *names_seek(const struct names *names, struct str name, uint32_t hash)
{
	for (uint32_t i = hash & names->mask;; i = (i + 1) & names->mask) {
		struct entry *e = &names->entries[i];

		if (e->hash == 0 || (e->hash == hash && str_equal(e->name, name)))
			return e;
	}
}

struct names *names_new(uint32_t expected)
{
	struct names *names = calloc(1, sizeof(*names));
	uint32_t size = 16;

	while (size < expected * UINT64_C(2) && size < UINT32_C(1) << 30)
		size *= 2;
	if (names)
		names->entries = calloc(size, sizeof(*names->entries));
	if (!names || !names->entries) {
		free(names);
		return NULL;
	}
	names->mask = size - 1;
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	free(names->entries);
	free(names);
}

uint32_t names_find(const struct names *names, struct str name)
{
	if (!names)
		return NAMES_NONE;
	const struct entry *e = names_seek(names, name, hash_of(name));

	return e->hash ? e->number : NAMES_NONE;
}

static bool names_grow(struct names *names)
{
	struct names bigger = { .mask = names->mask * 2 + 1 };

	bigger.entries = calloc((size_t)bigger.mask + 1, sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (uint32_t i = 0; i <= names->mask; i++)
		if (names->entries[i].hash)
			*names_seek(&bigger, names->entries[i].name, names->entries[i].hash) =
				names->entries[i];
	free(names->entries);
	names->entries = bigger.entries;
	names->mask = bigger.mask;
	return true;
}

uint32_t names_add(struct names *names, struct str name, uint32_t number)
{
	uint32_t hash = hash_of(name);
	struct entry *e;

	if (!names || (names->count >= names->mask / 2 && !names_grow(names)))
		return NAMES_NONE;
	e = names_seek(names, name, hash);
	if (e->hash)
		return e->number;
	*e = (struct entry){ name, number, hash };
	names->count++;
	return number;
}

void names_set(struct names *names, struct str name, uint32_t number)
{
	struct entry *e = names_seek(names, name, hash_of(name));

	if (e->hash)
		e->number = number;
}
