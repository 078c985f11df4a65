/* SPDX-License-Identifier: Apache-2.0 */
/* The link's socket: descriptors arrive or are closed, a dead peer is noticed, a socket file that nobody
 * serves is replaced and one that somebody serves is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/shm/link.h"

static char directory[64];
static char path[96];

static int setup(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/sluice-link-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/dataplane.sock", directory);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(directory);
}

static int descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void pair_make(int *pair)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void a_descriptor_rides_along(void **state)
{
	struct link_message sent = link_message_make(LINK_SEGMENT, 5), got;
	struct segment s;
	struct stat a, b;
	int pair[2], fd;

	pair_make(pair);
	assert_int_equal(segment_create("test", SEGMENT_USAGE, 4096, 1, &s), 0);
	sent.segment = SEGMENT_USAGE;
	memset(sent.text, 'x', sizeof(sent.text));
	assert_int_equal(link_receive(pair[1], &got, &fd), 0);
	assert_int_equal(link_send(pair[0], &sent, s.fd), 0);
	assert_int_equal(link_send(pair[0], &sent, -1), 0);
	assert_int_equal(link_receive(pair[1], &got, &fd), 1);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(s.fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(got.boot_id, 5);
	assert_int_equal(got.pid, getpid());
	assert_int_equal(strlen(got.text), LINK_TEXT_BYTES - 1);
	close(fd);
	assert_int_equal(link_receive(pair[1], &got, &fd), 1);
	assert_int_equal(fd, -1);
	close(pair[0]);
	assert_int_equal(link_receive(pair[1], &got, &fd), -ECONNRESET);
	assert_int_equal(link_send(pair[1], &sent, -1), -EPIPE);
	close(pair[1]);
	segment_close(&s);
}

/* Send bytes with descriptors as only a broken peer would. */
static void raw_send(int fd, const void *data, size_t len, unsigned descriptors)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (descriptors) {
		struct cmsghdr *c = (void *)control;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		for (unsigned i = 0; i < descriptors; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &m, 0), len);
}

static void what_is_no_message_is_refused_and_leaks_nothing(void **state)
{
	struct link_message sent = link_message_make(LINK_HELLO, 5), got;
	char big[512] = { 0 };
	int pair[2], fd, before;

	pair_make(pair);
	before = descriptors_open();
	memcpy(big, &sent, sizeof(sent));
	raw_send(pair[0], big, sizeof(big), 1);   /* too long */
	raw_send(pair[0], big, 10, 1);            /* too short */
	raw_send(pair[0], big, sizeof(sent), 2);  /* more than one descriptor */
	raw_send(pair[0], big, sizeof(sent), 16); /* more than there is room for */
	sent.type = LINK_ROOT + 1;
	raw_send(pair[0], &sent, sizeof(sent), 1);
	sent = link_message_make(LINK_HELLO, 5);
	sent.abi_major++;
	raw_send(pair[0], &sent, sizeof(sent), 0);
	sent = link_message_make(LINK_HELLO, 5);
	sent.magic++;
	raw_send(pair[0], &sent, sizeof(sent), 1);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(link_receive(pair[1], &got, &fd), -EPROTO);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(link_receive(pair[1], &got, &fd), 0);
	assert_int_equal(descriptors_open(), before);
	close(pair[0]);
	close(pair[1]);
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
	struct link_message m = link_message_make(LINK_PING, 5);
	int pair[2], err = 0;

	pair_make(pair);
	for (int i = 0; i < 100000 && err == 0; i++)
		err = link_send_now(pair[0], &m, -1);
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(link_send(pair[0], &m, -1), -EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

static struct link_access test_access = { .control = LINK_NOBODY, .readers = LINK_NOBODY };
static bool reads_only;
static char why[400];

static int test_listen(const char *at)
{
	test_access.own = (uint32_t)getuid();
	return link_listen(at, &test_access, why, sizeof(why));
}

static void a_second_listener_is_refused(void **state)
{
	int first = test_listen(path), client, peer;
	struct peer_user user;
	struct stat st;

	assert_true(first >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(test_listen(path), -EADDRINUSE);
	peer = link_accept(first, &test_access, &user,
		&reads_only); /* how the second one found the first alive */
	assert_true(peer >= 0);
	close(peer);
	client = link_connect(path);
	assert_true(client >= 0);
	peer = link_accept(first, &test_access, &user, &reads_only);
	assert_true(peer >= 0);
	assert_int_equal(link_accept(first, &test_access, &user, &reads_only), -EAGAIN);
	close(client);
	close(peer);
	close(first);
}

static void a_stale_socket_is_replaced(void **state)
{
	int first = test_listen(path), second;

	assert_true(first >= 0);
	close(first);
	assert_int_equal(link_connect(path), -ECONNREFUSED);
	second = test_listen(path);
	assert_true(second >= 0);
	close(second);
	unlink(path);
	assert_int_equal(link_connect(path), -ENOENT);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	char deep[256];
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(test_listen(path), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	snprintf(deep, sizeof(deep), "%s/none/deeper/socket", directory);
	assert_int_equal(test_listen(deep), -ENOENT);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	assert_int_equal(test_listen(deep), -ENAMETOOLONG);
	assert_int_equal(link_connect(deep), -ENAMETOOLONG);
	assert_int_equal(test_listen(""), -EINVAL);
}

static void each_start_has_its_own_number(void **state)
{
	assert_int_not_equal(link_boot_id(), link_boot_id());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_rides_along),
		cmocka_unit_test(what_is_no_message_is_refused_and_leaks_nothing),
		cmocka_unit_test(a_peer_that_does_not_read_is_given_up),
		cmocka_unit_test(a_second_listener_is_refused),
		cmocka_unit_test(a_stale_socket_is_replaced),
		cmocka_unit_test(what_is_no_socket_is_left_alone),
		cmocka_unit_test(each_start_has_its_own_number),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
