/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that takes long, on a few threads beside the loop's. A job owns all that it reads and writes
 * while it runs, or reads what nothing changes meanwhile; what it made is taken over by the loop's
 * thread. It logs nothing and ends nothing by itself.
 */
#ifndef SLUICE_CONTROL_DAEMON_JOB_H
#define SLUICE_CONTROL_DAEMON_JOB_H

#include <uv.h>

/* Put it first into the struct that holds the job's data. */
struct job {
	uv_work_t work;
	void (*run)(struct job *job); /* on a job's thread */
	void (*done)(struct
		job *job); /* in the loop's, afterwards; the job's memory is its own from here on */
};

/**
 * Say how many threads jobs have. They start with the first job: before it the process may change
 * its user, umask and environment as a process with one thread.
 * @return 0 or -errno
 */
int jobs_prepare(void);

/** @return 0, or a negative error: nothing was started, and the job's memory stays the caller's */
int job_start(uv_loop_t *loop, struct job *job);

#endif
