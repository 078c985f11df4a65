/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers and keys in bulk. A key file is read as a whole and cut in place: names point into it
 * and nothing is allocated for a line, which is what makes a million of them a matter of a second.
 */
#include "control/config/roll.h"

#include <stdlib.h>

#include "control/config/nearest.h"
#include "control/source/scan.h"
#include "control/config/schema.h"
#include "control/config/units.h"
#include "lib/base/file.h"

#define KEY_FILE_BYTES_MAX (UINT32_C(1) << 31)

struct roll *roll_new(void)
{
	struct roll *roll = calloc(1, sizeof(*roll));

	if (roll)
		roll->names = names_new(64);
	if (roll && !roll->names) {
		free(roll);
		return NULL;
	}
	return roll;
}

void roll_free(struct roll *roll)
{
	if (!roll)
		return;
	names_free(roll->names);
	for (uint32_t i = 0; i < roll->text_count; i++)
		free(roll->texts[i]);
	free(roll->texts);
	free(roll->consumers);
	free(roll->keys);
	free(roll);
}

static bool make_room(void **items, uint32_t count, uint32_t *room, size_t bytes)
{
	uint32_t more = *room ? *room * 2 : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = reallocarray(*items, more, bytes);
	if (!grown)
		return false;
	*items = grown;
	*room = more;
	return true;
}

uint32_t roll_add_consumer(struct roll *roll, const struct roll_consumer *consumer)
{
	uint32_t index = roll->consumer_count;

	if (!make_room((void **)&roll->consumers, index, &roll->consumer_room, sizeof(*consumer)))
		return NAMES_NONE;
	roll->consumers[index] = *consumer;
	if (names_add(roll->names, consumer->name, index) != index)
		return NAMES_NONE;
	roll->consumer_count++;
	return index;
}

uint32_t roll_add_key(struct roll *roll, const struct roll_key *key)
{
	uint32_t index = roll->key_count;

	if (!make_room((void **)&roll->keys, index, &roll->key_room, sizeof(*key)))
		return NAMES_NONE;
	roll->keys[index] = *key;
	roll->key_count++;
	return index;
}

/* What the lines of one file are read with. */
struct lines {
	struct roll *roll;
	const struct names *plans;
	const struct cfg_list *plan_list;
	struct mistakes *mistakes;
	struct cfg_at at;
};

#define COLUMNS 5

/* Cut a line at its commas. @return the number of columns, COLUMNS + 1 when there are more */
static unsigned roll_cut(struct str line, struct str *columns)
{
	unsigned n = 0;

	for (;;) {
		const char *comma = line.len ? memchr(line.data, ',', line.len) : NULL;
		uint32_t len = comma ? (uint32_t)(comma - line.data) : line.len;

		if (n == COLUMNS)
			return COLUMNS + 1;
		columns[n++] = (struct str){ line.data, len };
		if (!comma)
			return n;
		line.data += len + 1;
		line.len -= len + 1;
	}
}

static uint32_t find_plan(struct lines *l, struct str name)
{
	uint32_t plan = names_find(l->plans, name);

	if (plan != NAMES_NONE)
		return plan;

	struct nearest near = nearest_begin(name);

	for (uint32_t i = 0; i < l->plan_list->count; i++)
		nearest_offer(&near, CFG_ITEM(*l->plan_list, struct cfg_plan, i)->name.text);
	if (near.best.data)
		mistake_add(l->mistakes, l->at, "no plan is named '%.*s'; did you mean '%.*s'?",
			(int)name.len, name.data, (int)near.best.len, near.best.data);
	else
		mistake_add(
			l->mistakes, l->at, "no plan is named '%.*s'", (int)name.len, name.data);
	return NAMES_NONE;
}

/* The consumer of a line, made when it is new. */
static uint32_t find_consumer(struct lines *l, struct str name, struct str plan_name)
{
	static const struct schema_field name_field = { .type = SCHEMA_NAME };
	uint32_t known = names_find(l->roll->names, name);
	struct cfg_value ignored;

	if (known != NAMES_NONE) {
		struct str plan =
			CFG_ITEM(*l->plan_list, struct cfg_plan, l->roll->consumers[known].plan)
				->name.text;

		if (plan_name.len && !str_equal(plan, plan_name))
			mistake_add(l->mistakes, l->at,
				"consumer '%.*s' has plan '%.*s' already (line %u of %s), not '%.*s'",
				(int)name.len, name.data, (int)plan.len, plan.data,
				l->roll->consumers[known].line, l->roll->consumers[known].file,
				(int)plan_name.len, plan_name.data);
		return known;
	}
	if (schema_parse(&name_field, name, &ignored) < 0) {
		mistake_add(l->mistakes, l->at, "the consumer must be %s, not '%.*s'",
			schema_type_phrase(SCHEMA_NAME), (int)name.len, name.data);
		return NAMES_NONE;
	}

	uint32_t plan = find_plan(l, plan_name);

	if (plan == NAMES_NONE)
		return NAMES_NONE;
	return roll_add_consumer(
		l->roll, &(struct roll_consumer){ name, plan, l->at.line, l->at.file });
}

static void read_line(struct lines *l, struct str line)
{
	static const struct schema_field name_field = { .type = SCHEMA_NAME };
	struct str columns[COLUMNS] = { { 0 } };
	struct roll_key key = { .line = l->at.line, .file = l->at.file };
	struct cfg_value ignored;
	unsigned n = roll_cut(line, columns);

	if (n < COLUMNS - 1 || n > COLUMNS) {
		mistake_add(l->mistakes, l->at,
			"a line is consumer,plan,id,sha256[,expires]; this one has %s columns",
			n > COLUMNS ? "more" : "fewer");
		return;
	}
	key.consumer = find_consumer(l, columns[0], columns[1]);
	key.id = columns[2];
	if (schema_parse(&name_field, key.id, &ignored) < 0) {
		mistake_add(l->mistakes, l->at, "the key's id must be %s",
			schema_type_phrase(SCHEMA_NAME));
		return;
	}
	if (unit_hex(columns[3], key.digest, sizeof(key.digest)) < 0) {
		mistake_add(l->mistakes, l->at, "the key's sha256 must be %s",
			schema_type_phrase(SCHEMA_DIGEST));
		return;
	}
	if (columns[4].len && unit_date(columns[4], &key.expires) < 0) {
		mistake_add(l->mistakes, l->at, "the key's expiry must be %s, not '%.*s'",
			schema_type_phrase(SCHEMA_DATE), (int)columns[4].len, columns[4].data);
		return;
	}
	if (key.consumer != NAMES_NONE && roll_add_key(l->roll, &key) == NAMES_NONE)
		mistake_add(l->mistakes, l->at, "out of memory");
}

void roll_read_text(struct roll *roll, char *text, const char *path, const struct names *plans,
	const struct cfg_list *plan_list, struct mistakes *mistakes)
{
	struct lines l = { roll, plans, plan_list, mistakes, { path, 0 } };
	char **texts = reallocarray(roll->texts, roll->text_count + 1, sizeof(*texts));

	if (!texts) {
		free(text);
		mistake_add(mistakes, (struct cfg_at){ path, 1 }, "out of memory");
		return;
	}
	texts[roll->text_count++] = text;
	roll->texts = texts;
	for (char *next = text; *next;) {
		char *end = strchrnul(next, '\n');
		uint32_t len = (uint32_t)(end - next);

		l.at.line++;
		if (len && next[len - 1] == '\r')
			len--;
		if (len && next[0] != '#')
			read_line(&l, (struct str){ next, len });
		next = *end ? end + 1 : end;
	}
}

void roll_read_file(struct roll *roll, const char *path, struct cfg_at named_at,
	const struct names *plans, const struct cfg_list *plan_list, struct mistakes *mistakes)
{
	struct file_text text;
	char why[FILE_WHY_BYTES];
	const char *foreign;
	uint32_t line;

	if (file_read(path, KEY_FILE_BYTES_MAX, &text, why) < 0) {
		mistake_add(mistakes, named_at, "key file '%s' cannot be read: %s", path, why);
		return;
	}
	foreign = scan_foreign((struct str){ text.data, (uint32_t)text.len }, &line);
	if (foreign) {
		mistake_add(mistakes, (struct cfg_at){ path, line }, "%s", foreign);
		free(text.data);
		return;
	}
	roll_read_text(roll, text.data, path, plans, plan_list, mistakes);
}

static int compare_digests(const void *a, const void *b, void *keys)
{
	const struct roll_key *x = (const struct roll_key *)keys + *(const uint32_t *)a;
	const struct roll_key *y = (const struct roll_key *)keys + *(const uint32_t *)b;
	int order = memcmp(x->digest, y->digest, sizeof(x->digest));

	/* The index is the order of reading: the second one is the mistake. */
	return order ? order : x < y ? -1 : 1;
}

void roll_find_duplicates(const struct roll *roll, struct mistakes *mistakes)
{
	uint32_t *order = malloc(((size_t)roll->key_count + 1) * sizeof(*order));

	if (!order) {
		mistake_add(mistakes, (struct cfg_at){ NULL, 1 }, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < roll->key_count; i++)
		order[i] = i;
	qsort_r(order, roll->key_count, sizeof(*order), compare_digests, roll->keys);
	for (uint32_t i = 1; i < roll->key_count; i++) {
		const struct roll_key *a = &roll->keys[order[i - 1]], *b = &roll->keys[order[i]];
		struct str name = roll->consumers[a->consumer].name;

		if (memcmp(a->digest, b->digest, sizeof(a->digest)) == 0)
			mistake_add(mistakes, (struct cfg_at){ b->file, b->line },
				"this sha256 is key '%.*s' of consumer '%.*s' already (line %u of %s)",
				(int)a->id.len, a->id.data, (int)name.len, name.data, a->line,
				a->file);
	}
	free(order);
}
