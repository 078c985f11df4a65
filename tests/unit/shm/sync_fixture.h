/* SPDX-License-Identifier: Apache-2.0 */
/* A dataplane's main program without packets, behind a link server on a socket in a temporary folder. */
#ifndef SLUICE_TESTS_UNIT_SHM_SYNC_FIXTURE_H
#define SLUICE_TESTS_UNIT_SHM_SYNC_FIXTURE_H

#include "control/link_client.h"
#include "dataplane/sync/link_server.h"

#define PROGRAM_WORKERS 2
#define PROGRAM_DELTAS  8

/* What the program would do, written down. */
struct program {
	struct link_server *server;
	int verdict; /* of the next apply and delta */
	const char *why;
	unsigned applies;
	bool runs;
	struct snapshot snapshot;
	uint8_t fingerprint[32]; /* of the last secrets */
	struct usage *usage;
	struct stats stats[PROGRAM_WORKERS];
	struct event_ring events[PROGRAM_WORKERS];
	struct ask_ring asks[PROGRAM_WORKERS];
	int bell;
	struct delta deltas[PROGRAM_DELTAS];
	unsigned delta_count;
	bool unsettled; /* workers do not act on them yet */
};

/** Folder, socket and server. */
int program_setup(void **state);
int program_teardown(void **state);
extern struct program program;
extern char program_path[96];

/** Let server and client (may be NULL) do all that can be done now. @return the client's last error */
int program_run(struct link_client *c);

/** A snapshot of nothing but settings. */
void settings_build(
	uint64_t generation, uint32_t consumers, uint32_t apis, struct segment out[SNAP_KINDS]);

/** Connect as control, hand over usage memory and the fixture of generation @p generation. */
void control_start(struct link_client *c, uint64_t generation);

#endif
