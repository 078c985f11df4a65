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

#define WALL_MS(limits) (2000 * (limits)->processor_s) /* of a child that gets half a processor */
#define ANSWER_MS       5000                           /* beyond that */
#define DATABASE_MAX    (64u << 20)
#define WHY_BYTES       200
#define USER_NOBODY     65534

const struct compiler_limits compiler_limits = { .processor_s = 10,
	.memory_bytes = UINT64_C(1) << 30 };

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMITED 0 /* its shadow is terabytes of addresses */
#else
#define MEMORY_LIMITED 1
#endif

#define COMPILERS 2 /* each can start the other again: the dataplane itself may not fork any more */

struct compiler {
	struct compiler_limits limits;
	int fds[COMPILERS]; /* of socket pairs; -1: has ended */
	pid_t pids[COMPILERS];
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

/* What comes with a request: two for a compilation, or one, the socket that another compiler is to
 * serve. */
enum { FD_PATTERNS, FD_RESULT, FD_COUNT };

union descriptors {
	struct cmsghdr header;
	char room[CMSG_SPACE(FD_COUNT * sizeof(int))];
};

static unsigned memory_mib(const struct compiler_limits *limits)
{
	return (unsigned)(limits->memory_bytes >> 20);
}

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

static void compiler_limit(int resource, uint64_t value)
{
	const struct rlimit both = { value, value };

	(void)setrlimit(resource, &both);
}

static void child_confine(const struct compiler_limits *limits)
{
	compiler_limit(RLIMIT_CPU, limits->processor_s);
	compiler_limit(RLIMIT_FSIZE, DATABASE_MAX + sizeof(struct compiler_result));
	if (MEMORY_LIMITED)
		compiler_limit(RLIMIT_AS, limits->memory_bytes);
	if (harden_compiler())
		_exit(3);
}

/* Control tried the patterns one by one: what fails here fails most likely for want of memory. */
static void child_add_limits(char why[static WHY_BYTES], const struct compiler_limits *limits)
{
	size_t used = strlen(why);

	snprintf(why + used, WHY_BYTES - used, " (at most %u s and %u MiB)", limits->processor_s,
		memory_mib(limits));
}

__attribute__((noreturn)) static void child_run(
	const int *fds, const struct compiler_limits *limits)
{
	struct compiler_result result = { 0 };
	struct patterns patterns = { 0 };
	char *database = NULL;
	size_t bytes = 0;
	struct stat st;

	child_confine(limits);
	if (fstat(fds[FD_PATTERNS], &st) || !(patterns.data = malloc((size_t)st.st_size + 1)))
		_exit(4);
	patterns.bytes = (size_t)st.st_size;
	if (!read_all(fds[FD_PATTERNS], patterns.data, patterns.bytes))
		_exit(4);
	result.err = patterns_compile(&patterns, &database, &bytes, result.why, sizeof(result.why));
	if (result.err)
		child_add_limits(result.why, limits);
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

/* @return how many descriptors came, or -EPIPE at the end */
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
	int count;

	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || !CMSG_FIRSTHDR(&m) || control.header.cmsg_type != SCM_RIGHTS)
		return -EPIPE;
	count = (int)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(&control.header), (size_t)count * sizeof(int));
	return count;
}

static int32_t child_wait(pid_t pid, const struct compiler_limits *limits)
{
	int status = 0;

	for (uint32_t ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += 2) {
		if (ms >= WALL_MS(limits))
			(void)kill(pid, SIGKILL);
		usleep(2000);
	}
	return status;
}

static int32_t compiler_fork_job(const int *fds, const struct compiler_limits *limits)
{
	pid_t pid = fork();

	if (pid == 0)
		child_run(fds, limits);
	return pid > 0 ? child_wait(pid, limits) : -EAGAIN;
}

/* Until the dataplane closes its end, however it ends. */
__attribute__((noreturn)) static void compiler_serve(int fd, const struct compiler_limits *limits)
{
	int fds[FD_COUNT], count;

	while ((count = request_receive(fd, fds)) > 0) {
		struct compiler_answer answer;

		if (count == 1) {
			pid_t pid = fork();

			close(pid == 0 ? fd : fds[0]);
			fd = pid == 0 ? fds[0] : fd;
			continue;
		}
		answer.status = compiler_fork_job(fds, limits);
		close(fds[FD_PATTERNS]);
		close(fds[FD_RESULT]);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
		while (waitpid(-1, NULL, WNOHANG) >
			0) /* a compiler that was started here and has ended */
			;
	}
	_exit(0);
}

__attribute__((noreturn)) static void compiler_main(
	int fd, const struct privileges *privileges, const struct compiler_limits *limits)
{
	const struct privileges nobody = {
		.user = "nobody", .uid = USER_NOBODY, .gid = USER_NOBODY
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "sluice-compiler");
	signal(SIGINT, SIG_IGN); /* a terminal sends it to all; the end is the socket's */
	signal(SIGTERM, SIG_IGN);
	if (!privileges->unconfined &&
		privileges_drop_all(privileges->user || geteuid() ? privileges : &nobody))
		_exit(2);
	compiler_serve(fd, limits);
}

/* --- the dataplane's side --- */

static int request_send(int fd, const int *fds, unsigned count)
{
	union descriptors control = { .room = { 0 } };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A compiler that gives no answer is ended, so that no late answer meets another question. */
static void compiler_end(struct compiler *c, unsigned i)
{
	close(c->fds[i]);
	c->fds[i] = -1;
}

static int answer_wait(int fd, const struct compiler_limits *limits, struct compiler_answer *answer)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&wait, 1, (int)WALL_MS(limits) + ANSWER_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0 && recv(fd, answer, sizeof(*answer), 0) == (ssize_t)sizeof(*answer))
		return 0;
	return n == 0 ? -ETIMEDOUT : -EPIPE;
}

/* Ask compiler @p by to start another in place @p i. */
static void compiler_replace(struct compiler *c, unsigned by, unsigned i)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		log_warning("a compiler of patterns has ended and is not started again: %s",
			strerror(errno));
		return;
	}
	if (request_send(c->fds[by], &pair[1], 1) == 0) {
		c->fds[i] = pair[0];
		log_warning("a compiler of patterns had ended and is started again");
	} else {
		close(pair[0]);
	}
	close(pair[1]);
}

void compiler_keep(struct compiler *c)
{
	unsigned lives = COMPILERS;

	for (unsigned i = 0; i < COMPILERS; i++) {
		struct pollfd state = { .fd = c->fds[i] };

		(void)waitpid(c->pids[i], NULL, WNOHANG);
		if (c->fds[i] >= 0 && poll(&state, 1, 0) > 0)
			compiler_end(c, i);
		if (c->fds[i] >= 0)
			lives = i;
	}
	for (unsigned i = 0; lives < COMPILERS && i < COMPILERS; i++)
		if (c->fds[i] < 0)
			compiler_replace(c, lives, i);
}

/* Have one of them compile. One that has ended without an answer is no reason to give up. */
static int compiler_ask(struct compiler *c, const int *fds, struct compiler_answer *answer)
{
	int err = -EPIPE;

	compiler_keep(c);
	for (unsigned i = 0; i < COMPILERS && err == -EPIPE; i++) {
		if (c->fds[i] < 0)
			continue;
		err = request_send(c->fds[i], fds, FD_COUNT);
		if (!err)
			err = answer_wait(c->fds[i], &c->limits, answer);
		if (err)
			compiler_end(c, i);
	}
	return err;
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

static int status_explain(
	int32_t status, const struct compiler_limits *limits, char *why, size_t why_bytes)
{
	if (status < 0)
		snprintf(why, why_bytes, "the compiler of patterns cannot fork");
	else if (WIFSIGNALED(status) &&
		 (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
		snprintf(why, why_bytes, "the patterns take longer than %u s to compile",
			limits->processor_s);
	else if (WIFSIGNALED(status))
		snprintf(why, why_bytes,
			"the compiler of patterns died of signal %d: its limits are %u s and %u MiB",
			WTERMSIG(status), limits->processor_s, memory_mib(limits));
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
	snprintf(why, why_bytes, "the compilers of patterns have ended: restart the dataplane");
	if (fds[FD_PATTERNS] >= 0 && fds[FD_RESULT] >= 0 &&
		write_all(fds[FD_PATTERNS], patterns->data, patterns->bytes)) {
		err = compiler_ask(c, fds, &answer);
		if (!err && answer.status != 0)
			err = status_explain(answer.status, &c->limits, why, why_bytes);
		else if (!err)
			err = result_read(fds[FD_RESULT], out, out_bytes, why, why_bytes);
	}
	for (int i = 0; i < FD_COUNT; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return err;
}

static int compiler_start_one(struct compiler *c, unsigned i, const struct privileges *privileges)
{
	int pair[2], err = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	c->pids[i] = fork();
	if (c->pids[i] < 0)
		err = -errno;
	if (c->pids[i] == 0) {
		/* With another's end the dataplane's death would not be seen there. */
		for (unsigned other = 0; other < i; other++)
			close(c->fds[other]);
		close(pair[0]);
		compiler_main(pair[1], privileges, &c->limits);
	}
	close(pair[1]);
	if (err)
		close(pair[0]);
	else
		c->fds[i] = pair[0];
	return err;
}

int compiler_start(const struct privileges *privileges, const struct compiler_limits *limits,
	struct compiler **out)
{
	struct compiler *c = calloc(1, sizeof(*c));
	int err = 0;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->limits = *limits;
	c->patterns = (struct pattern_compiler){ compiler_compile, c };
	for (unsigned i = 0; i < COMPILERS; i++)
		c->fds[i] = -1;
	for (unsigned i = 0; i < COMPILERS && !err; i++)
		err = compiler_start_one(c, i, privileges);
	if (err)
		compiler_stop(c);
	else
		*out = c;
	return err;
}

const struct pattern_compiler *compiler_patterns(struct compiler *compiler)
{
	return &compiler->patterns;
}

void compiler_stop(struct compiler *compiler)
{
	if (!compiler)
		return;
	for (unsigned i = 0; i < COMPILERS; i++)
		if (compiler->fds[i] >= 0)
			close(compiler->fds[i]);
	/* One that was started by another is waited for there. */
	for (unsigned i = 0; i < COMPILERS; i++)
		if (compiler->pids[i] > 0)
			(void)waitpid(compiler->pids[i], NULL, 0);
	free(compiler);
}
