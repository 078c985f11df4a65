/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are compiled one by one, so that each mistake is found and named. What is made is thrown
 * away: the dataplane gets the texts and compiles them for itself.
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

void pattern_shapes_make(
	const struct config *config, struct mistakes *mistakes, struct pattern_shapes *out)
{
	const struct cfg_list *credentials = &config->root.credentials;

	*out = (struct pattern_shapes){ .shapes = calloc(
						credentials->count + 1, sizeof(*out->shapes)) };
	if (!out->shapes) {
		mistake_add(mistakes, credentials->at, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < credentials->count; i++) {
		const struct cfg_value *pattern =
			&CFG_ITEM(*credentials, struct cfg_credential, i)->pattern;

		if (!pattern->valid)
			continue;
		compile_one(pattern, mistakes);
		if (!shape_parse(pattern->text, &out->shapes[i]))
			out->shapes[i] = (struct shape){ 0 };
	}
}

void pattern_shapes_free(struct pattern_shapes *patterns)
{
	free(patterns->shapes);
	*patterns = (struct pattern_shapes){ 0 };
}
