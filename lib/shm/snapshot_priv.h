/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a snapshot's sections, and what reading it is split into. */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_PRIV_H
#define SLUICE_LIB_SHM_SNAPSHOT_PRIV_H

#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"

/* X(ID, KIND, type, name, most records), in the order of enum snap_section_id. */
#define SNAP_SECTIONS(X)                                                                           \
	X(GATEWAY_STRINGS, GATEWAY, char, "strings", 1u << SNAP_TEXT_BITS)                         \
	X(ROUTING_STRINGS, ROUTING, char, "strings", 1u << SNAP_TEXT_BITS)                         \
	X(CALLERS_STRINGS, CALLERS, char, "strings", 1u << SNAP_TEXT_BITS)                         \
	X(ENDPOINTS_STRINGS, ENDPOINTS, char, "strings", 1u << SNAP_TEXT_BITS)                     \
	X(SETTINGS, GATEWAY, struct snap_settings, "settings", 1)                                  \
	X(PORTS, GATEWAY, struct snap_port, "ports", SNAP_PORTS_MAX)                               \
	X(ADDRESSES, GATEWAY, struct snap_address, "addresses", 4096)                              \
	X(GATEWAYS, GATEWAY, struct snap_address, "gateways", 4096)                                \
	X(WAYS, GATEWAY, struct snap_way, "ways", 1u << 12)                                        \
	X(KERNELS, GATEWAY, struct snap_kernel, "kernels", SNAP_PORTS_MAX)                         \
	X(KERNEL_ADDRESSES, GATEWAY, struct snap_address, "kernel addresses", 4096)                \
	X(KERNEL_PORTS, GATEWAY, uint32_t, "kernel ports", 4096)                                   \
	X(LCORES, GATEWAY, uint32_t, "lcores", 1024)                                               \
	X(CERTS, GATEWAY, struct snap_cert, "certificates", 1u << 14)                              \
	X(CERT_NAMES, GATEWAY, struct snap_text, "certificate names", 1u << 18)                    \
	X(LISTENERS, GATEWAY, struct snap_listener, "listeners", SNAP_LISTENER_CAPACITY_MAX)       \
	X(LISTENER_CERTS, GATEWAY, uint32_t, "listener certificates", 1u << 16)                    \
	X(PEERS, GATEWAY, struct snap_peer, "peers", SNAP_BACKEND_SLOTS)                           \
	X(BACKENDS, ROUTING, struct snap_backend, "backends", SNAP_BACKEND_SLOTS)                  \
	X(APIS, ROUTING, struct snap_api, "apis", SNAP_API_CAPACITY_MAX)                           \
	X(API_LISTENERS, ROUTING, uint32_t, "api listeners", 1u << 20)                             \
	X(API_CREDENTIALS, ROUTING, uint32_t, "api credentials", 1u << 20)                         \
	X(HOSTS, ROUTING, struct snap_text, "hosts", 1u << 20)                                     \
	X(ROUTES, ROUTING, struct snap_route, "routes", 1u << 20)                                  \
	X(REPLIES, ROUTING, struct snap_reply, "replies", 1u << 20)                                \
	X(PIECES, ROUTING, struct snap_piece, "pieces", 1u << 22)                                  \
	X(HEALTHS, ROUTING, struct snap_health, "health checks", 1u << 16)                         \
	X(EDITS, ROUTING, struct snap_edit, "edits", 1u << 20)                                     \
	X(FIELDS, ROUTING, struct snap_field, "fields", 1u << 22)                                  \
	X(CORS, ROUTING, struct snap_cors, "cors", 1u << 20)                                       \
	X(ORIGINS, ROUTING, struct snap_text, "origins", 1u << 20)                                 \
	X(RETRIES, ROUTING, struct snap_retry, "retries", 1u << 20)                                \
	X(CREDENTIALS, CALLERS, struct snap_credential, "credentials", SNAP_CREDENTIAL_SLOTS)      \
	X(PLANS, CALLERS, struct snap_plan, "plans", SNAP_PLAN_SLOTS)                              \
	X(PLAN_APIS, CALLERS, uint32_t, "plan apis", 1u << 20)                                     \
	X(LIMITS, CALLERS, struct snap_limit, "limits", SNAP_PLAN_SLOTS *SNAP_LIMITS_PER_PLAN)     \
	X(CONSUMERS, CALLERS, struct snap_consumer, "consumers", SNAP_CONSUMER_CAPACITY_MAX)       \
	X(KEYS, CALLERS, struct snap_key, "keys", 1u << 25)                                        \
	X(RETIRED, CALLERS, struct snap_retired, "retired consumers", SNAP_CONSUMER_CAPACITY_MAX)  \
	X(ENDPOINTS, ENDPOINTS, struct snap_endpoint, "endpoints", SNAP_ENDPOINT_CAPACITY_MAX)

struct snap_section_info {
	const char *name;
	uint32_t record_bytes;
	uint32_t count_max;
	enum snap_kind kind;
};

extern const struct snap_section_info snap_section_infos[SNAP_SECTION_COUNT];

/* The table of sections follows the headers, the sections follow the table. Those of other kinds
 * are empty. */
#define SNAP_TABLE_OFFSET (sizeof(struct segment_header) + sizeof(struct snap_header))
#define SNAP_TABLE_END    (SNAP_TABLE_OFFSET + SNAP_SECTION_COUNT * sizeof(struct snap_section))

/* Where a check stands, for its message. */
struct snap_check {
	const struct snapshot *snapshot; /* of a part that is checked: what it will bring */
	enum snap_kind kind;             /* of that part */
	enum snap_section_id section;
	uint32_t record;
	uint64_t range_total[SNAP_SECTION_COUNT]; /* records that ranges into a section name */
	char *why;
	size_t why_bytes;
};

/** Check every record of a part's sections, whose places are known to be right. */
bool snapshot_check_records(struct snap_check *c);

/** What slots of the kind are below, which lie within a capacity of the gateway's. */
uint32_t snapshot_slots_end(const struct snapshot *s, enum snap_kind kind);

/** Write "section NAME, record N: " and the text to c->why. @return false */
__attribute__((format(printf, 2, 3))) bool snap_refuse(
	struct snap_check *c, const char *format, ...);

#endif
