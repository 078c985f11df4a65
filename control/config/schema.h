/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be written in a configuration: one table row for each setting, with its type, range,
 * default and meaning. The rows are those of lib/schema, where a setting is added; the reader, the
 * check for unknown settings, the compiler and docs/configuration.md work through these tables.
 */
#ifndef SLUICE_CONTROL_CONFIG_SCHEMA_H
#define SLUICE_CONTROL_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "control/config/config.h"
#include "lib/shm/snapshot_rows.h"

enum schema_type {
	SCHEMA_NAME,    /* letters, digits and . _ - @ */
	SCHEMA_TEXT,    /* any text in one line */
	SCHEMA_CONTENT, /* of a message: any bytes but NUL */
	SCHEMA_NUMBER,
	SCHEMA_BOOL,
	SCHEMA_DURATION,
	SCHEMA_SIZE,
	SCHEMA_RATE,  /* also quotas */
	SCHEMA_SHARE, /* in 1/10000 */
	SCHEMA_DATE,
	SCHEMA_DIGEST, /* SHA-256 in hexadecimal */
	SCHEMA_ADDRESS,
	SCHEMA_ENDPOINT, /* "address:port" */
	SCHEMA_PREFIX,   /* "address/length" */
	SCHEMA_CHOICE,   /* one of the words in .choices */
	SCHEMA_WORKERS,  /* "auto" or a number */
	SCHEMA_GROUP,    /* a group of settings: .group */
	SCHEMA_TYPE_COUNT
};

struct schema_group;

struct schema_field {
	const char *name;
	size_t offset; /* of the cfg_value, cfg_list or group in the struct around it */
	enum schema_type type;
	bool list;                  /* a list of them */
	bool required;              /* lists: with one item at least */
	const char *fallback;       /* the default as it would be written; NULL: none */
	const char *min, *max;      /* both or none, as they would be written */
	const char *const *choices; /* ends with NULL */
	/* Required where .with, a choice of the same group, is .with_word; a mistake elsewhere. */
	const char *with, *with_word;
	const struct schema_group *group;
	const struct snap_row *snap; /* its place in the snapshot's record; NULL: none */
	const char *text;            /* what it means: one or more whole sentences, Markdown */
};

struct schema_group {
	const char *noun;  /* in messages: "a listener" */
	const char *title; /* in the documentation: "listeners" */
	const char *text;
	size_t bytes;                      /* of its struct */
	const struct schema_field *fields; /* ends with a NULL name */
};

/* schema_root, schema_limits, …: one for each group of lib/schema. */
#define GROUP(group, noun, title, text) extern const struct schema_group schema_##group;
#include "lib/schema/rows.def"
#include "lib/schema/schema.def"
#include "lib/schema/end.def"

/** The field of a group that has @p name, or NULL. */
const struct schema_field *schema_field(const struct schema_group *group, struct str name);

/** Parse @p text as the field's type into @p out's number, address and so on (not for groups).
 *  Ranges are not looked at. @return 0 or -EINVAL */
int schema_parse(const struct schema_field *field, struct str text, struct cfg_value *out);

/** Write a setting's number as a configuration would say it, without quotes: "2s", "16KiB",
 *  "passive".
 *  @return @p out */
const char *schema_show(const struct schema_field *field, uint64_t number, char *out, size_t bytes);

/** What a value of the type looks like, for messages: "a duration such as \"250ms\"". */
const char *schema_type_phrase(enum schema_type type);
/** The type in one or two words, for tables. */
const char *schema_type_word(enum schema_type type);

/** Write the reference of all settings in Markdown. */
void schema_document(FILE *out);

#endif
