/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as the operator wrote it: typed, with the place of every value, references
 * resolved. The road of a file: config_load() reads it by the schema (schema.c), config_check()
 * judges what one setting cannot know alone, snapshot_compile() (control/compile) makes the
 * dataplane's form.
 *
 * Structs here mirror the file's sections one to one; read.c fills them by the schema's offsets.
 */
#ifndef SLUICE_CONTROL_CONFIG_CONFIG_H
#define SLUICE_CONTROL_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "control/source/mistakes.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

/* One setting's value. */
struct cfg_value {
	struct cfg_at at;    /* where it is written; where it could have been, when it is not */
	struct str text;     /* as written, or the default */
	uint64_t number;     /* numbers, ms, bytes, amounts, 0 or 1, a choice's index, Unix seconds;
			      * references: index of what they refer to, once checked */
	uint64_t window_s;   /* rates */
	struct ip_addr addr; /* addresses */
	uint16_t port;       /* "address:port" */
	uint8_t prefix_len;  /* "address/length" */
	bool set;            /* written in the file, whether valid or not */
	bool valid;          /* usable: written and right, or a default */
};

/* A list of values or of groups. */
struct cfg_list {
	struct cfg_at at;
	void *items;
	uint32_t count;
	uint32_t bits; /* methods, set by the check: 1 << enum http_method; 0: all */
	bool set;
};

/** Item @p i of a list of @p type. */
#define CFG_ITEM(list, type, i) (&((type *)(list).items)[i])

/* Every group begins with its place, and every group in a list of named ones goes on with its name.
 * */
struct cfg_group {
	struct cfg_at at;
	bool set;
};

struct cfg_named {
	struct cfg_group place;
	struct cfg_value name;
};

/* struct cfg_limits, struct cfg_route, …: a member for each row of the group in lib/schema. */
#define GROUP(group, noun, title, text)                                                            \
	struct cfg_##group {                                                                       \
		struct cfg_group place;
#define SETTING(group, name, type, store, member, fallback, range, change, text)                   \
	struct cfg_value name;
#define LOCAL(group, name, type, fallback, range, text) struct cfg_value name;
#define LIST(group, name, type, need, range, text)      struct cfg_list name;
#define PART(group, name, of, need, text)               struct cfg_##of name;
#define PARTS(group, name, of, need, text)              struct cfg_list name;
#define END(group)                                                                                 \
	}                                                                                          \
	;
#include "lib/schema/rows.def"
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

/* Where a credential is looked for, in the schema's order. */
enum cfg_in { CFG_IN_HEADER, CFG_IN_QUERY, CFG_IN_COOKIE, CFG_IN_AUTHORIZATION };

/* Consumers and keys from the file and from the key files together: see roll.h. */
struct roll;

struct source;
struct source_reader;

#define CONFIG_IN_MEMORY "configuration" /* the file's name of one that is none */

struct config {
	char *path;         /* the main file, as the operator named it */
	char *directory;    /* its folder: what relative paths begin at */
	bool without_files; /* read no certificate and no key file (fuzzing) */
	struct cfg_root root;
	struct roll *roll;
	struct source *source; /* owns the names of files and the texts of values */
	struct block *blocks;  /* memory of lists, freed as a whole */
};

/**
 * Read a file, with what it includes, into @p config. Mistakes of single settings are added to
 * @p mistakes; as much as possible is read all the same, so that config_check() finds the rest.
 * @return 0, or -errno when there is nothing to check (unreadable, syntax error: a mistake too)
 */
int config_load(struct config *config, const char *path, struct mistakes *mistakes);

/** As config_load() with files from @p reader (source.h). */
int config_load_from(struct config *config, const char *path, const struct source_reader *reader,
	struct mistakes *mistakes);

/** As config_load() from memory, without touching any file. @p text is terminated. */
int config_load_text(struct config *config, const char *text, struct mistakes *mistakes);

/** Find the mistakes that concern several settings, resolve references and read key files. */
void config_check(struct config *config, struct mistakes *mistakes);

void config_free(struct config *config);

/** What is wrong with an address for any use, as the end of "… is "; NULL: nothing.
 *  @param text  as it is written */
const char *config_address_fault(struct str text, const struct ip_addr *addr);
/** Why no endpoint can be at an address, as the end of a sentence about it; NULL: one can. */
const char *config_endpoint_fault(const struct config *config, const struct ip_addr *addr);

struct schema_group;
/** Fill a group's struct with the defaults of its settings. @param at  where it could have been */
void config_group_defaults(const struct schema_group *group, struct cfg_at at, void *base);

/** Zeroed memory that lives as long as @p config. @return NULL without memory */
void *config_alloc(struct config *config, size_t bytes);

/** @p path, when relative, from the configuration's folder; in memory that lives as long as
 *  @p config. @return NULL without memory */
const char *config_path(struct config *config, struct str path);

#endif
