/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration says, whatever form it is written in: a tree of groups, lists and values,
 * each with the place where it is written. Sources make it (source.h), the schema reads it
 * (control/config/read.c); neither knows the other.
 */
#ifndef SLUICE_CONTROL_SOURCE_TREE_H
#define SLUICE_CONTROL_SOURCE_TREE_H

#include <stddef.h>

#include "control/source/mistakes.h"
#include "lib/base/str.h"

enum node_kind {
	NODE_GROUP, /* its children have names, no name twice */
	NODE_LIST,  /* its children have none */
	NODE_TEXT,
	NODE_NUMBER, /* whole or not, in decimal */
	NODE_BOOL,   /* "true" or "false" */
};

struct node {
	enum node_kind kind;
	const char *name; /* of a setting; NULL in a list and at the root */
	const char *text; /* of a value; NULL: a group or a list */
	struct cfg_at at;
	struct node *children;
	uint32_t count;
};

struct tree_block;

/* A tree and the memory of its nodes and texts. */
struct tree {
	struct node root;
	struct tree_block *blocks;
};

/** Zeroed memory that lives as long as the tree. @return NULL without memory */
void *tree_alloc(struct tree *tree, size_t bytes);

/** A copy of @p text that lives as long as the tree. @return NULL without memory */
const char *tree_text(struct tree *tree, const char *text);

void tree_free(struct tree *tree);

/** The child of a group that is called @p name, or NULL. */
const struct node *node_child(const struct node *group, const char *name);

#endif
