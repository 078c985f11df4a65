/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and capabilities, see privileges.h; system calls are harden.c's.
 *
 * The C library changes the user of all threads, but capabilities are each thread's own, and only a
 * thread itself may change its own: each gets a signal whose handler does it. That it did is read
 * from /proc, and said again until all have.
 */
#include "dataplane/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/harden.h"
#include "lib/base/log.h"
#include "lib/base/process.h"

#define THREADS_WAIT_MS 2000

__attribute__((format(printf, 4, 5))) static int drop_fail(
	char *why, size_t why_bytes, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_bytes, format, args);
	va_end(args);
	return err;
}

static void core_files_end(void)
{
	int rc = process_end_core_files();

	if (rc)
		log_warning("core files stay possible: %s", strerror(-rc));
}

void privileges_begin(const struct privileges *privileges)
{
	int rc;

	if (!privileges->core_dumps)
		core_files_end();
	if (geteuid() != 0)
		return;
	/* Threads inherit it: without it a change of the user takes all capabilities. */
	(void)prctl(PR_SET_KEEPCAPS, 1);
	rc = process_lock_memory();
	if (rc)
		log_warning("memory with keys may be swapped out: %s", strerror(-rc));
}

static uint64_t capabilities_left; /* read by the handler */

static int capabilities_set(uint64_t kept)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct data[2] = {
		{ (uint32_t)kept, (uint32_t)kept, 0 },
		{ (uint32_t)(kept >> 32), (uint32_t)(kept >> 32), 0 },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static uint64_t capabilities_held(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void on_thread_signal(int number)
{
	const int saved = errno;

	(void)number;
	(void)capabilities_set(capabilities_left);
	(void)syscall(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
	errno = saved;
}

/* The first value of a line of a thread's status. */
static bool thread_status(const char *thread, const char *field, uint64_t *out)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", thread);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0) {
			*out = strtoull(line + strlen(field), NULL, 16);
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

/* Tell the threads that hold more than is kept. @return how many do, or -errno */
static int threads_tell(int number, uint64_t kept)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	int behind = 0;

	if (!tasks)
		return -errno;
	while ((entry = readdir(tasks)) != NULL) {
		uint64_t permitted, effective;

		if (entry->d_name[0] == '.' ||
			!thread_status(entry->d_name, "CapPrm:", &permitted) ||
			!thread_status(entry->d_name, "CapEff:", &effective) ||
			(permitted == kept && effective == kept))
			continue;
		behind++;
		(void)syscall(SYS_tgkill, getpid(), (int)strtol(entry->d_name, NULL, 10), number);
	}
	closedir(tasks);
	return behind;
}

/* A real-time signal that no driver took. */
static int signal_free(void)
{
	struct sigaction now;

	for (int number = SIGRTMAX; number >= SIGRTMIN; number--)
		if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			return number;
	return -ENOENT;
}

static int capabilities_drop(uint64_t kept, char *why, size_t why_bytes)
{
	const struct sigaction action = { .sa_handler = on_thread_signal, .sa_flags = SA_RESTART };
	struct sigaction before;
	const int number = signal_free();
	int behind = 0;

	if (number < 0 || sigaction(number, &action, &before))
		return drop_fail(why, why_bytes, -ENOENT, "no signal is free to tell the threads");
	capabilities_left = kept;
	for (int ms = 0; ms < THREADS_WAIT_MS; ms++) {
		behind = threads_tell(number, kept);
		if (behind <= 0)
			break;
		usleep(1000);
	}
	(void)sigaction(number, &before, NULL);
	if (behind < 0)
		return drop_fail(why, why_bytes, behind,
			"/proc is needed to give up capabilities: %s", strerror(-behind));
	return behind == 0 ? 0
			   : drop_fail(why, why_bytes, -ETIMEDOUT,
				     "%d threads keep their capabilities", behind);
}

static int user_become(const struct privileges *p, char *why, size_t why_bytes)
{
	const gid_t gid = p->gid;
	const uid_t uid = p->uid;

	if (!p->user || uid == geteuid())
		return 0;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return drop_fail(why, why_bytes, -errno, "cannot become user %s: %s", p->user,
			strerror(errno));
	/* The kernel decides anew with the user. */
	if (!p->core_dumps)
		core_files_end();
	return 0;
}

static void capabilities_name(uint64_t kept, char *out, size_t bytes)
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = { { CAP_NET_ADMIN, "net_admin" }, { CAP_NET_RAW, "net_raw" } };
	size_t used = 0;

	snprintf(out, bytes, "none");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kept >> names[i].number & 1 && used < bytes)
			used += (size_t)snprintf(
				out + used, bytes - used, "%s%s", used ? ", " : "", names[i].name);
}

int privileges_drop(
	const struct privileges *p, const struct driver_needs *needs, char *why, size_t why_bytes)
{
	const uint64_t kept = capabilities_held() & needs->capabilities;
	char names[64], user[32];
	int rc;

	if (p->unconfined) {
		log_warning("unconfined: user, capabilities and system calls are kept");
		return 0;
	}
	rc = user_become(p, why, why_bytes);
	if (rc == 0)
		rc = capabilities_drop(kept, why, why_bytes);
	if (rc)
		return rc;
	rc = harden_process(needs->calls);
	if (rc)
		return drop_fail(
			why, why_bytes, rc, "system calls cannot be restricted: %s", strerror(-rc));
	snprintf(user, sizeof(user), "%u", (unsigned)geteuid());
	capabilities_name(kept, names, sizeof(names));
	log_notice(
		"privileges: runs as %s%s, capabilities kept: %s; no new ones, system calls by a list",
		p->user ? p->user : "user ", p->user ? "" : user, names);
	if (geteuid() == 0)
		log_notice(
			"privileges: still user root, whose files it may change; --run-as USER gives that up");
	return 0;
}

int privileges_drop_all(const struct privileges *p)
{
	char why[128];
	int rc = user_become(p, why, sizeof(why));

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = -errno;
	return rc ? rc : capabilities_set(0);
}
