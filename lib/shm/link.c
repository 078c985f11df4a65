/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link's socket: SOCK_SEQPACKET keeps messages whole and in order and tells the other end's death
 * at once. Whatever a peer sends, each descriptor that came with it has an owner or is closed.
 */
#include "lib/shm/link.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_WAIT_MS 1000
#define LISTEN_QUEUE 32
#define RECEIVE_FDS  4 /* room for what a peer should not send, so that it can be closed */
#define LINK_MODE    0660

static int address_make(const char *path, struct sockaddr_un *address)
{
	const size_t len = strlen(path);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0)
		return -EINVAL;
	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, len + 1);
	return 0;
}

static int socket_make(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Hold the directory's lock, so that of two that start at once one finds the other's socket alive. */
static int directory_lock(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* Remove a socket that nobody listens on. @return 0, or -EADDRINUSE for one that lives or no socket */
static int stale_remove(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = link_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int link_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = -1, err, lock;

	err = address_make(path, &address);
	if (err)
		return err;
	lock = directory_lock(path);
	if (lock < 0)
		return lock;
	err = stale_remove(path);
	if (err)
		goto out;
	fd = socket_make();
	err = fd < 0 ? fd : 0;
	if (err)
		goto out;
	/* bind() makes the file with the socket's mode less the umask: never open to all, not even
	 * until chmod() undoes what the umask took. */
	if (fchmod(fd, LINK_MODE) || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
		chmod(path, LINK_MODE) || listen(fd, LISTEN_QUEUE))
		err = -errno;
out:
	close(lock);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int link_accept(int listen_fd, uint32_t allowed_uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		err = -errno;
	else if (peer.uid != 0 && peer.uid != geteuid() && peer.uid != allowed_uid)
		err = -EPERM;
	if (err)
		close(fd);
	return err ? err : fd;
}

int link_connect(const char *path)
{
	struct sockaddr_un address;
	int err = address_make(path, &address);
	int fd;

	if (err)
		return err;
	fd = socket_make();
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int link_send_now(int fd, const struct link_message *message, int pass_fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec data = { (void *)(uintptr_t)message, sizeof(*message) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t n;

	if (pass_fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &pass_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return n == (ssize_t)sizeof(*message) ? 0 : -EMSGSIZE;
}

int link_send(int fd, const struct link_message *message, int pass_fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	int err = link_send_now(fd, message, pass_fd);

	if (err != -EAGAIN)
		return err;
	if (poll(&wait, 1, SEND_WAIT_MS) < 0 && errno != EINTR)
		return -errno;
	return link_send_now(fd, message, pass_fd);
}

/* Take the descriptors out of a received message: the first one is kept. @return how many there were */
static unsigned descriptors_take(struct msghdr *m, int *first)
{
	unsigned count = 0;

	*first = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return count;
}

static bool message_valid(const struct link_message *message)
{
	return message->magic == LINK_MAGIC && message->abi_major == SHM_ABI_MAJOR &&
	       message->type >= LINK_HELLO && message->type <= LINK_PONG;
}

int link_receive(int fd, struct link_message *message, int *pass_fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(RECEIVE_FDS * sizeof(int))];
	} control;
	struct iovec data = { message, sizeof(*message) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	unsigned count;
	ssize_t n;

	*pass_fd = -1;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	count = descriptors_take(&m, pass_fd);
	if (n == (ssize_t)sizeof(*message) && count <= 1 && message_valid(message) &&
		!(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		message->text[LINK_TEXT_BYTES - 1] = 0;
		return 1;
	}
	if (*pass_fd >= 0)
		close(*pass_fd);
	*pass_fd = -1;
	return n == 0 ? -ECONNRESET : -EPROTO;
}

struct link_message link_message_make(enum link_type type, uint64_t boot_id)
{
	return (struct link_message){
		.magic = LINK_MAGIC,
		.type = type,
		.abi_major = SHM_ABI_MAJOR,
		.abi_minor = SHM_ABI_MINOR,
		.boot_id = boot_id,
		.pid = (uint32_t)getpid(),
	};
}

uint64_t link_boot_id(void)
{
	uint64_t id = 0;

	while (id == 0)
		if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
			id = 0;
	return id;
}
