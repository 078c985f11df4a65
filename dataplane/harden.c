/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters after start (design §2). They name what is allowed: what is not thought of is not
 * there for an intruder, either. Drivers differ, so that each adds its own (io/driver.c); what they
 * do at their end counts, too. Memory can never become executable, files are opened for reading
 * only, and there are no new processes.
 */
#include "dataplane/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <seccomp.h>

#include "dataplane/io/driver.h"

#define VHOST_IOCTLS 0xaf00 /* their type, in the second byte of a request */

static const int memory_calls[] = {
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
};

static const int dataplane_calls[] = {
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(flock),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_getres),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(memfd_create),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fchmod),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(tgkill),
	SCMP_SYS(wait4),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(membarrier),
};

static const unsigned long socket_ioctls[] = { SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFMTU, SIOCSIFMTU,
	SIOCGIFHWADDR, SIOCSIFHWADDR, SIOCGIFINDEX, SIOCETHTOOL };

static const unsigned long tun_ioctls[] = { TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNSETQUEUE, TUNGETIFF,
	TUNGETFEATURES, TUNSETSNDBUF, TUNSETCARRIER };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Allow a call whose argument, of the bits in @p mask, has this value. */
static int allow_if(
	scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
		SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int allow_memory(scmp_filter_ctx filter)
{
	int rc = allow_all(filter, memory_calls, COUNT(memory_calls));

	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	return rc;
}

static int allow_dataplane(scmp_filter_ctx filter)
{
	int rc = allow_all(filter, dataplane_calls, COUNT(dataplane_calls));

	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND,
			O_RDONLY);
	/* DPDK's telemetry has a thread for each of its clients. With ENOSYS the C library takes
	 * clone(), whose flags a filter can see. */
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME);
	if (rc == 0) /* to a compiler of patterns that is started again */
		rc = allow_if(filter, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);
	return rc;
}

static int allow_ioctls(scmp_filter_ctx filter, const unsigned long *requests, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]);
	return rc;
}

static int allow_sockets(scmp_filter_ctx filter)
{
	int rc = allow_ioctls(filter, socket_ioctls, COUNT(socket_ioctls));

	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(socket), 0, UINT32_MAX, AF_INET);
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(socket), 0, UINT32_MAX, AF_NETLINK);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bind), 0);
	return rc;
}

static int allow_driver(scmp_filter_ctx filter, uint32_t calls)
{
	int rc = 0;

	if (calls & DRIVER_CALLS_SOCKET)
		rc = allow_sockets(filter);
	if (rc == 0 && calls & DRIVER_CALLS_CONNECT)
		rc = allow_if(filter, SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX);
	if (rc == 0 && calls & DRIVER_CALLS_CONNECT)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	if (rc == 0 && calls & DRIVER_CALLS_DEVICE)
		rc = allow_ioctls(filter, tun_ioctls, COUNT(tun_ioctls));
	if (rc == 0 && calls & DRIVER_CALLS_DEVICE)
		rc = allow_if(filter, SCMP_SYS(ioctl), 1, 0xff00, VHOST_IOCTLS);
	return rc;
}

/* Load a filter into all threads: the workers and the EAL's run already. It sets no_new_privs, too.
 * */
static int filter_load(scmp_filter_ctx filter, int rc)
{
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (rc == 0)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

int harden_process(uint32_t driver_calls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!filter)
		return -ENOMEM;
	rc = allow_memory(filter);
	if (rc == 0)
		rc = allow_dataplane(filter);
	if (rc == 0)
		rc = allow_driver(filter, driver_calls);
	return filter_load(filter, rc);
}

int harden_compiler(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	return filter ? filter_load(filter, allow_memory(filter)) : -ENOMEM;
}
