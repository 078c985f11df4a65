/* SPDX-License-Identifier: Apache-2.0 */
/* See trial.h. The child is forked for each set: nothing of it is left. */
#include "control/compile/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/compile/patterns.h"

#define TRIAL_S      5  /* of processor time: the dataplane gives the whole set 10 */
#define TRIAL_WALL_S 15 /* on a machine that is busy: 'sluicectl apply' waits 45 s */
#define TRIAL_MEMORY (UINT64_C(1) << 30)

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMITED 0 /* its shadow is terabytes of addresses */
#else
#define MEMORY_LIMITED 1
#endif

/* --- the child --- */

static void limit(int resource, uint64_t value)
{
	const struct rlimit both = { value, value };

	(void)setrlimit(resource, &both);
}

/* Bytes of addresses that this process has already. */
static uint64_t own_bytes(void)
{
	char line[128] = "";
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return strtoul(line, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The daemon's handlers write into what it shares with the child, and its threads may block
 * signals. */
static void signals_reset(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void trial_run(int fd, const char *const *patterns, uint32_t count)
{
	signals_reset();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, TRIAL_S);
	alarm(TRIAL_WALL_S);
	if (MEMORY_LIMITED)
		limit(RLIMIT_AS, own_bytes() + TRIAL_MEMORY);
	for (uint32_t i = 0; i < count; i++) {
		struct trial trial;

		pattern_judge(patterns[i], trial.why, sizeof(trial.why));
		if (write(fd, &trial, sizeof(trial)) != (ssize_t)sizeof(trial))
			_exit(1);
	}
	_exit(0);
}

/* --- the process that asks --- */

/* @return whether there was a word about the next pattern */
static bool trial_read(int fd, struct trial *out)
{
	ssize_t n;

	do
		n = read(fd, out, sizeof(*out));
	while (n < 0 && errno == EINTR);
	out->why[sizeof(out->why) - 1] = '\0';
	return n == (ssize_t)sizeof(*out);
}

static int trial_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void trial_explain(int status, struct trial *out)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (number == SIGXCPU || number == SIGKILL || number == SIGALRM)
		snprintf(out->why, sizeof(out->why),
			"the patterns up to this one take longer than %d s to compile", TRIAL_S);
	else
		snprintf(out->why, sizeof(out->why),
			"this pattern ended the process that tried it, which may take %d s and %u MiB",
			TRIAL_S, (unsigned)(TRIAL_MEMORY >> 20));
}

static void trial_listen(int fd, pid_t pid, uint32_t count, struct trial *out)
{
	uint32_t heard = 0;
	int status;

	while (heard < count && trial_read(fd, &out[heard]))
		heard++;
	status = trial_wait(pid);
	for (uint32_t i = heard; i < count; i++)
		out[i].why[0] = '\0';
	if (heard < count)
		trial_explain(status, &out[heard]);
}

void trial_patterns(const char *const *patterns, uint32_t count, struct trial *out)
{
	int fds[2] = { -1, -1 };
	pid_t pid = pipe2(fds, O_CLOEXEC) ? -1 : fork();

	if (pid == 0)
		trial_run(fds[1], patterns, count);
	if (pid < 0)
		snprintf(out[0].why, sizeof(out[0].why), "the patterns cannot be tried: %s",
			strerror(errno));
	if (fds[1] >= 0)
		close(fds[1]);
	if (pid > 0)
		trial_listen(fds[0], pid, count, out);
	if (fds[0] >= 0)
		close(fds[0]);
}
