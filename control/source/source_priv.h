/* SPDX-License-Identifier: Apache-2.0 */
/* What a source and the form that it is written in share. */
#ifndef SLUICE_CONTROL_SOURCE_SOURCE_PRIV_H
#define SLUICE_CONTROL_SOURCE_SOURCE_PRIV_H

#include "control/source/source.h"

/** Where line @p line of the text was written, from 1. The name lives as long as @p source. */
struct cfg_at source_at(const struct source *source, uint32_t line);

/** Fill @p tree, also partly after an error, from libconfig's @p text.
 *  @return 0, -EINVAL (a diagnostic was added) or -ENOMEM */
int libconfig_tree(const struct source *source, const char *text, struct mistakes *mistakes,
	struct tree *tree);

#endif
