/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that backends' chains may end at: read and judged. */
#ifndef SLUICE_CONTROL_COMPILE_AUTHORITIES_H
#define SLUICE_CONTROL_COMPILE_AUTHORITIES_H

#include "control/config/config.h"
#include "lib/base/file.h"

struct authorities {
	struct file_text *list; /* one for each backend, in order; data of NULL: it has no TLS */
	uint32_t count;
};

/** Load the file of each backend; what is wrong with one is a mistake at its setting. With
 *  config->without_files nothing is read. The caller frees @p out with authorities_free(). */
void authorities_load(struct config *config, struct mistakes *mistakes, struct authorities *out);
void authorities_free(struct authorities *authorities);

#endif
