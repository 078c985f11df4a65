/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event ring of one worker: single producer (the worker), single consumer (control). The producer
 * never waits: a full ring drops the new record and counts it.
 */
#ifndef SLUICE_LIB_SHM_EVENTS_H
#define SLUICE_LIB_SHM_EVENTS_H

#include <stdatomic.h>

#include "lib/base/ip.h"
#include "lib/shm/shm.h"

enum event_type {
	EVENT_ACCESS = 1,
	EVENT_DOWN, /* health checks took an endpoint down: by status, or by reason */
	EVENT_UP,   /* they brought it up again */
	EVENT_TLS,  /* TLS with an endpoint failed: the path is why, in words */
};

#define EVENT_PATH_BYTES 112
#define EVENT_HOST_BYTES 40

/* One record: 256 bytes. Slots are SNAP_NONE where unknown. */
struct event {
	uint64_t time_ns; /* CLOCK_MONOTONIC when the answer was complete; control adds real time */
	uint64_t request_id;  /* worker << 48 | count */
	uint32_t duration_us; /* first byte in to last byte handed to TCP */
	uint32_t backend_us;  /* request sent to response head; 0 when no backend was asked */
	uint16_t type;        /* enum event_type */
	uint16_t status;      /* HTTP status sent; 0: none */
	uint16_t reason;      /* enum reason */
	uint8_t worker;
	uint8_t method;    /* enum http_method */
	uint32_t listener; /* slots */
	uint32_t api;
	uint32_t endpoint;
	uint32_t consumer;
	uint64_t bytes_in;  /* request, head included */
	uint64_t bytes_out; /* answer, head included */
	struct ip_addr client;
	uint16_t client_port;
	uint8_t tls; /* 1: over TLS */
	uint8_t host_bytes;
	uint16_t
		path_bytes; /* without the query; above EVENT_PATH_BYTES: there was more than is stored */
	uint16_t attempts; /* tries at endpoints; 0: no backend was asked */
	uint64_t
		key; /* first bytes of the key's digest, as in SNAP_KEYS; 0: no key was recognised */
	uint32_t limit; /* index into SNAP_LIMITS of the one that refused; SNAP_NONE: none did */
	uint32_t
		generation; /* in which the slots and the limit mean what they do; its lowest bits */
	char host[EVENT_HOST_BYTES];
	char path[EVENT_PATH_BYTES];
};
static_assert(sizeof(struct event) == 256, "four lines");

struct event_ring_header {
	uint32_t records; /* power of two */
	uint32_t record_bytes;
	uint64_t reserved[7];
	_Alignas(64) _Atomic uint64_t head; /* written by the producer: records ever written */
	_Alignas(64) _Atomic uint64_t tail; /* written by the consumer: records ever read */
};

struct event_ring {
	struct segment segment;
	struct event_ring_header *header;
	struct event *records;
	uint32_t mask;
	uint64_t
		tail_seen; /* the producer's copy, so that it reads the shared line only when full */
};

/**
 * Make a ring as its producer.
 * @param records  a power of two, at most SNAP_EVENT_RECORDS_MAX
 * @return 0, -EINVAL or -errno; the caller owns @p out
 */
int event_ring_create(
	uint32_t worker_index, uint32_t records, uint64_t boot_id, struct event_ring *out);
/**
 * Map a received ring as its consumer.
 * @param fd  taken over on success, untouched on failure
 * @return 0, -EBADMSG when its numbers do not fit, or an error of segment_map()
 */
int event_ring_open(int fd, struct event_ring *out);
/** Unmap and close; what holds nothing is left alone. */
void event_ring_close(struct event_ring *ring);

/** @return room for the next record, or NULL when the ring is full: count it and go on */
struct event *event_ring_slot(struct event_ring *ring);
/** Hand over the record that event_ring_slot() gave room for. */
void event_ring_push(struct event_ring *ring);

/**
 * Copy out at most @p n records and leave them in the ring. host_bytes of a copy is at most
 * EVENT_HOST_BYTES; path_bytes is what the request had and may exceed what is stored. After damaged
 * indices the ring goes on empty.
 * @return how many
 */
uint32_t event_ring_peek(struct event_ring *ring, struct event *out, uint32_t n);
/** Give back the place of the oldest @p n records, at most as many as event_ring_peek() gave: a consumer
 * that dies between the two leaves them to the next one. */
void event_ring_release(struct event_ring *ring, uint32_t n);
/** Both at once. @return how many */
uint32_t event_ring_read(struct event_ring *ring, struct event *out, uint32_t n);

#endif
