/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link's socket: SOCK_SEQPACKET keeps messages whole and in order and tells the other end's death
 * at once. Whatever a peer sends, each descriptor that came with it has an owner or is closed.
 */
#include "lib/shm/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/peer.h"
#include "lib/base/socket_file.h"

#define SEND_WAIT_MS    1000
#define CONNECT_WAIT_US 500000
#define RECEIVE_FDS     4 /* room for what a peer should not send, so that it can be closed */
#define LINK_MODE       0660

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

int link_listen(const char *path, const struct link_access *access, char *why, size_t why_bytes)
{
	const struct socket_file file = {
		.path = path,
		.type = SOCK_SEQPACKET,
		.mode = LINK_MODE,
		/* Control may run as that user: the socket is its own then, root may use it all the same. */
		.uid = access->control ? access->control : (uid_t)-1,
		.gid = access->readers,
	};

	return socket_file_listen(&file, why, why_bytes);
}

int link_accept(
	int listen_fd, const struct link_access *access, struct peer_user *user, bool *reads_only)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	*reads_only = false;
	*user = (struct peer_user){ LINK_NOBODY, LINK_NOBODY, 0 };
	if (fd < 0)
		return -errno;
	err = peer_user_get(fd, user);
	if (!err && user->uid != 0 && user->uid != access->own && user->uid != access->control) {
		*reads_only = peer_user_in_group(fd, user, access->readers);
		err = *reads_only ? 0 : -EPERM;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

int link_connect(const char *path)
{
	const struct timeval longest = { 0, CONNECT_WAIT_US };
	struct sockaddr_un address;
	int err = address_make(path, &address);
	int fd;

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Other connections may wait to be accepted, more than the kernel keeps. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
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
	       message->type >= LINK_HELLO && message->type <= LINK_ROOT;
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
