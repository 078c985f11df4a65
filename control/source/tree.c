/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a tree, and finding a child. */
#include "control/source/tree.h"

#include <stdlib.h>
#include <string.h>

struct tree_block {
	struct tree_block *next;
	_Alignas(16) unsigned char bytes[];
};

void *tree_alloc(struct tree *tree, size_t bytes)
{
	struct tree_block *block = calloc(1, sizeof(*block) + bytes);

	if (!block)
		return NULL;
	block->next = tree->blocks;
	tree->blocks = block;
	return block->bytes;
}

const char *tree_text(struct tree *tree, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = tree_alloc(tree, bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

void tree_free(struct tree *tree)
{
	while (tree->blocks) {
		struct tree_block *next = tree->blocks->next;

		free(tree->blocks);
		tree->blocks = next;
	}
	*tree = (struct tree){ 0 };
}

const struct node *node_child(const struct node *group, const char *name)
{
	for (uint32_t i = 0; i < group->count; i++)
		if (strcmp(group->children[i].name, name) == 0)
			return &group->children[i];
	return NULL;
}
