/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are compiled one by one first, so that each mistake is found and named, and then
 * together. The database is made for the processor that control runs on: both processes share a
 * machine.
 */
#include "control/compile/patterns.h"

#include <hs.h>
#include <stdlib.h>

/* The workers ask for one match a pattern; a key never spans lines. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL)

static void compile_one(const struct cfg_value *pattern, struct mistakes *mistakes)
{
	hs_compile_error_t *error = NULL;
	hs_database_t *database = NULL;
	hs_expr_info_t *info = NULL;

	if (hs_expression_info(pattern->text.data, PATTERN_FLAGS | HS_FLAG_ALLOWEMPTY, &info,
		    &error) == HS_SUCCESS) {
		if (info->min_width == 0)
			mistake_add(mistakes, pattern->at, "the pattern matches the empty string");
		else if (hs_compile(pattern->text.data, PATTERN_FLAGS, HS_MODE_BLOCK, NULL,
				 &database, &error) != HS_SUCCESS)
			mistake_add(mistakes, pattern->at, "invalid pattern: %s", error->message);
	} else {
		mistake_add(mistakes, pattern->at, "invalid pattern: %s",
			error ? error->message : "out of memory");
	}
	free(info);
	hs_free_compile_error(error);
	hs_free_database(database);
}

static void compile_all(
	const struct cfg_list *credentials, struct mistakes *mistakes, struct patterns *out)
{
	uint32_t count = credentials->count;
	const char **texts = calloc(count, sizeof(*texts));
	unsigned *flags = calloc(count, sizeof(*flags)), *ids = calloc(count, sizeof(*ids));
	hs_compile_error_t *error = NULL;
	hs_database_t *database = NULL;

	for (uint32_t i = 0; i < count && texts && flags && ids; i++) {
		texts[i] = CFG_ITEM(*credentials, struct cfg_credential, i)->pattern.text.data;
		flags[i] = PATTERN_FLAGS;
		ids[i] = i;
	}
	if (!texts || !flags || !ids ||
		hs_compile_multi(texts, flags, ids, count, HS_MODE_BLOCK, NULL, &database,
			&error) != HS_SUCCESS ||
		hs_serialize_database(database, &out->database, &out->database_bytes) != HS_SUCCESS)
		mistake_add(mistakes, credentials->at,
			"the patterns cannot be compiled together: %s",
			error ? error->message : "out of memory");
	hs_free_compile_error(error);
	hs_free_database(database);
	free(texts);
	free(flags);
	free(ids);
}

void patterns_compile(const struct config *config, struct mistakes *mistakes, struct patterns *out)
{
	const struct cfg_list *credentials = &config->root.credentials;
	bool scan = false, all_valid = true;

	*out = (struct patterns){ .shapes = calloc(credentials->count + 1, sizeof(*out->shapes)) };
	if (!out->shapes) {
		mistake_add(mistakes, credentials->at, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < credentials->count; i++) {
		const struct cfg_value *pattern =
			&CFG_ITEM(*credentials, struct cfg_credential, i)->pattern;
		uint32_t errors = mistakes->errors;

		if (!pattern->valid) {
			all_valid = false;
			continue;
		}
		compile_one(pattern, mistakes);
		all_valid &= errors == mistakes->errors;
		if (!shape_parse(pattern->text, &out->shapes[i])) {
			out->shapes[i] = (struct shape){ 0 };
			scan = true;
		}
	}
	if (scan && all_valid)
		compile_all(credentials, mistakes, out);
}

void patterns_free(struct patterns *patterns)
{
	free(patterns->shapes);
	free(patterns->database);
	*patterns = (struct patterns){ 0 };
}
