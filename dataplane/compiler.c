/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See compiler.h. Texts go over as one memfd, the database comes back in another, behind a header.
 * What comes back is only as good as the child that wrote it: its length is checked here, its
 * checksum by Hyperscan.
 */
#include "dataplane/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/harden.h"
#include "lib/base/log.h"

#define COMPILE_S       10 /* of processor time */
#define COMPILE_WALL_MS 20000
#define ANSWER_MS       (COMPILE_WALL_MS + 5000)
#define COMPILE_MEMORY  (UINT64_C(1) << 30)
#define DATABASE_MAX    (64u << 20)
#define WHY_BYTES       200
#define USER_NOBODY     65534

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMITED 0 /* its shadow is terabytes of addresses */
#else
#define MEMORY_LIMITED 1
#endif

struct compiler {
	int fd; /* of a socket pair */
	pid_t pid;
	struct pattern_compiler patterns;
};

/* At the begin of the second memfd. */
struct compiler_result {
	int32_t err; /* 0 or -errno */
	uint32_t bytes;
	char why[WHY_BYTES];
};

/* How the child ended. */
struct compiler_answer {
	int32_t status; /* of wait(), or -errno */
};

enum { FD_PATTERNS, FD_RESULT, FD_COUNT };

union descriptors {
	struct cmsghdr header;
	char room[CMSG_SPACE(FD_COUNT * sizeof(int))];
};

static bool write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes > 0) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *data, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)data + done, bytes - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* --- the child of one compilation --- */

static void limit(int resource, uint64_t value)
{
	const struct rlimit both = { value, value };

	(void)setrlimit(resource, &both);
}

static void child_confine(void)
{
	limit(RLIMIT_CPU, COMPILE_S);
	limit(RLIMIT_FSIZE, DATABASE_MAX + sizeof(struct compiler_result));
	if (MEMORY_LIMITED)
		limit(RLIMIT_AS, COMPILE_MEMORY);
	if (harden_compiler())
		_exit(3);
}

__attribute__((noreturn)) static void child_run(const int *fds)
{
	struct compiler_result result = { 0 };
	struct patterns patterns = { 0 };
	char *database = NULL;
	size_t bytes = 0;
	struct stat st;

	child_confine();
	if (fstat(fds[FD_PATTERNS], &st) || !(patterns.data = malloc((size_t)st.st_size + 1)))
		_exit(4);
	patterns.bytes = (size_t)st.st_size;
	if (!read_all(fds[FD_PATTERNS], patterns.data, patterns.bytes))
		_exit(4);
	result.err = patterns_compile(&patterns, &database, &bytes, result.why, sizeof(result.why));
	if (!result.err && bytes > DATABASE_MAX) {
		result.err = -EFBIG;
		snprintf(result.why, sizeof(result.why),
			"the patterns make a database above %u MiB", DATABASE_MAX >> 20);
	}
	result.bytes = result.err ? 0 : (uint32_t)bytes;
	if (!write_all(fds[FD_RESULT], &result, sizeof(result)) ||
		!write_all(fds[FD_RESULT], database, result.bytes))
		_exit(5);
	_exit(0);
}

/* --- the process that forks it --- */

static int request_receive(int fd, int *fds)
{
	union descriptors control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || !CMSG_FIRSTHDR(&m) || control.header.cmsg_type != SCM_RIGHTS ||
		control.header.cmsg_len != CMSG_LEN(FD_COUNT * sizeof(int)))
		return -EPIPE;
	memcpy(fds, CMSG_DATA(&control.header), FD_COUNT * sizeof(int));
	return 0;
}

static int32_t child_wait(pid_t pid)
{
	int status = 0;

	for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += 2) {
		if (ms >= COMPILE_WALL_MS)
			(void)kill(pid, SIGKILL);
		usleep(2000);
	}
	return status;
}

__attribute__((noreturn)) static void compiler_main(int fd, const struct privileges *privileges)
{
	const struct privileges nobody = {
		.user = "nobody", .uid = USER_NOBODY, .gid = USER_NOBODY
	};
	int fds[FD_COUNT];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "sluice-compiler");
	signal(SIGINT, SIG_IGN); /* a terminal sends it to both; the end is the socket's */
	signal(SIGTERM, SIG_IGN);
	if (!privileges->unconfined &&
		privileges_drop_all(privileges->user || geteuid() ? privileges : &nobody))
		_exit(2);
	while (request_receive(fd, fds) == 0) {
		pid_t pid = fork();
		struct compiler_answer answer = { .status = -EAGAIN };

		if (pid == 0)
			child_run(fds);
		if (pid > 0)
			answer.status = child_wait(pid);
		close(fds[FD_PATTERNS]);
		close(fds[FD_RESULT]);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* --- the dataplane's side --- */

static int request_send(int fd, const int *fds)
{
	union descriptors control = { .room = { 0 } };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(FD_COUNT * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, FD_COUNT * sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Wait for the answer. A compiler that gives none is ended, so that no late answer meets another
 * question. */
static int answer_wait(struct compiler *c, struct compiler_answer *answer)
{
	struct pollfd wait = { .fd = c->fd, .events = POLLIN };
	int n;

	do
		n = poll(&wait, 1, ANSWER_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0 && recv(c->fd, answer, sizeof(*answer), 0) == (ssize_t)sizeof(*answer))
		return 0;
	close(c->fd);
	c->fd = -1;
	return n == 0 ? -ETIMEDOUT : -EPIPE;
}

static int result_read(int fd, char **out, size_t *out_bytes, char *why, size_t why_bytes)
{
	struct compiler_result result;
	struct stat st;
	char *all;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(result) ||
		!read_all(fd, &result, sizeof(result)))
		return -EBADMSG;
	if (result.err) {
		result.why[sizeof(result.why) - 1] = 0;
		snprintf(why, why_bytes, "%s", result.why);
		return result.err < 0 ? result.err : -EBADMSG;
	}
	if (result.bytes == 0 || result.bytes > DATABASE_MAX ||
		st.st_size != (off_t)(sizeof(result) + result.bytes))
		return -EBADMSG;
	all = malloc(sizeof(result) + result.bytes);
	if (!all || !read_all(fd, all, sizeof(result) + result.bytes)) {
		free(all);
		return -ENOMEM;
	}
	memmove(all, all + sizeof(result), result.bytes);
	*out = all;
	*out_bytes = result.bytes;
	return 0;
}

static int status_explain(int32_t status, char *why, size_t why_bytes)
{
	if (status < 0)
		snprintf(why, why_bytes, "the compiler of patterns cannot fork");
	else if (WIFSIGNALED(status) &&
		 (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
		snprintf(
			why, why_bytes, "the patterns take longer than %d s to compile", COMPILE_S);
	else if (WIFSIGNALED(status))
		snprintf(why, why_bytes,
			"the compiler of patterns died of signal %d: its limits are %d s and %u MiB",
			WTERMSIG(status), COMPILE_S, (unsigned)(COMPILE_MEMORY >> 20));
	else
		snprintf(why, why_bytes, "the compiler of patterns failed (%d)",
			WEXITSTATUS(status));
	return -EINVAL;
}

static int compiler_compile(void *ctx, const struct patterns *patterns, char **out,
	size_t *out_bytes, char *why, size_t why_bytes)
{
	struct compiler *c = ctx;
	struct compiler_answer answer;
	int fds[FD_COUNT] = { memfd_create("sluice-patterns", MFD_CLOEXEC),
		memfd_create("sluice-database", MFD_CLOEXEC) };
	int err = -errno;

	*out = NULL;
	snprintf(why, why_bytes, "the compiler of patterns has ended: restart the dataplane");
	if (fds[FD_PATTERNS] >= 0 && fds[FD_RESULT] >= 0 &&
		write_all(fds[FD_PATTERNS], patterns->data, patterns->bytes)) {
		err = c->fd < 0 ? -EPIPE : request_send(c->fd, fds);
		if (!err)
			err = answer_wait(c, &answer);
		if (!err && answer.status != 0)
			err = status_explain(answer.status, why, why_bytes);
		else if (!err)
			err = result_read(fds[FD_RESULT], out, out_bytes, why, why_bytes);
	}
	for (int i = 0; i < FD_COUNT; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return err;
}

int compiler_start(const struct privileges *privileges, struct compiler **out)
{
	struct compiler *c = calloc(1, sizeof(*c));
	int pair[2], err;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err = -errno;
		free(c);
		return err;
	}
	c->pid = fork();
	if (c->pid == 0) {
		close(pair[0]);
		compiler_main(pair[1], privileges);
	}
	err = c->pid < 0 ? -errno : 0;
	close(pair[1]);
	if (err) {
		close(pair[0]);
		free(c);
		return err;
	}
	c->fd = pair[0];
	c->patterns = (struct pattern_compiler){ compiler_compile, c };
	*out = c;
	return 0;
}

const struct pattern_compiler *compiler_patterns(struct compiler *compiler)
{
	return &compiler->patterns;
}

void compiler_stop(struct compiler *compiler)
{
	if (!compiler)
		return;
	if (compiler->fd >= 0)
		close(compiler->fd);
	(void)waitpid(compiler->pid, NULL, 0);
	free(compiler);
}
