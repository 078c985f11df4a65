/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-dataplane: the main core's life. It sleeps in the link's poll, applies what control sends, looks
 * after the clock and the workers once a second, and at the end lets requests finish.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/compiler.h"
#include "dataplane/gateway.h"
#include "dataplane/options.h"
#include "dataplane/sync/link_server.h"
#include "lib/base/log.h"

#define LAST_WORDS 20 /* turns of the link after a failed start */

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
	(void)number;
	signals_seen++;
}

static int on_apply(void *ctx, struct snapshot *snapshot, const struct secrets *secrets,
	struct usage *usage, char *why, size_t why_bytes)
{
	return gateway_apply(ctx, snapshot, secrets, usage, why, why_bytes);
}

static int on_segments(void *ctx, uint32_t worker, struct link_segments *out)
{
	if (worker >= gateway_workers(ctx))
		return -ENOENT;
	*out = (struct link_segments){ gateway_stats(ctx, worker), gateway_history(ctx, worker),
		gateway_events(ctx, worker), gateway_asks(ctx, worker) };
	return 0;
}

static bool on_settled(void *ctx)
{
	return gateway_settled(ctx);
}

static int on_bell(void *ctx)
{
	return gateway_ask_bell(ctx);
}

static int on_delta(void *ctx, const struct delta *delta)
{
	return gateway_delta(ctx, delta);
}

static const struct link_server_ops link_ops = {
	.apply = on_apply,
	.segments = on_segments,
	.delta = on_delta,
	.settled = on_settled,
	.bell = on_bell,
};

static uint64_t main_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int main_serve(struct link_server *link, struct gateway *gateway, struct compiler *compiler)
{
	uint64_t housekept_s = 0;

	while (!signals_seen) {
		int rc = link_server_poll(link, 500);

		if (rc) {
			log_error("the link fails: %s", strerror(-rc));
			return EXIT_FAILURE;
		}
		gateway_set_control(gateway, link_server_has_control(link));
		/* Its reason is in the log; control gets it before the end. A supervisor may begin anew. */
		if (gateway_failed(gateway)) {
			link_server_stopping(link);
			for (unsigned turns = 0; turns < LAST_WORDS; turns++)
				(void)link_server_poll(link, 10);
			log_error("the ports were not started: the dataplane ends");
			return EXIT_FAILURE;
		}
		if (main_seconds() != housekept_s) {
			housekept_s = main_seconds();
			gateway_housekeeping(gateway);
			compiler_keep(compiler);
		}
	}
	return EXIT_SUCCESS;
}

/* Requests under way may finish; a second signal cuts them off. */
static void main_drain(struct link_server *link, struct gateway *gateway, uint32_t longest_s)
{
	uint64_t end_s = main_seconds() + longest_s;

	log_notice("stopping: waiting up to %u s for requests under way", longest_s);
	link_server_stopping(link);
	gateway_drain(gateway);
	while (signals_seen < 2 && main_seconds() < end_s && !gateway_drained(gateway))
		if (link_server_poll(link, 20))
			break;
}

int main(int argc, char **argv)
{
	struct options options;
	struct link_server *link;
	struct gateway *gateway;
	struct compiler *compiler;
	int rc = options_parse(argc, argv, &options);
	char why[512];

	if (rc)
		return rc == 1 ? EXIT_SUCCESS : rc;
	log_open("sluice-dataplane", options.log_level);
	rc = compiler_start(&options.gateway.privileges, &compiler_limits, &compiler);
	if (rc) {
		log_error("the compiler of patterns cannot be started: %s", strerror(-rc));
		return EXIT_FAILURE;
	}
	options.gateway.compiler = compiler_patterns(compiler);
	privileges_begin(&options.gateway.privileges);
	gateway = gateway_create(&options.gateway);
	if (!gateway) {
		log_error("out of memory");
		compiler_stop(compiler);
		return EXIT_FAILURE;
	}
	rc = link_server_create(
		options.socket, &options.access, &link_ops, gateway, &link, why, sizeof(why));
	if (rc) {
		log_error("cannot listen for control: %s", why);
		gateway_destroy(gateway);
		compiler_stop(compiler);
		return EXIT_FAILURE;
	}
	gateway_set_boot_id(gateway, link_server_boot_id(link));
	catch_signals();
	log_notice("waiting for control on %s", options.socket);
	rc = main_serve(link, gateway, compiler);
	if (!gateway_failed(gateway))
		main_drain(link, gateway, options.drain_s);
	gateway_destroy(gateway);
	link_server_destroy(link);
	compiler_stop(compiler);
	log_notice("stopped");
	return rc;
}
