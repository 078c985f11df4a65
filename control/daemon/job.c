/* SPDX-License-Identifier: Apache-2.0 */
/* See job.h. The threads are libuv's pool. */
#include "control/daemon/job.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Of configurations one is read or recorded at a time (apply.c), for as long as it takes; the
 * second thread keeps what else may come from waiting for it. More would only take cores from
 * workers.
 */
#define JOB_THREADS "2"

int jobs_prepare(void)
{
	return setenv("UV_THREADPOOL_SIZE", JOB_THREADS, 1) < 0 ? -errno : 0;
}

static void job_run(uv_work_t *work)
{
	struct job *job = work->data;

	job->run(job);
}

/* Jobs are never cancelled: what was started is carried to its end or ends with the process. */
static void job_done(uv_work_t *work, int status)
{
	struct job *job = work->data;

	(void)status;
	job->done(job);
}

int job_start(uv_loop_t *loop, struct job *job)
{
	job->work.data = job;
	return uv_queue_work(loop, &job->work, job_run, job_done);
}
