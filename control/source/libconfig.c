/* SPDX-License-Identifier: Apache-2.0 */
/* A tree from text in the form of libconfig, which source.c has cut, checked and put together. */
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>

#include "control/source/source_priv.h"

static enum node_kind libconfig_kind(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return NODE_GROUP;
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return NODE_LIST;
	case CONFIG_TYPE_STRING:
		return NODE_TEXT;
	case CONFIG_TYPE_BOOL:
		return NODE_BOOL;
	default:
		return NODE_NUMBER;
	}
}

static const char *libconfig_number(
	struct tree *tree, const config_setting_t *s, char *room, size_t bytes)
{
	if (config_setting_type(s) == CONFIG_TYPE_FLOAT)
		snprintf(room, bytes, "%g", config_setting_get_float(s));
	else
		snprintf(room, bytes, "%lld", config_setting_get_int64(s));
	return tree_text(tree, room);
}

/* @return false without memory */
static bool libconfig_node(
	const struct source *source, struct tree *tree, const config_setting_t *s, struct node *out)
{
	char room[32];

	out->kind = libconfig_kind(s);
	out->at = source_at(source, config_setting_source_line(s));
	if (config_setting_name(s)) {
		out->name = tree_text(tree, config_setting_name(s));
		if (!out->name)
			return false;
	}
	if (out->kind == NODE_TEXT)
		out->text = tree_text(tree, config_setting_get_string(s));
	else if (out->kind == NODE_BOOL)
		out->text = config_setting_get_bool(s) ? "true" : "false";
	else if (out->kind == NODE_NUMBER)
		out->text = libconfig_number(tree, s, room, sizeof(room));
	if (out->kind != NODE_GROUP && out->kind != NODE_LIST)
		return out->text != NULL;
	out->count = (uint32_t)config_setting_length(s);
	out->children = tree_alloc(tree, out->count * sizeof(*out->children));
	for (uint32_t i = 0; i < out->count && out->children; i++)
		if (!libconfig_node(source, tree, config_setting_get_elem(s, i), &out->children[i]))
			return false;
	return out->children != NULL;
}

int libconfig_tree(
	const struct source *source, const char *text, struct mistakes *mistakes, struct tree *tree)
{
	config_t libconfig;
	int rc = 0;

	config_init(&libconfig);
	if (config_read_string(&libconfig, text) != CONFIG_TRUE) {
		/* The source was held to the same grammar: this is for what a later libconfig
		 * may find. */
		mistake_add(mistakes, source_at(source, (uint32_t)config_error_line(&libconfig)),
			"libconfig: %s", config_error_text(&libconfig));
		rc = -EINVAL;
	} else if (!libconfig_node(source, tree, config_root_setting(&libconfig), &tree->root)) {
		rc = -ENOMEM;
	}
	config_destroy(&libconfig);
	return rc;
}
