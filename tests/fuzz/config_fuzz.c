/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration of any bytes (or, after a first byte 'K', a key file): read, checked and compiled
 * without touching a file. Nothing may crash or leak, what is accepted passes the dataplane's own
 * check, and a second reading gives the same. What the reader takes libconfig takes, too.
 *
 * Lines of dashes part the input into files; a file includes the n-th of them by the name "n".
 */
#include <errno.h>
#include <hs.h>
#include <stdlib.h>
#include <string.h>

#include "control/compile/compile.h"
#include "control/compile/patterns.h"
#include "control/compile/trial.h"
#include "control/config/roll.h"
#include "control/source/source.h"

#define TEXT_BYTES_MAX (64 * 1024)

/*
 * Hyperscan's place is taken: it compiles for milliseconds where all else takes a tenth of one, and
 * is not what is tried here. Its judgement is that a pattern with a '!' is none; a database is a
 * number.
 */
static hs_compile_error_t no_pattern = { .message = (char[]){ "not a pattern" } };

hs_error_t HS_CDECL hs_expression_info(
	const char *text, unsigned flags, hs_expr_info_t **info, hs_compile_error_t **error)
{
	*info = NULL;
	*error = NULL;
	if (strchr(text, '!')) {
		*error = &no_pattern;
		return HS_COMPILER_ERROR;
	}
	*info = calloc(1, sizeof(**info));
	if (!*info)
		return HS_NOMEM;
	(*info)->min_width = (unsigned)strlen(text);
	return HS_SUCCESS;
}

hs_error_t HS_CDECL hs_compile(const char *text, unsigned flags, unsigned mode,
	const hs_platform_info_t *platform, hs_database_t **db, hs_compile_error_t **error)
{
	*db = malloc(1);
	*error = NULL;
	return *db ? HS_SUCCESS : HS_NOMEM;
}

hs_error_t HS_CDECL hs_compile_multi(const char *const *texts, const unsigned *flags,
	const unsigned *ids, unsigned count, unsigned mode, const hs_platform_info_t *platform,
	hs_database_t **db, hs_compile_error_t **error)
{
	return hs_compile(texts[0], 0, mode, platform, db, error);
}

/* Without the child, which is for what Hyperscan takes. */
void trial_patterns(const char *const *patterns, uint32_t count, struct trial *out)
{
	for (uint32_t i = 0; i < count; i++)
		pattern_judge(patterns[i], out[i].why, sizeof(out[i].why));
}

hs_error_t HS_CDECL hs_serialize_database(const hs_database_t *db, char **bytes, size_t *length)
{
	*length = 64;
	*bytes = calloc(1, *length);
	return *bytes ? HS_SUCCESS : HS_NOMEM;
}

hs_error_t HS_CDECL hs_free_database(hs_database_t *db)
{
	free(db);
	return HS_SUCCESS;
}

hs_error_t HS_CDECL hs_free_compile_error(hs_compile_error_t *error)
{
	return HS_SUCCESS;
}

/* A tenth of the time went into the stacks of allocations that were freed long ago. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "malloc_context_size=4";
}

/* The input, and what parts its files. */
static const char separator[] = "\n--\n";

static int read_part(void *context, const char *path, struct file_text *out, char *why)
{
	const struct str *input = context;
	const char *at = input->data, *end = at + input->len, *next;
	unsigned part =
		path[0] >= '1' && path[0] <= '9' && !path[1] ? (unsigned)(path[0] - '0') : 0;

	*out = (struct file_text){ .ino = part };
	if (part == 0 && strcmp(path, CONFIG_IN_MEMORY) != 0) {
		snprintf(why, FILE_WHY_BYTES, "not there");
		return -ENOENT;
	}
	for (;; at = next + sizeof(separator) - 1, part--) {
		next = memmem(at, (size_t)(end - at), separator, sizeof(separator) - 1);
		if (part == 0 || !next)
			break;
	}
	if (part) {
		snprintf(why, FILE_WHY_BYTES, "not there");
		return -ENOENT;
	}
	out->len = (size_t)((next ? next : end) - at);
	out->data = malloc(out->len + 1);
	if (!out->data) {
		snprintf(why, FILE_WHY_BYTES, "no memory");
		return -ENOMEM;
	}
	memcpy(out->data, at, out->len);
	out->data[out->len] = '\0';
	return 0;
}

/* The reader's grammar is libconfig's: it leaves nothing for libconfig to find. */
static void expect_agreement(const struct mistakes *mistakes)
{
	for (uint32_t i = 0; i < mistakes->count; i++)
		if (mistakes->list[i].text &&
			strncmp(mistakes->list[i].text, "libconfig: ", 11) == 0)
			abort();
}

static int compile_text(struct str text, struct compiled *out)
{
	struct mistakes mistakes = { 0 };
	struct config config;
	struct compile_input input = { .config = &config, .generation = 1, .boot_id = 1 };
	struct source_reader reader = { read_part, &text };
	int rc = config_load_from(&config, CONFIG_IN_MEMORY, &reader, &mistakes);

	config.without_files = true;
	expect_agreement(&mistakes);
	*out = (struct compiled){ .secrets.fd = -1 };
	if (rc == 0) {
		config_check(&config, &mistakes);
		rc = snapshot_compile(&input, &mistakes, out);
	}
	/* Refused means said why, accepted means nothing to say but warnings. */
	if ((rc == 0) != (mistakes.errors == 0))
		abort();
	config_free(&config);
	mistakes_free(&mistakes);
	return rc;
}

/* A key file beside a configuration with one plan. */
static void read_keys(char *text)
{
	struct cfg_plan plan = { .name = { .text = STR("bronze"), .valid = true } };
	struct cfg_list plans = { .items = &plan, .count = 1 };
	struct names *names = names_new(1);
	struct mistakes mistakes = { 0 };
	struct roll *roll = roll_new();

	if (names && roll) {
		names_add(names, plan.name.text, 0);
		roll_read_text(roll, text, "keys.csv", names, &plans, &mistakes);
		roll_find_duplicates(roll, &mistakes);
		for (uint32_t i = 0; i < roll->key_count; i++)
			if (roll->keys[i].consumer >= roll->consumer_count)
				abort();
	} else {
		free(text);
	}
	roll_free(roll);
	names_free(names);
	mistakes_free(&mistakes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct compiled first, second;
	char *text;

	if (size > TEXT_BYTES_MAX)
		return -1;
	if (size > 0 && data[0] == 'K') {
		text = malloc(size + 1);
		if (!text)
			return 0;
		memcpy(text, data, size);
		text[0] = '\n';
		text[size] = '\0';
		read_keys(text);
		return 0;
	}

	const struct str input = { (const char *)data, (uint32_t)size };

	if (compile_text(input, &first) == 0) {
		if (compile_text(input, &second) != 0 ||
			!snapshot_same(&first.snapshot, &second.snapshot))
			abort();
		compiled_free(&second);
	}
	compiled_free(&first);
	return 0;
}
