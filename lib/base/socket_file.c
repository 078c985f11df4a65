/* SPDX-License-Identifier: Apache-2.0 */
/* See socket_file.h. */
#include "lib/base/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_QUEUE 1024 /* connections that a flood of them may put before that of an operator */
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 50

#define PATH_BYTES   sizeof(((struct sockaddr_un *)0)->sun_path)

struct place {
	const char *path; /* as it was given */
	char folder[PATH_BYTES];
	const char *name; /* the last part of the path */
	int folder_fd;
	char *why;
	size_t why_bytes;
};

__attribute__((format(printf, 3, 4))) static int place_fail(
	struct place *p, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, p->why_bytes, format, args);
	va_end(args);
	return err;
}

static int place_split(struct place *p)
{
	const size_t len = strlen(p->path);
	const char *slash = strrchr(p->path, '/');

	p->name = slash ? slash + 1 : p->path;
	if (len >= PATH_BYTES)
		return place_fail(
			p, -ENAMETOOLONG, "%s: longer than %zu bytes", p->path, PATH_BYTES - 1);
	if (!*p->name)
		return place_fail(p, -EINVAL, "'%s' names no file", p->path);
	if (!slash)
		snprintf(p->folder, sizeof(p->folder), ".");
	else
		snprintf(p->folder, sizeof(p->folder), "%.*s",
			slash == p->path ? 1 : (int)(slash - p->path), p->path);
	return 0;
}

/* A user who can rename in the folder could put a file of theirs in the socket's place. */
static int folder_check(struct place *p)
{
	struct stat st;

	if (fstat(p->folder_fd, &st))
		return place_fail(p, -errno, "folder %s: %s", p->folder, strerror(errno));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return place_fail(p, -EPERM,
			"folder %s belongs to user %u, who could put another file in the socket's place: give it to "
			"root (chown root %s)",
			p->folder, (unsigned)st.st_uid, p->folder);
	if (st.st_mode & 022 && !(st.st_mode & S_ISVTX))
		return place_fail(p, -EPERM,
			"folder %s can be changed by others (mode %04o): take that from them (chmod go-w %s)",
			p->folder, (unsigned)st.st_mode & 07777, p->folder);
	return 0;
}

static int folder_open(struct place *p)
{
	const mode_t mask = umask(022);
	const bool missing = mkdir(p->folder, 0755) && errno == ENOENT;

	umask(mask);
	if (missing)
		return place_fail(
			p, -ENOENT, "folder %s: the folder above it is missing", p->folder);
	p->folder_fd = open(p->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->folder_fd < 0)
		return place_fail(p, -errno, "folder %s: %s", p->folder,
			errno == ENOTDIR || errno == ELOOP ? "it is a link or no folder"
							   : strerror(errno));
	return folder_check(p);
}

/* "1: FLOCK ADVISORY WRITE 4711 08:01:12345 0 EOF": is the place this file's? @return the process,
 * or 0 */
static long lock_line_holder(char *line, const char *place)
{
	char *rest = line, *word, *end;
	long pid = 0;

	for (int n = 0; (word = strsep(&rest, " ")) != NULL;) {
		if (!*word)
			continue; /* columns are padded */
		if (n == 4)
			pid = strtol(word, &end, 10);
		if (n++ == 5)
			return strcmp(word, place) == 0 ? pid : 0;
	}
	return 0;
}

/* The process that holds a lock on this file, from the kernel's list; 0 when it is not found. */
static int lock_holder(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256], place[64];
	struct stat st;
	long found = 0;

	if (locks && fstat(fd, &st) == 0) {
		snprintf(place, sizeof(place), "%02x:%02x:%lu", major(st.st_dev), minor(st.st_dev),
			(unsigned long)st.st_ino);
		while (!found && fgets(line, sizeof(line), locks))
			found = lock_line_holder(line, place);
	}
	if (locks)
		fclose(locks);
	return (int)found;
}

static int lock_refuse(struct place *p, const char *name, int fd)
{
	const int pid = lock_holder(fd);
	char path[64], program[64] = "?";
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	comm = pid ? fopen(path, "re") : NULL;
	if (comm) {
		if (fgets(program, sizeof(program), comm))
			program[strcspn(program, "\n")] = 0;
		fclose(comm);
	}
	return place_fail(p, -ETIMEDOUT,
		"%s/%s has been locked for %d s by process %d (%s): it starts too, or hangs; end it and start again",
		p->folder, name, LOCK_WAIT_MS / 1000, pid, program);
}

/* Take the lock within the time, and make sure that it is still the file's that has the name. */
static int lock_wait(struct place *p, const char *name, int fd)
{
	struct stat st;

	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return place_fail(
				p, -errno, "lock %s/%s: %s", p->folder, name, strerror(errno));
		if (waited >= LOCK_WAIT_MS)
			return lock_refuse(p, name, fd);
		usleep(LOCK_STEP_MS * 1000);
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()))
		return place_fail(
			p, -EPERM, "%s/%s is not a file of ours: remove it", p->folder, name);
	return st.st_nlink ? 0 : -EAGAIN;
}

/* Of two that start at once one finds the other's socket alive. The lock is on a file that other
 * users cannot open: on the folder, which they can, anybody could hold it. */
static int lock_take(struct place *p, char *name, size_t name_bytes)
{
	int fd, err;

	snprintf(name, name_bytes, ".%s.lock", p->name);
	do {
		fd = openat(p->folder_fd, name,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
		if (fd < 0)
			return place_fail(
				p, -errno, "lock %s/%s: %s", p->folder, name, strerror(errno));
		err = lock_wait(p, name, fd);
		if (err)
			close(fd);
	} while (err == -EAGAIN);
	return err ? err : fd;
}

/* An address that leads through the folder's descriptor. */
static struct sockaddr_un place_address(const struct place *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", p->folder_fd,
		p->name);
	return address;
}

static int socket_make(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Remove a socket without a listener. */
static int stale_remove(struct place *p, int type)
{
	const struct sockaddr_un address = place_address(p);
	struct stat st;
	int fd, err = 0;

	if (fstatat(p->folder_fd, p->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0
				       : place_fail(p, -errno, "%s: %s", p->path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return place_fail(p, -EADDRINUSE,
			"%s is no socket: remove it, or name another path", p->path);
	fd = socket_make(type);
	if (fd < 0)
		return place_fail(p, fd, "socket: %s", strerror(-fd));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		errno != ECONNREFUSED)
		err = place_fail(p, -EADDRINUSE, "another process listens on %s", p->path);
	close(fd);
	if (!err && unlinkat(p->folder_fd, p->name, 0) && errno != ENOENT)
		err = place_fail(p, -errno,
			"%s: the file of an ended process cannot be removed: %s", p->path,
			strerror(errno));
	return err;
}

/* bind() gives the file the socket's own mode less the umask: no moment in which it is open to
 * others. */
static int socket_bind(struct place *p, const struct socket_file *file, int fd)
{
	const struct sockaddr_un address = place_address(p);
	const mode_t mask = umask(0);
	int err = fchmod(fd, file->mode) ||
				  bind(fd, (const struct sockaddr *)&address, sizeof(address))
			  ? -errno
			  : 0;

	umask(mask);
	if (!err && (file->uid != (uid_t)-1 || file->gid != (gid_t)-1) &&
		fchownat(p->folder_fd, p->name, file->uid, file->gid, AT_SYMLINK_NOFOLLOW))
		err = -errno;
	if (!err && listen(fd, LISTEN_QUEUE))
		err = -errno;
	return err ? place_fail(p, err, "%s: %s", p->path, strerror(-err)) : 0;
}

int socket_file_listen(const struct socket_file *file, char *why, size_t why_bytes)
{
	struct place p = {
		.path = file->path, .folder_fd = -1, .why = why, .why_bytes = why_bytes
	};
	char lock_name[PATH_BYTES + 8];
	int fd = -1, lock = -1, err = place_split(&p);

	if (!err)
		err = folder_open(&p);
	if (!err) {
		lock = lock_take(&p, lock_name, sizeof(lock_name));
		err = lock < 0 ? lock : stale_remove(&p, file->type);
	}
	if (!err) {
		fd = socket_make(file->type);
		err = fd < 0 ? place_fail(&p, fd, "socket: %s", strerror(-fd))
			     : socket_bind(&p, file, fd);
	}
	if (lock >= 0) {
		(void)unlinkat(p.folder_fd, lock_name, 0);
		close(lock);
	}
	if (p.folder_fd >= 0)
		close(p.folder_fd);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

void socket_file_remove(const char *path)
{
	(void)unlink(path);
}

int socket_file_chmod(const char *path, mode_t mode)
{
	char reopened[32];
	struct stat st;
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	snprintf(reopened, sizeof(reopened), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISSOCK(st.st_mode))
		err = -ENOTSOCK;
	else if ((st.st_mode & 07777) != mode && chmod(reopened, mode))
		err = -errno;
	close(fd);
	return err;
}
