/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a snapshot's sections, and what reading it is split into. */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_PRIV_H
#define SLUICE_LIB_SHM_SNAPSHOT_PRIV_H

#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"

/* X(ID, type, name, most records), in the order of enum snap_section_id. */
#define SNAP_SECTIONS(X)                                                                           \
	X(STRINGS, char, "strings", 1u << 30)                                                      \
	X(SETTINGS, struct snap_settings, "settings", 1)                                           \
	X(PORTS, struct snap_port, "ports", SNAP_PORTS_MAX)                                        \
	X(ADDRESSES, struct snap_address, "addresses", 4096)                                       \
	X(GATEWAYS, struct snap_address, "gateways", 4096)                                         \
	X(LCORES, uint32_t, "lcores", 1024)                                                        \
	X(LISTENERS, struct snap_listener, "listeners", SNAP_LISTENER_CAPACITY_MAX)                \
	X(LISTENER_CERTS, uint32_t, "listener certificates", 1u << 16)                             \
	X(CERTS, struct snap_cert, "certificates", 1u << 14)                                       \
	X(CERT_NAMES, struct snap_text, "certificate names", 1u << 18)                             \
	X(BACKENDS, struct snap_backend, "backends", 1u << 16)                                     \
	X(ENDPOINTS, struct snap_endpoint, "endpoints", SNAP_ENDPOINT_CAPACITY_MAX)                \
	X(APIS, struct snap_api, "apis", SNAP_API_CAPACITY_MAX)                                    \
	X(API_LISTENERS, uint32_t, "api listeners", 1u << 20)                                      \
	X(API_CREDENTIALS, uint32_t, "api credentials", 1u << 20)                                  \
	X(HOSTS, struct snap_text, "hosts", 1u << 20)                                              \
	X(ROUTES, struct snap_route, "routes", 1u << 20)                                           \
	X(CREDENTIALS, struct snap_credential, "credentials", 1024)                                \
	X(PLANS, struct snap_plan, "plans", SNAP_PLAN_SLOTS)                                       \
	X(PLAN_APIS, uint32_t, "plan apis", 1u << 20)                                              \
	X(LIMITS, struct snap_limit, "limits", SNAP_PLAN_SLOTS *SNAP_LIMITS_PER_PLAN)              \
	X(CONSUMERS, struct snap_consumer, "consumers", SNAP_CONSUMER_CAPACITY_MAX)                \
	X(KEYS, struct snap_key, "keys", 1u << 25)                                                 \
	X(WAYS, struct snap_way, "ways", 1u << 12)                                                 \
	X(KERNELS, struct snap_kernel, "kernels", SNAP_PORTS_MAX)                                  \
	X(KERNEL_ADDRESSES, struct snap_address, "kernel addresses", 4096)                         \
	X(KERNEL_PORTS, uint32_t, "kernel ports", 4096)                                            \
	X(RETIRED, struct snap_retired, "retired consumers", SNAP_CONSUMER_CAPACITY_MAX)           \
	X(REPLIES, struct snap_reply, "replies", 1u << 20)                                         \
	X(PIECES, struct snap_piece, "pieces", 1u << 22)                                           \
	X(HEALTHS, struct snap_health, "health checks", 1u << 16)                                  \
	X(EDITS, struct snap_edit, "edits", 1u << 20)                                              \
	X(FIELDS, struct snap_field, "fields", 1u << 22)

struct snap_section_info {
	const char *name;
	uint32_t record_bytes;
	uint32_t count_max;
};

extern const struct snap_section_info snap_section_infos[SNAP_SECTION_COUNT];

/* The table of sections follows the segment header, the sections follow the table. */
#define SNAP_TABLE_OFFSET sizeof(struct segment_header)
#define SNAP_TABLE_END    (SNAP_TABLE_OFFSET + SNAP_SECTION_COUNT * sizeof(struct snap_section))

/* Where a check stands, for its message. */
struct snap_check {
	const struct snapshot *snapshot;
	enum snap_section_id section;
	uint32_t record;
	uint64_t range_total[SNAP_SECTION_COUNT]; /* records that ranges into a section name */
	char *why;
	size_t why_bytes;
};

/** Check every record of all sections, whose places are known to be right. */
bool snapshot_check_records(struct snap_check *c);

/** Write "section NAME, record N: " and the text to c->why. @return false */
__attribute__((format(printf, 2, 3))) bool snap_refuse(
	struct snap_check *c, const char *format, ...);

#endif
