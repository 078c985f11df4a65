/* SPDX-License-Identifier: Apache-2.0 */
/* The check of files that are written later: whether they can be, as far as that is known
 * before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/check_priv.h"
#include "lib/base/file.h"

/* The folder that a file is in. @return NULL without memory */
static const char *folder_of(struct check *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	uint32_t len = slash ? (uint32_t)(slash - path) : 0;

	if (!slash)
		return ".";
	if (len == 0)
		return "/";

	char *folder = config_alloc(c->config, len + 1);

	return folder ? memcpy(folder, path, len) : NULL;
}

static void check_log_folder(struct check *c, struct cfg_at at, const char *path)
{
	const char *folder = folder_of(c, path);
	struct stat st;

	if (!folder)
		return;
	if (stat(folder, &st) < 0)
		mistake_add(c->mistakes, at, "access log '%s' cannot be made: folder '%s': %s",
			path, folder, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		mistake_add(c->mistakes, at, "access log '%s' cannot be made: '%s' is no folder",
			path, folder);
	else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
		mistake_warn(c->mistakes, at,
			"access log '%s' cannot be made by this user: folder '%s': %s", path,
			folder, strerror(errno));
}

void check_access_log(struct check *c)
{
	const struct cfg_access_log *log = &c->config->root.access_log;
	const char *path = NULL;
	struct stat st;

	if (log->path.set && log->path.valid && !str_equal(log->path.text, STR("-")))
		path = config_path(c->config, log->path.text);
	if (!path || c->config->without_files || (log->enabled.set && !log->enabled.number))
		return;
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			check_log_folder(c, log->path.at, path);
		else
			mistake_add(c->mistakes, log->path.at,
				"access log '%s' cannot be opened: %s", path, strerror(errno));
		return;
	}
	if (S_ISLNK(st.st_mode))
		mistake_add(c->mistakes, log->path.at,
			"access log '%s' is a symbolic link, which is not followed", path);
	else if (file_kind(st.st_mode))
		mistake_add(c->mistakes, log->path.at, "access log '%s' is %s, not a file", path,
			file_kind(st.st_mode));
	else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		mistake_warn(c->mistakes, log->path.at,
			"access log '%s' cannot be written by this user: %s", path,
			strerror(errno));
}
