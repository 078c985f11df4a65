/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record is one small file of JSON, written beside itself and renamed, so that a full disk or a
 * lost machine leaves the old one. It holds both names: with another --config than the one that the
 * record was made under, an operator has decided again, and it counts for nothing.
 */
#include "control/daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/paths.h"
#include "lib/base/file.h"

#define STATE_FILE      "applied.json"
#define STATE_BYTES_MAX (1024 * 1024)

char *state_folder(const char *control_socket)
{
	char *folder;

	if (strcmp(control_socket, CONTROL_DEFAULT_SOCKET) == 0)
		return strdup(STATE_DEFAULT_FOLDER);
	return asprintf(&folder, "%s.state", control_socket) < 0 ? NULL : folder;
}

static int state_fail(int error, const char *path, char *why)
{
	snprintf(why, STATE_WHY_BYTES, "%s: %s", path, strerror(error));
	return -error;
}

int state_make_folder(const char *folder, uid_t uid, gid_t gid, char *why)
{
	if (mkdir(folder, 0700) < 0)
		return errno == EEXIST ? 0 : state_fail(errno, folder, why);
	/* It is new and its parent is root's or ours: there is no link that another user put
	 * there. */
	if (uid != (uid_t)-1 && lchown(folder, uid, gid) < 0)
		return state_fail(errno, folder, why);
	return 0;
}

bool state_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static char *state_path(const char *folder, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s%s", folder, name, suffix) < 0 ? NULL : path;
}

json_t *state_read(const char *folder, const char *name, char *why)
{
	char *path = state_path(folder, name, "");
	char reason[FILE_WHY_BYTES];
	struct file_text text;
	json_t *record = NULL;
	json_error_t error;
	int rc = path ? file_read(path, STATE_BYTES_MAX, &text, reason) : -ENOMEM;

	why[0] = '\0';
	if (rc == 0) {
		record = json_loadb(text.data, text.len, 0, &error);
		free(text.data);
		if (!record)
			snprintf(why, STATE_WHY_BYTES, "%s: %s", path, error.text);
	} else if (rc != -ENOENT) {
		snprintf(why, STATE_WHY_BYTES, "%s: %s", path ? path : folder,
			path ? reason : "out of memory");
	}
	free(path);
	return record;
}

char *state_recall(const char *folder, const char *started_with, char *why)
{
	json_t *record = state_read(folder, STATE_FILE, why);
	const char *config = json_string_value(json_object_get(record, "config"));
	const char *started = json_string_value(json_object_get(record, "started_with"));
	char *out = NULL;

	if (record && (!config || !started || config[0] != '/'))
		snprintf(why, STATE_WHY_BYTES,
			"%s/" STATE_FILE ": not a record of sluice-control's", folder);
	else if (record && state_same_file(started, started_with) &&
		 !state_same_file(config, started_with))
		out = strdup(config);
	json_decref(record);
	return out;
}

static int state_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text), done = 0;
	int error = 0;

	if (fd < 0)
		return -errno;
	while (done < len && !error) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			error = errno;
		else if (n > 0)
			done += (size_t)n;
	}
	if (!error && fsync(fd) < 0)
		error = errno;
	if (close(fd) < 0 && !error)
		error = errno;
	if (error)
		unlink(path);
	return -error;
}

static void state_sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int state_write_file(const char *folder, const char *name, const char *text, char *why)
{
	char *path = state_path(folder, name, ""), *fresh = state_path(folder, name, ".new");
	int rc = path && fresh ? state_write(fresh, text) : -ENOMEM;

	if (rc == 0 && rename(fresh, path) < 0)
		rc = -errno;
	if (rc == 0)
		state_sync_folder(folder);
	else
		state_fail(-rc, path ? path : folder, why);
	free(path);
	free(fresh);
	return rc;
}

/* There is nothing to remember any more. */
static int state_forget(const char *folder, char *why)
{
	char *path = state_path(folder, STATE_FILE, "");
	int rc = 0;

	if (!path)
		rc = state_fail(ENOMEM, folder, why);
	else if (unlink(path) < 0 && errno != ENOENT)
		rc = state_fail(errno, path, why);
	free(path);
	return rc;
}

int state_remember(const char *folder, const char *started_with, const char *config, char *why)
{
	char *started, *applied, *text = NULL;
	json_t *record;
	int rc;

	if (state_same_file(started_with, config))
		return state_forget(folder, why);
	started = realpath(started_with, NULL);
	applied = realpath(config, NULL);
	if (!applied) {
		rc = state_fail(errno, config, why);
	} else {
		record = json_pack("{s:s, s:s}", "config", applied, "started_with",
			started ? started : started_with);
		text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
		/* JSON is UTF-8, a file's name need not be. */
		rc = text ? state_write_file(folder, STATE_FILE, text, why)
			  : state_fail(record ? ENOMEM : EILSEQ, applied, why);
		json_decref(record);
	}
	free(text);
	free(started);
	free(applied);
	return rc;
}
