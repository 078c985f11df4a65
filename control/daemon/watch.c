/* SPDX-License-Identifier: Apache-2.0 */
/* See watch.h. libuv needs a handle's memory until the end of the turn in which it was closed. */
#include "control/daemon/watch.h"

#include <stdlib.h>

struct watch {
	uv_poll_t poll;
	int events;
	void (*ready)(void *context);
	void *context;
};

static void watch_ready(uv_poll_t *poll, int status, int events);

static int watch_start(struct watch *watch)
{
	return uv_poll_start(&watch->poll, watch->events, watch_ready);
}

static void watch_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;

	(void)events;
	/* libuv stops at an error of the descriptor. What was received before it can still be read,
	 * and the owner finds the error by itself. */
	if (status < 0)
		watch_start(watch);
	watch->ready(watch->context);
}

static void watch_free(uv_handle_t *handle)
{
	free(handle->data);
}

struct watch *watch_open(uv_loop_t *loop, int fd, void (*ready)(void *context), void *context)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct watch){ .events = UV_READABLE, .ready = ready, .context = context };
	if (uv_poll_init(loop, &watch->poll, fd) < 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	if (watch_start(watch) < 0)
		watch_close(&watch);
	return watch;
}

void watch_for_room(struct watch *watch, bool room)
{
	const int events = room ? UV_WRITABLE : UV_READABLE;

	if (watch->events == events)
		return;
	watch->events = events;
	watch_start(watch);
}

void watch_close(struct watch **watch)
{
	if (*watch)
		uv_close((uv_handle_t *)&(*watch)->poll, watch_free);
	*watch = NULL;
}
