/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration of any bytes (or, after a first byte 'K', a key file): read, checked and compiled
 * without touching a file. Nothing may crash or leak, what is accepted passes the dataplane's own
 * check, and a second reading gives the same.
 */
#include <stdlib.h>
#include <string.h>

#include "control/compile/compile.h"
#include "control/config/roll.h"

#define TEXT_BYTES_MAX (64 * 1024)

/* libconfig 1.5 loses its buffer when a text does not end: 64 bytes for a file that is refused. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static int compile_text(const char *text, struct compiled *out)
{
	struct mistakes mistakes = { 0 };
	struct config config;
	struct compile_input input = { .config = &config, .generation = 1, .boot_id = 1 };
	int rc = config_load_text(&config, text, &mistakes);

	*out = (struct compiled){ .secrets.fd = -1, .snapshot.segment.fd = -1 };
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
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (text[0] == 'K') {
		text[0] = '\n';
		read_keys(text);
		return 0;
	}
	if (compile_text(text, &first) == 0) {
		if (compile_text(text, &second) != 0 ||
			!snapshot_same(&first.snapshot, &second.snapshot))
			abort();
		compiled_free(&second);
	}
	compiled_free(&first);
	free(text);
	return 0;
}
