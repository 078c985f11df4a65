/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are compiled one by one, so that each mistake is found and named. What is made is thrown
 * away: the dataplane gets the texts and compiles them for itself, but for those with a shape.
 */
#include "control/compile/patterns.h"

#include <hs.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/compile/trial.h"

/* The workers ask for one match a pattern; a key never spans lines. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL)

void pattern_judge(const char *pattern, char *why, size_t why_bytes)
{
	hs_compile_error_t *error = NULL;
	hs_database_t *database = NULL;
	hs_expr_info_t *info = NULL;

	why[0] = '\0';
	if (hs_expression_info(pattern, PATTERN_FLAGS | HS_FLAG_ALLOWEMPTY, &info, &error) ==
		HS_SUCCESS) {
		if (info->min_width == 0)
			snprintf(why, why_bytes, "the pattern matches the empty string");
		else
			(void)hs_compile(
				pattern, PATTERN_FLAGS, HS_MODE_BLOCK, NULL, &database, &error);
	}
	if (error)
		snprintf(why, why_bytes, "invalid pattern: %s", error->message);
	else if (!info)
		snprintf(why, why_bytes, "invalid pattern: out of memory");
	free(info);
	hs_free_compile_error(error);
	hs_free_database(database);
}

static const struct cfg_value *pattern_at(const struct config *config, uint32_t i)
{
	return &CFG_ITEM(config->root.credentials, struct cfg_credential, i)->pattern;
}

/* Try those at the places @p at. */
static void patterns_try(
	const struct config *config, const uint32_t *at, uint32_t count, struct mistakes *mistakes)
{
	const char **texts = calloc(count, sizeof(*texts));
	struct trial *trials = calloc(count, sizeof(*trials));

	if (texts && trials) {
		for (uint32_t i = 0; i < count; i++)
			texts[i] = pattern_at(config, at[i])->text.data;
		trial_patterns(texts, count, trials);
		for (uint32_t i = 0; i < count; i++)
			if (trials[i].why[0])
				mistake_add(mistakes, pattern_at(config, at[i])->at, "%s",
					trials[i].why);
	} else {
		mistake_add(mistakes, config->root.credentials.at, "out of memory");
	}
	free(trials);
	free(texts);
}

void pattern_shapes_make(
	const struct config *config, struct mistakes *mistakes, struct pattern_shapes *out)
{
	const struct cfg_list *credentials = &config->root.credentials;
	uint32_t *scanned = calloc(credentials->count + 1, sizeof(*scanned)), count = 0;

	*out = (struct pattern_shapes){ .shapes = calloc(
						credentials->count + 1, sizeof(*out->shapes)) };
	if (!out->shapes || !scanned) {
		mistake_add(mistakes, credentials->at, "out of memory");
		free(scanned);
		return;
	}
	for (uint32_t i = 0; i < credentials->count; i++) {
		const struct cfg_value *pattern = pattern_at(config, i);

		if (!pattern->valid || shape_parse(pattern->text, &out->shapes[i]))
			continue;
		out->shapes[i] = (struct shape){ 0 };
		scanned[count++] = i;
	}
	if (count)
		patterns_try(config, scanned, count, mistakes);
	free(scanned);
}

void pattern_shapes_free(struct pattern_shapes *patterns)
{
	free(patterns->shapes);
	*patterns = (struct pattern_shapes){ 0 };
}
