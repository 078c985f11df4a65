/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills struct config from a source's tree, driven by the schema's rows: types, ranges, what is
 * required, defaults, and settings that are unknown. It goes on after a mistake with the value
 * marked invalid, so that one run finds all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/nearest.h"
#include "control/config/roll.h"
#include "control/config/schema.h"
#include "control/source/source.h"

struct block {
	struct block *next;
	_Alignas(16) unsigned char bytes[];
};

struct reader {
	struct config *config;
	struct mistakes *mistakes;
};

void *config_alloc(struct config *config, size_t bytes)
{
	struct block *block = calloc(1, sizeof(*block) + bytes);

	if (!block)
		return NULL;
	block->next = config->blocks;
	config->blocks = block;
	return block->bytes;
}

const char *config_path(struct config *config, struct str path)
{
	bool plain = strcmp(config->directory, ".") == 0 || (path.len && path.data[0] == '/');
	size_t directory = plain ? 0 : strlen(config->directory) + 1;
	char *out = config_alloc(config, directory + path.len + 1);

	if (!out)
		return NULL;
	if (directory) {
		memcpy(out, config->directory, directory - 1);
		out[directory - 1] = '/';
	}
	memcpy(out + directory, path.data, path.len);
	return out;
}

/* Is the value written in the form that its type asks for: in quotes or not? */
static bool is_written_right(enum schema_type type, const char *text, bool quoted)
{
	switch (type) {
	case SCHEMA_NUMBER:
	case SCHEMA_BOOL:
		return !quoted;
	case SCHEMA_WORKERS:
		return quoted == (strcmp(text, "auto") == 0);
	default:
		return quoted;
	}
}

static bool in_range(const struct schema_field *f, const struct cfg_value *v)
{
	struct cfg_value low, high;

	if (!f->min)
		return true;
	if (f->type == SCHEMA_WORKERS && str_equal(v->text, STR("auto")))
		return true;
	schema_parse(f, str_of(f->min), &low);
	schema_parse(f, str_of(f->max), &high);
	return v->number >= low.number && v->number <= high.number;
}

static void name_choices(const struct schema_field *f, char *out, size_t bytes)
{
	size_t len = 0;

	for (unsigned i = 0; f->choices[i] && len < bytes; i++)
		len += (size_t)snprintf(
			out + len, bytes - len, "%s\"%s\"", i ? ", " : "", f->choices[i]);
}

static void wrong_choice(
	struct reader *r, const struct schema_field *f, struct cfg_at at, const char *text)
{
	struct nearest near = nearest_begin(str_of(text));
	bool several = f->choices[1] != NULL;
	char choices[200];

	for (unsigned i = 0; f->choices[i]; i++)
		nearest_offer(&near, str_of(f->choices[i]));
	name_choices(f, choices, sizeof(choices));
	if (near.best.data && several)
		mistake_add(r->mistakes, at,
			"'%s' must be one of %s, not '%s'; did you mean '%.*s'?", f->name, choices,
			text, (int)near.best.len, near.best.data);
	else
		mistake_add(r->mistakes, at, "'%s' must be %s%s, not '%s'", f->name,
			several ? "one of " : "", choices, text);
}

static void wrong_value(
	struct reader *r, const struct schema_field *f, struct cfg_at at, const char *text)
{
	const char *each = f->list ? "each of " : "";

	if (f->type == SCHEMA_CHOICE)
		wrong_choice(r, f, at, text);
	else if (f->type == SCHEMA_DIGEST)
		/* Somebody may have pasted the key itself, which belongs in no message. */
		mistake_add(r->mistakes, at,
			"'%s' must be %s; 'sluicectl key digest' makes it from a key", f->name,
			schema_type_phrase(f->type));
	else
		mistake_add(r->mistakes, at, "%s'%s' must be %s, not '%s'", each, f->name,
			schema_type_phrase(f->type), text);
}

static void out_of_range(
	struct reader *r, const struct schema_field *f, struct cfg_at at, const char *text)
{
	const char *each = f->list ? "each of " : "";

	if (strcmp(f->min, f->max) == 0)
		mistake_add(
			r->mistakes, at, "%s'%s' must be %s, not %s", each, f->name, f->min, text);
	else
		mistake_add(r->mistakes, at, "%s'%s' must be between %s and %s, not %s", each,
			f->name, f->min, f->max, text);
}

static void read_value(struct reader *r, const struct schema_field *f, const struct node *node,
	struct cfg_value *out)
{
	struct cfg_at at = node->at;
	const char *text = node->text;

	*out = (struct cfg_value){ .at = at, .set = true };
	if (!text) {
		mistake_add(r->mistakes, at, "'%s' must be %s, not a list or a group", f->name,
			schema_type_phrase(f->type));
		return;
	}
	out->text = str_of(text);
	if (!is_written_right(f->type, text, node->kind == NODE_TEXT) ||
		schema_parse(f, out->text, out) < 0) {
		wrong_value(r, f, at, text);
		return;
	}
	if (!in_range(f, out)) {
		out_of_range(r, f, at, text);
		return;
	}
	out->valid = true;
}

static void read_group(
	struct reader *r, const struct schema_group *g, const struct node *node, void *base);

static void read_list(struct reader *r, const struct schema_field *f, const struct node *node,
	struct cfg_list *out)
{
	size_t bytes = f->type == SCHEMA_GROUP ? f->group->bytes : sizeof(struct cfg_value);

	*out = (struct cfg_list){ .at = node->at, .set = true };
	if (node->kind != NODE_LIST) {
		mistake_add(r->mistakes, out->at, "'%s' must be a list: %s", f->name,
			f->type == SCHEMA_GROUP ? "( { … }, { … } )" : "[ … ]");
		return;
	}
	if (node->count == 0 && f->required)
		mistake_add(r->mistakes, out->at, "'%s' must not be empty", f->name);
	out->items = config_alloc(r->config, (size_t)node->count * bytes);
	if (!out->items)
		return;
	for (uint32_t i = 0; i < node->count; i++) {
		const struct node *item = &node->children[i];
		void *at = (char *)out->items + out->count * bytes;

		if (f->type != SCHEMA_GROUP) {
			read_value(r, f, item, at);
			out->count++;
		} else if (item->kind == NODE_GROUP) {
			read_group(r, f->group, item, at);
			out->count++;
		} else {
			mistake_add(r->mistakes, item->at, "each of '%s' must be a group { … }",
				f->name);
		}
	}
}

static void read_default(const struct schema_field *f, struct cfg_at at, struct cfg_value *out)
{
	*out = (struct cfg_value){ .at = at };
	if (!f->fallback)
		return;
	out->text = str_of(f->fallback);
	out->valid = schema_parse(f, out->text, out) == 0;
}

/* Nothing is missed in a group that is not there. */
void config_group_defaults(const struct schema_group *g, struct cfg_at at, void *base)
{
	((struct cfg_group *)base)->at = at;
	for (const struct schema_field *f = g->fields; f->name; f++) {
		void *member = (char *)base + f->offset;

		if (f->list)
			*(struct cfg_list *)member = (struct cfg_list){ .at = at };
		else if (f->type == SCHEMA_GROUP)
			config_group_defaults(f->group, at, member);
		else
			read_default(f, at, member);
	}
}

static void read_absent(struct reader *r, const struct schema_group *g,
	const struct schema_field *f, struct cfg_at at, void *member)
{
	if (f->required)
		mistake_add(r->mistakes, at, "'%s' is missing in %s", f->name, g->noun);
	if (f->list)
		*(struct cfg_list *)member = (struct cfg_list){ .at = at };
	else if (f->type == SCHEMA_GROUP)
		config_group_defaults(f->group, at, member);
	else
		read_default(f, at, member);
}

static void unknown_setting(
	struct reader *r, const struct schema_group *g, const struct node *child)
{
	struct nearest near = nearest_begin(str_of(child->name));

	for (const struct schema_field *f = g->fields; f->name; f++)
		nearest_offer(&near, str_of(f->name));
	if (near.best.data)
		mistake_add(r->mistakes, child->at,
			"unknown setting '%s' in %s; did you mean '%.*s'?", child->name, g->noun,
			(int)near.best.len, near.best.data);
	else
		mistake_add(
			r->mistakes, child->at, "unknown setting '%s' in %s", child->name, g->noun);
}

static void find_unknown(struct reader *r, const struct schema_group *g, const struct node *node)
{
	for (uint32_t i = 0; i < node->count; i++)
		if (!schema_field(g, str_of(node->children[i].name)))
			unknown_setting(r, g, &node->children[i]);
}

/* The settings that belong to one choice of another setting: there with it, and not without. */
static void read_variants(struct reader *r, const struct schema_group *g, const void *base)
{
	const char *noun = strchr(g->noun, ' ') ? strchr(g->noun, ' ') + 1 : g->noun;

	for (const struct schema_field *f = g->fields; f->name; f++) {
		const struct schema_field *with = f->with ? schema_field(g, str_of(f->with)) : NULL;
		const struct cfg_value *value, *choice;

		if (!with)
			continue;
		value = (const void *)((const char *)base + f->offset);
		choice = (const void *)((const char *)base + with->offset);
		if (!choice->valid)
			continue;
		if (str_equal(choice->text, str_of(f->with_word))) {
			if (!value->set)
				mistake_add(r->mistakes, ((const struct cfg_group *)base)->at,
					"'%s' is missing: %s = \"%s\" needs it", f->name, f->with,
					f->with_word);
		} else if (value->set) {
			mistake_add(r->mistakes, value->at,
				"'%s' belongs to %s = \"%s\", but this %s is %s = \"%.*s\"",
				f->name, f->with, f->with_word, noun, f->with,
				(int)choice->text.len, choice->text.data);
		}
	}
}

static void read_group(
	struct reader *r, const struct schema_group *g, const struct node *node, void *base)
{
	*(struct cfg_group *)base = (struct cfg_group){ node->at, true };
	find_unknown(r, g, node);
	for (const struct schema_field *f = g->fields; f->name; f++) {
		const struct node *child = node_child(node, f->name);
		void *member = (char *)base + f->offset;

		if (!child)
			read_absent(r, g, f, node->at, member);
		else if (f->list)
			read_list(r, f, child, member);
		else if (f->type != SCHEMA_GROUP)
			read_value(r, f, child, member);
		else if (child->kind == NODE_GROUP)
			read_group(r, f->group, child, member);
		else
			mistake_add(r->mistakes, child->at, "'%s' must be a group { … }", f->name);
	}
	read_variants(r, g, base);
}

int config_load_from(struct config *config, const char *path, const struct source_reader *reader,
	struct mistakes *mistakes)
{
	struct reader r = { config, mistakes };
	const char *slash = strrchr(path, '/');
	const struct node *root;

	*config = (struct config){ 0 };
	config->path = strdup(path);
	if (slash == path)
		config->directory = strdup("/");
	else
		config->directory = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!config->path || !config->directory)
		return -ENOMEM;
	config->source = source_new(path, config->directory, reader, mistakes);
	if (!config->source)
		return -ENOMEM;
	root = source_root(config->source);
	if (!root)
		return -EINVAL;
	read_group(&r, &schema_root, root, &config->root);
	return 0;
}

int config_load(struct config *config, const char *path, struct mistakes *mistakes)
{
	return config_load_from(config, path, &source_files, mistakes);
}

/* The one file that there is. */
static int read_memory(void *context, const char *path, struct file_text *out, char *why)
{
	const char *text = context;

	*out = (struct file_text){ 0 };
	if (strcmp(path, CONFIG_IN_MEMORY) != 0) {
		snprintf(why, FILE_WHY_BYTES, "there are no files here");
		return -ENOENT;
	}
	out->data = strdup(text);
	out->len = strlen(text);
	return out->data ? 0 : -ENOMEM;
}

int config_load_text(struct config *config, const char *text, struct mistakes *mistakes)
{
	struct source_reader reader = { read_memory, (void *)(uintptr_t)text };
	int rc = config_load_from(config, CONFIG_IN_MEMORY, &reader, mistakes);

	config->without_files = true;
	return rc;
}

void config_free(struct config *config)
{
	roll_free(config->roll);
	while (config->blocks) {
		struct block *next = config->blocks->next;

		free(config->blocks);
		config->blocks = next;
	}
	source_free(config->source);
	free(config->path);
	free(config->directory);
	*config = (struct config){ 0 };
}
