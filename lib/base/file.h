/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file whose name comes from a person. The name may be that of a folder, a named pipe
 * that no process writes to, a device or a loop of links: none of them may end or hang a daemon.
 */
#ifndef SLUICE_LIB_BASE_FILE_H
#define SLUICE_LIB_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#define FILE_WHY_BYTES 64

struct file_text {
	char *data; /* with a terminating zero behind its length; free() */
	size_t len; /* bytes */
	dev_t dev;  /* with ino: which file it is, whatever name it was opened by */
	ino_t ino;
	mode_t mode;
};

/**
 * Read a whole regular file. Never waits: anything but a regular file is refused.
 * @param max  bytes; a longer file is refused
 * @param why  filled on failure: "it is a folder", "No such file or directory"; FILE_WHY_BYTES
 * @return 0 with @p out owned by the caller, or -errno
 */
int file_read(const char *path, size_t max, struct file_text *out, char *why);

/** What a file of mode @p mode is, for messages: "a folder"; NULL when it is a regular file. */
const char *file_kind(mode_t mode);

#endif
