/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: signals, timers, its beginning and its end. Nothing in it waits but the loop itself. At
 * the end a job that runs is waited for as long as a record takes to reach a disk; the process then
 * ends with the job: a file that is read leaves nothing behind, and a record is the old or the new
 * one at each moment (state.c). The loop is never closed: libuv would let go of the signals, of
 * which a second one would then kill the process before its socket is removed.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "control/daemon/daemon.h"
#include "lib/base/log.h"

#define STOP_PATIENCE_MS 5000

static void loop_on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->loop->data;

	if (number == SIGHUP) {
		if (daemon_step(d))
			log_notice("SIGHUP: %s is read again once what is under way is done",
				d->config);
		d->reload_due = true;
		daemon_go_on(d);
	} else if (number == SIGUSR1) {
		access_log_reopen(&d->log);
	} else {
		daemon_end_loop(d, d->exit_status);
	}
}

static void loop_on_drain(uv_timer_t *timer)
{
	struct daemon *d = timer->loop->data;

	if (!d->connected)
		return;
	daemon_drain_events(d);
	/* Rings that have just come may hold questions; from then on workers wake us. */
	daemon_drain_asks(d);
}

static void loop_on_expire(uv_timer_t *timer)
{
	daemon_expire_clients(timer->loop->data);
}

int daemon_loop_open(struct daemon *d)
{
	static const int numbers[] = { SIGHUP, SIGUSR1, SIGTERM, SIGINT };
	int rc = uv_loop_init(&d->loop);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit of files is an error of write() */
	d->loop.data = d;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && rc == 0; i++) {
		rc = uv_signal_init(&d->loop, &d->signals[i]);
		if (rc == 0)
			rc = uv_signal_start(&d->signals[i], loop_on_signal, numbers[i]);
	}
	if (rc == 0)
		rc = uv_timer_init(&d->loop, &d->drain);
	if (rc == 0)
		rc = uv_timer_init(&d->loop, &d->reconnect);
	if (rc == 0)
		rc = uv_timer_init(&d->loop, &d->expire);
	if (rc == 0)
		rc = uv_timer_init(&d->loop, &d->patience);
	return rc; /* libuv's errors are -errno */
}

int daemon_serve(struct daemon *d)
{
	d->listen_watch = watch_open(&d->loop, d->listen_fd, daemon_accept, d);
	if (!d->listen_watch) {
		log_error("cannot listen for sluicectl: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	daemon_connect_in(d, 0);
	uv_timer_start(&d->drain, loop_on_drain, DRAIN_INTERVAL_MS, DRAIN_INTERVAL_MS);
	uv_timer_start(&d->expire, loop_on_expire, EXPIRE_INTERVAL_MS, EXPIRE_INTERVAL_MS);
	return 0;
}

void daemon_run(struct daemon *d)
{
	uv_run(&d->loop, UV_RUN_DEFAULT);
}

void daemon_end_loop(struct daemon *d, int exit_status)
{
	d->exit_status = exit_status;
	d->stop = true;
	uv_stop(&d->loop);
}

static void loop_on_patience(uv_timer_t *timer)
{
	(void)timer; /* it ends the turn */
}

bool daemon_finish_job(struct daemon *d)
{
	const uint64_t end_ms = uv_now(&d->loop) + STOP_PATIENCE_MS;

	uv_timer_start(&d->patience, loop_on_patience, STOP_PATIENCE_MS, 0);
	while (d->reading || d->recording || d->changing.saving || d->changing.making) {
		if (uv_now(&d->loop) >= end_ms) {
			log_warning("stopped in the middle of %s %s, which took longer than %d s",
				daemon_step(d), d->subject ? d->subject : d->config,
				STOP_PATIENCE_MS / 1000);
			return false;
		}
		uv_run(&d->loop, UV_RUN_ONCE);
	}
	return true;
}
