/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a configuration comes from. Its files, in the form of libconfig: the file and all that it
 * includes are put together as one text that libconfig reads from memory, with the file and line
 * that each of its lines came from. libconfig opens no file itself: it ends the process when it is
 * told to include a folder, and waits for ever at a named pipe.
 */
#ifndef SLUICE_CONTROL_SOURCE_SOURCE_H
#define SLUICE_CONTROL_SOURCE_SOURCE_H

#include "control/source/tree.h"
#include "lib/base/file.h"

#define SOURCE_DEPTH_MAX       10                    /* files within files */
#define SOURCE_FILES_MAX       1000                  /* inclusions of one configuration */
#define SOURCE_FILE_BYTES_MAX  (UINT32_C(64) << 20)  /* of one file */
#define SOURCE_TOTAL_BYTES_MAX (UINT32_C(256) << 20) /* of all together */

/* Where files come from. */
struct source_reader {
	/* As file_read(). */
	int (*read)(void *context, const char *path, struct file_text *out, char *why);
	void *context;
};

/** Files of the file system. */
extern const struct source_reader source_files;

struct source;

/**
 * Read @p path and what it includes, whose relative names begin at @p directory. What is wrong is
 * added to @p mistakes, each with its file and line.
 * @return the text, owned by the caller (source_free()), also after an error; NULL without memory
 */
struct source *source_new(const char *path, const char *directory,
	const struct source_reader *reader, struct mistakes *mistakes);
void source_free(struct source *source);

/** What it says; NULL when nothing can be read from it: a diagnostic was added. Lives as long as @p
 *  source.
 */
const struct node *source_root(const struct source *source);

#endif
