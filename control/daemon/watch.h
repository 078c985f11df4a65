/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor in the loop. Sockets stay descriptors of ours instead of libuv's streams: the kernel
 * is asked for the peer's user, descriptors travel over the link, and that is a SOCK_SEQPACKET.
 */
#ifndef SLUICE_CONTROL_DAEMON_WATCH_H
#define SLUICE_CONTROL_DAEMON_WATCH_H

#include <stdbool.h>
#include <uv.h>

struct watch;

/**
 * Call @p ready in the loop's thread each time that @p fd can be read, or has an error or its end
 * to read.
 * @param fd       non-blocking; stays the caller's, who closes it after watch_close()
 * @param context  handed to @p ready
 * @return NULL without memory, or where the kernel cannot wait for @p fd
 */
struct watch *watch_open(uv_loop_t *loop, int fd, void (*ready)(void *context), void *context);

/** Wait for room to write instead of something to read, or again the other way round. */
void watch_for_room(struct watch *watch, bool room);

/** No call comes from now on. @param watch  set to NULL; may be NULL */
void watch_close(struct watch **watch);

#endif
