/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name is judged before it is opened, since opening a device may have effects, and again by its
 * descriptor, since the name may mean another file by then.
 */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *file_kind(mode_t mode)
{
	if (S_ISREG(mode))
		return NULL;
	return S_ISDIR(mode)    ? "a folder"
	       : S_ISFIFO(mode) ? "a named pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static int file_fail(int error, char *why)
{
	if (error == ELOOP)
		snprintf(why, FILE_WHY_BYTES, "its symbolic links lead in a circle");
	else
		snprintf(why, FILE_WHY_BYTES, "%s", strerror(error));
	return -error;
}

static int file_judge(const struct stat *st, char *why)
{
	const char *kind = file_kind(st->st_mode);

	if (!kind)
		return 0;
	snprintf(why, FILE_WHY_BYTES, "it is %s", kind);
	return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

static int file_too_large(size_t max, char *why)
{
	snprintf(why, FILE_WHY_BYTES, "it is larger than %zu %s", max >> (max >> 20 ? 20 : 10),
		max >> 20 ? "MiB" : "KiB");
	return -EFBIG;
}

/*
 * Until the end, whatever size the file had when it was opened: it may have grown. A file of the
 * size that it had is read without a second allocation, so that a key is in one place.
 */
static int file_read_all(int fd, size_t expected, size_t max, struct file_text *out, char *why)
{
	size_t room = expected + 2; /* one byte more, to see the end, and the terminating zero */
	ssize_t n;

	out->data = malloc(room);
	while (out->data) {
		n = read(fd, out->data + out->len, room - 1 - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_fail(errno, why);
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len > max)
			return file_too_large(max, why);
		if (n == 0)
			return 0;
		if (out->len + 1 < room)
			continue;
		room *= 2;

		char *grown = realloc(out->data, room);

		if (!grown)
			break;
		out->data = grown;
	}
	return file_fail(ENOMEM, why);
}

int file_read(const char *path, size_t max, struct file_text *out, char *why)
{
	struct stat st;
	int fd, rc;

	*out = (struct file_text){ 0 };
	if (stat(path, &st) < 0)
		return file_fail(errno, why);
	rc = file_judge(&st, why);
	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return file_fail(errno, why);
	if (fstat(fd, &st) < 0)
		rc = file_fail(errno, why);
	else
		rc = file_judge(&st, why);
	if (rc == 0 && st.st_size > 0 && (size_t)st.st_size > max)
		rc = file_too_large(max, why);
	if (rc == 0) {
		out->dev = st.st_dev;
		out->ino = st.st_ino;
		out->mode = st.st_mode;
		rc = file_read_all(fd, (size_t)st.st_size, max, out, why);
	}
	close(fd);
	if (rc < 0) {
		free(out->data);
		*out = (struct file_text){ 0 };
	}
	return rc;
}
