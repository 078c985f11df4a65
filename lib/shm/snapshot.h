/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: one generation of the configuration, compiled by control, immutable, in a sealed
 * memfd for each kind of what changes together (enum snap_kind). Each of these parts has a
 * generation of its own; a root names one part of each kind, and is a generation of the whole. An
 * apply that changes one kind hands over that part and a new root; the other parts stay what and
 * where they are.
 *
 * In a part a header and a table of sections follow the segment header. A section is an array of
 * fixed-size records; records refer to others of their part by index, to those of another part by
 * slot, and to text by offset into their part's strings. snapshot_part_open() checks what is in a
 * part, snapshot_open() what its parts say of each other, so that the code that reads a struct
 * snapshot may follow all of it without asking again.
 *
 * Slots: listeners, credentials, backends, APIs, endpoints, plans and consumers carry a slot, a
 * small number that stays the same for the same name over generations, so that references from
 * other parts, and counters and limit words in other segments, keep their meaning when the
 * configuration changes.
 */
#ifndef SLUICE_LIB_SHM_SNAPSHOT_H
#define SLUICE_LIB_SHM_SNAPSHOT_H

#include "lib/base/ip.h"
#include "lib/base/str.h"
#include "lib/shm/shm.h"

#define SNAP_DIGEST_BYTES    32 /* SHA-256 of a key */
#define SNAP_NONE            UINT32_MAX
#define SNAP_LIMITS_PER_PLAN 4 /* words in a usage line */

/* Most slots that settings may reserve; slots lie below the reserved number. */
#define SNAP_API_CAPACITY_MAX      65536u
#define SNAP_ENDPOINT_CAPACITY_MAX 65536u
#define SNAP_LISTENER_CAPACITY_MAX 4096u
#define SNAP_CONSUMER_CAPACITY_MAX (1u << 24)
#define SNAP_PLAN_SLOTS            65536u
#define SNAP_BACKEND_SLOTS         65536u
#define SNAP_CREDENTIAL_SLOTS      1024u
#define SNAP_PORTS_MAX             64u
#define SNAP_WEIGHT_MAX            1000u
#define SNAP_WORKERS_MAX           128u
#define SNAP_EVENT_RECORDS_MAX     (1u << 20)

/* What changes together. */
enum snap_kind {
	SNAP_KIND_GATEWAY,   /* settings, ports, certificates, listeners, TLS to backends */
	SNAP_KIND_ROUTING,   /* APIs, hosts, routes, backends */
	SNAP_KIND_CALLERS,   /* credentials, plans, consumers, keys */
	SNAP_KIND_ENDPOINTS, /* endpoints */
	SNAP_KINDS
};

enum snap_section_id {
	/* char; SNAP_STRINGS + enum snap_kind */
	SNAP_GATEWAY_STRINGS,
	SNAP_STRINGS = SNAP_GATEWAY_STRINGS,
	SNAP_ROUTING_STRINGS,
	SNAP_CALLERS_STRINGS,
	SNAP_ENDPOINTS_STRINGS,
	/* Of the gateway. */
	SNAP_SETTINGS,         /* struct snap_settings, exactly one */
	SNAP_PORTS,            /* struct snap_port */
	SNAP_ADDRESSES,        /* struct snap_address */
	SNAP_GATEWAYS,         /* struct snap_address */
	SNAP_WAYS,             /* struct snap_way */
	SNAP_KERNELS,          /* struct snap_kernel, at most one a port */
	SNAP_KERNEL_ADDRESSES, /* struct snap_address */
	SNAP_KERNEL_PORTS,     /* uint32_t, TCP and UDP ports */
	SNAP_LCORES,           /* uint32_t */
	SNAP_CERTS,            /* struct snap_cert */
	SNAP_CERT_NAMES,       /* struct snap_text */
	SNAP_LISTENERS,        /* struct snap_listener */
	SNAP_LISTENER_CERTS,   /* uint32_t index into SNAP_CERTS */
	SNAP_PEERS,            /* struct snap_peer */
	/* Of routing. */
	SNAP_BACKENDS,        /* struct snap_backend */
	SNAP_APIS,            /* struct snap_api */
	SNAP_API_LISTENERS,   /* uint32_t slot of a listener */
	SNAP_API_CREDENTIALS, /* uint32_t slot of a credential */
	SNAP_HOSTS,   /* struct snap_text: lower case, "*" for any, "*.example" for a suffix */
	SNAP_ROUTES,  /* struct snap_route */
	SNAP_REPLIES, /* struct snap_reply */
	SNAP_PIECES,  /* struct snap_piece */
	SNAP_HEALTHS, /* struct snap_health */
	SNAP_EDITS,   /* struct snap_edit */
	SNAP_FIELDS,  /* struct snap_field */
	SNAP_CORS,    /* struct snap_cors */
	SNAP_ORIGINS, /* struct snap_text: as a browser sends them */
	SNAP_RETRIES, /* struct snap_retry */
	/* Of callers. */
	SNAP_CREDENTIALS, /* struct snap_credential */
	SNAP_PLANS,       /* struct snap_plan */
	SNAP_PLAN_APIS,   /* uint32_t slot of an API */
	SNAP_LIMITS,      /* struct snap_limit */
	SNAP_CONSUMERS,   /* struct snap_consumer */
	SNAP_KEYS,        /* struct snap_key, sorted by digest, no digest twice */
	SNAP_RETIRED,     /* struct snap_retired, the one first that was removed first */
	/* Of endpoints. */
	SNAP_ENDPOINTS, /* struct snap_endpoint, those of a backend beside each other */
	SNAP_SECTION_COUNT
};

struct snap_section {
	uint64_t offset; /* from the segment's start, multiple of 64 */
	uint32_t count;  /* records */
	uint32_t record_bytes;
};
static_assert(sizeof(struct snap_section) == 16, "");

struct snap_text {
	uint32_t offset; /* into the strings of its part, whose kind is in the upper bits */
	uint32_t length; /* bytes, no terminator */
};
static_assert(sizeof(struct snap_text) == 8, "");
#define SNAP_TEXT_BITS 30 /* of the offset itself */
#define SNAP_TEXT_MASK ((1u << SNAP_TEXT_BITS) - 1)
static_assert(SNAP_KINDS <= 1 << (32 - SNAP_TEXT_BITS), "");

struct snap_range {
	uint32_t first;
	uint32_t count;
};
static_assert(sizeof(struct snap_range) == 8, "");

/* Members that are settings come from their rows; see lib/schema/schema.def. */
#define SNAP_STORE_u32  uint32_t
#define SNAP_STORE_u64  uint64_t
#define SNAP_STORE_text struct snap_text
#define SETTING(group, name, type, store, member, fallback, range, change, text)                   \
	SNAP_STORE_##store member;
#include "lib/schema/rows.def"

struct snap_settings {
	/* Whole cache lines. */
	_Alignas(64)
#include "lib/schema/settings.def"
};
static_assert(sizeof(struct snap_settings) == 128, "");

struct snap_port {
#include "lib/schema/port.def"
	struct snap_range addresses;
	struct snap_range gateways;
	struct snap_range ways; /* SNAP_WAYS */
};
static_assert(sizeof(struct snap_port) == 52, "");

struct snap_address {
	struct ip_addr addr;
	uint32_t prefix_len; /* of the address's family; gateways: unused */
};
static_assert(sizeof(struct snap_address) == 20, "");

/* A static route of a port ("route" is the way of a request here). */
struct snap_way {
	struct ip_addr to;
	uint32_t prefix_len;        /* of the address's family */
	struct snap_range gateways; /* SNAP_GATEWAYS, of the same family */
};
static_assert(sizeof(struct snap_way) == 28, "");

enum kernel_class {
#define KERNEL_CLASS(NAME, name, rate, text) KERNEL_##NAME,
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
	KERNEL_CLASSES
};

/* What of a port's packets the operating system's kernel gets, on an interface made for it. */
struct snap_kernel {
#include "lib/schema/kernel.def"
	struct snap_range addresses;          /* SNAP_KERNEL_ADDRESSES: the kernel's alone */
	struct snap_range ports;              /* SNAP_KERNEL_PORTS: on the port's own addresses */
	uint32_t port;                        /* index into SNAP_PORTS */
	uint64_t interval_ns[KERNEL_CLASSES]; /* between two packets of a class in the long run */
};
static_assert(sizeof(struct snap_kernel) == 72, "");
#define SNAP_KERNEL_INTERFACE_BYTES 15
#define SNAP_KERNEL_ADDRESSES_MAX   8
#define SNAP_KERNEL_PORTS_MAX       32

/* Forms of a path that servers are known to read in two ways. */
enum snap_path_form {
	SNAP_PATH_SLASHES,       /* "//": an empty segment, or one slash */
	SNAP_PATH_PARAMETERS,    /* ";v=1": part of the segment's name, or not */
	SNAP_PATH_ENCODED_SLASH, /* "%2F": a byte of the name, or a slash */
	SNAP_PATH_BACKSLASH,     /* "%5C" and "\": the same */
	SNAP_PATH_DOT_SEGMENTS,  /* "/./", "/../" */
	SNAP_PATH_FORMS
};

/* What a listener does with a path of such a form. */
enum snap_path_policy {
	SNAP_PATH_REFUSE,  /* 400 */
	SNAP_PATH_REWRITE, /* matched and forwarded in the shorter reading */
	SNAP_PATH_AGREE,   /* forwarded as sent, if both readings lead to one route; else 400 */
	SNAP_PATH_KEEP,    /* matched and forwarded as sent */
};

#define SNAP_PATH_BITS          2 /* of a form in snap_listener.paths */
#define SNAP_PATH(form, policy) ((uint32_t)(policy) << SNAP_PATH_BITS * (form))
#define SNAP_PATHS_DEFAULT                                                                         \
	(SNAP_PATH(SNAP_PATH_SLASHES, SNAP_PATH_REWRITE) |                                         \
		SNAP_PATH(SNAP_PATH_PARAMETERS, SNAP_PATH_AGREE) |                                 \
		SNAP_PATH(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_REFUSE) |                             \
		SNAP_PATH(SNAP_PATH_BACKSLASH, SNAP_PATH_REFUSE) |                                 \
		SNAP_PATH(SNAP_PATH_DOT_SEGMENTS, SNAP_PATH_REWRITE))

/* Only what RFC 3986 calls the same is rewritten: a route's own path is in this form. */
#define SNAP_PATHS_KEEP                                                                            \
	(SNAP_PATH(SNAP_PATH_SLASHES, SNAP_PATH_KEEP) |                                            \
		SNAP_PATH(SNAP_PATH_PARAMETERS, SNAP_PATH_KEEP) |                                  \
		SNAP_PATH(SNAP_PATH_ENCODED_SLASH, SNAP_PATH_KEEP) |                               \
		SNAP_PATH(SNAP_PATH_BACKSLASH, SNAP_PATH_KEEP) |                                   \
		SNAP_PATH(SNAP_PATH_DOT_SEGMENTS, SNAP_PATH_REWRITE))

static inline enum snap_path_policy snap_path_policy(uint32_t paths, unsigned form)
{
	return (enum snap_path_policy)(paths >> SNAP_PATH_BITS * form & 3);
}

struct snap_listener {
#include "lib/schema/listener.def"
	struct ip_addr addr;
	uint32_t tcp_port;
	uint32_t port; /* index into SNAP_PORTS */
	uint32_t slot;
	uint32_t tls;            /* 1: TLS */
	struct snap_range certs; /* SNAP_LISTENER_CERTS; the first is the default */
	uint32_t paths;          /* SNAP_PATH() of each enum snap_path_form */
};
static_assert(sizeof(struct snap_listener) == 60, "");

struct snap_cert {
#include "lib/schema/certificate.def"
	struct snap_range
		names; /* SNAP_CERT_NAMES: DNS names it serves, lower case, "*.x" allowed */
	uint8_t fingerprint[32]; /* SHA-256 of the leaf's DER: a change means new key material */
};
static_assert(sizeof(struct snap_cert) == 48, "");

enum snap_balance { SNAP_BALANCE_ROUND_ROBIN };

enum snap_health_type { SNAP_HEALTH_HTTP, SNAP_HEALTH_TCP };

#define SNAP_HEALTH_STATUSES_MAX   4
#define SNAP_HEALTH_TEXT_BYTES_MAX 255 /* of a path, of a host */

/* Checks of a backend's endpoints. */
struct snap_health {
#include "lib/schema/health.def"
	struct {
		uint16_t least, most;
	} statuses[SNAP_HEALTH_STATUSES_MAX]; /* that pass; least of 0: none from here on */
};
static_assert(sizeof(struct snap_health) == 56, "");

/* TLS towards a backend's endpoints. */
struct snap_peer {
#include "lib/schema/backend_tls.def"
	struct snap_text ca; /* certificates in PEM, at most SNAP_CA_BYTES_MAX */
	uint32_t cert;       /* index into SNAP_CERTS; SNAP_NONE: none is shown */
	uint32_t slot;       /* its backend's */
};
static_assert(sizeof(struct snap_peer) == 24, "");
#define SNAP_SERVER_NAME_BYTES_MAX 253
#define SNAP_CA_BYTES_MAX          (1u << 20)

struct snap_backend {
#include "lib/schema/backend.def"
	uint32_t slot;
	uint32_t health; /* index into SNAP_HEALTHS; SNAP_NONE: they are not checked */
	uint32_t tls;    /* 1: as SNAP_PEERS says; 0: clear text */
};
static_assert(sizeof(struct snap_backend) == 36, "");

struct snap_endpoint {
#include "lib/schema/endpoint.def"
	struct ip_addr addr;
	uint32_t tcp_port;
	uint32_t slot;
	uint32_t backend; /* slot of its backend */
};
static_assert(sizeof(struct snap_endpoint) == 40, "");

struct snap_api {
#include "lib/schema/api.def"
	struct snap_range listeners;   /* SNAP_API_LISTENERS; empty: all */
	struct snap_range hosts;       /* SNAP_HOSTS; never empty ("*") */
	struct snap_range credentials; /* SNAP_API_CREDENTIALS; empty: open to everyone */
	struct snap_range routes;      /* SNAP_ROUTES */
	uint32_t slot;
	uint32_t cors; /* index into SNAP_CORS, for what no route gets; SNAP_NONE: none */
};
static_assert(sizeof(struct snap_api) == 56, "");

enum snap_path_kind {
	SNAP_PATH_EXACT, /* "/v1/orders" */
	SNAP_PATH_PREFIX, /* "/v1/orders/" then anything, and "/v1/orders" itself; text without the star
			   * and without the final slash. "/" matches everything as empty text */
	SNAP_PATH_TEMPLATE,        /* "/v1/orders/{id}": one segment each in place of "{…}" */
	SNAP_PATH_TEMPLATE_PREFIX, /* "/v1/{shop}/orders", then as SNAP_PATH_PREFIX */
	SNAP_PATH_KINDS
};
#define SNAP_PATH_SEGMENTS 64 /* the most that a path with templates has */

/** Whether such a path ends in "*", which stands for all that follows. */
static inline bool snap_path_is_prefix(uint32_t kind)
{
	return kind == SNAP_PATH_PREFIX || kind == SNAP_PATH_TEMPLATE_PREFIX;
}

struct snap_route {
	struct snap_text path;
	uint32_t kind;    /* enum snap_path_kind */
	uint32_t methods; /* bit 1 << enum http_method; 0: all */
	uint32_t backend; /* index into SNAP_BACKENDS; SNAP_NONE with a reply */
	uint32_t reply;   /* index into SNAP_REPLIES; SNAP_NONE: requests are forwarded */
	uint32_t edit;    /* index into SNAP_EDITS; SNAP_NONE: they are forwarded as they are */
	uint32_t retry;   /* index into SNAP_RETRIES; SNAP_NONE: no setting of its own */
	uint32_t api;     /* index into SNAP_APIS */
	uint32_t cors;    /* index into SNAP_CORS: its own, or the API's; SNAP_NONE: none */
#include "lib/schema/route.def"
};
static_assert(sizeof(struct snap_route) == 52, "");

/* What lets another try follow, beside statuses. */
enum snap_retry_on { SNAP_RETRY_CONNECT, SNAP_RETRY_RESET, SNAP_RETRY_TIMEOUT, SNAP_RETRY_ONS };

#define SNAP_RETRY_STATUS_LEAST 400
#define SNAP_RETRY_STATUS_MOST  599
#define SNAP_RETRY_STATUS_WORDS 7
#define SNAP_SHARE_WHOLE        10000 /* 100% */

/* How a route's requests are tried again. */
struct snap_retry {
#include "lib/schema/retry.def"
	uint32_t on; /* bits 1 << enum snap_retry_on */
	uint32_t
		statuses[SNAP_RETRY_STATUS_WORDS]; /* a bit each, from SNAP_RETRY_STATUS_LEAST on */
};
static_assert(sizeof(struct snap_retry) == 48, "");
static_assert(SNAP_RETRY_STATUS_MOST - SNAP_RETRY_STATUS_LEAST < 32 * SNAP_RETRY_STATUS_WORDS, "");

/** Whether a response with the status lets another try follow. */
static inline bool snap_retry_has_status(const struct snap_retry *retry, uint32_t status)
{
	const uint32_t bit = status - SNAP_RETRY_STATUS_LEAST;

	return bit <= SNAP_RETRY_STATUS_MOST - SNAP_RETRY_STATUS_LEAST &&
	       (retry->statuses[bit / 32] >> bit % 32 & 1);
}

/* What a text that is made for each request consists of, in this order. */
enum snap_piece_kind {
	SNAP_PIECE_TEXT,    /* as written */
	SNAP_PIECE_SEGMENT, /* one segment of the path */
	SNAP_PIECE_REST,    /* the path's end, without the slash before it */
	SNAP_PIECE_CONSUMER,
	SNAP_PIECE_PLAN,
	SNAP_PIECE_REQUEST_ID,
	SNAP_PIECE_CLIENT_IP,
	SNAP_PIECE_FIELD, /* what the request's fields of that name say */
	SNAP_PIECE_KINDS
};

struct snap_piece {
	struct snap_text text; /* SNAP_PIECE_TEXT, or the name of a SNAP_PIECE_FIELD */
	uint32_t kind;         /* enum snap_piece_kind */
	uint32_t segments;     /* of the path, that come before it */
};
static_assert(sizeof(struct snap_piece) == 16, "");

/* What a route replies with, instead of a backend. */
struct snap_reply {
#include "lib/schema/reply.def"
	struct snap_text body;
	struct snap_range location; /* SNAP_PIECES; empty: no redirect */
};
static_assert(sizeof(struct snap_reply) == 28, "");
#define SNAP_REPLY_TYPE_BYTES 255 /* the longest media type */

/* A field that is left out, or added. */
struct snap_field {
	struct snap_text name;
	struct snap_range value; /* SNAP_PIECES; empty: it is left out */
};
static_assert(sizeof(struct snap_field) == 16, "");

/* How a route's messages are changed. Of fields those that are left out come first. */
struct snap_edit {
	struct snap_range path;     /* SNAP_PIECES, the first a text; empty: as it was matched */
	struct snap_text host;      /* empty: as the client sent it */
	struct snap_range request;  /* SNAP_FIELDS */
	struct snap_range response; /* SNAP_FIELDS */
};
static_assert(sizeof(struct snap_edit) == 32, "");
#define SNAP_EDIT_FIELDS_MAX     64 /* of a request, and of a response */
#define SNAP_EDIT_NAME_BYTES_MAX 128

/** Whether it is a field's name (RFC 9110 §5.1), of SNAP_EDIT_NAME_BYTES_MAX bytes at most. */
bool snap_field_is_name(struct str name);

/**
 * Whether a field's name is one that no edit may name: it frames a message or concerns one connection
 * (RFC 9110 §7.6.1), has a setting of its own, or is written by the gateway; "_" is read as "-", as
 * some servers do.
 */
bool snap_field_is_reserved(struct str name);

/* What pages of other origins may do. */
struct snap_cors {
#include "lib/schema/cors.def"
	struct snap_range origins; /* SNAP_ORIGINS */
	struct snap_text fields; /* names, as Access-Control-Allow-Headers has them; empty: none */
	struct snap_text expose; /* the same for Access-Control-Expose-Headers */
	uint32_t methods;        /* bit 1 << enum http_method; 0: those of the path */
	uint32_t any;            /* 1: any origin; there are no others then, nor credentials */
};
static_assert(sizeof(struct snap_cors) == 40, "");
#define SNAP_CORS_ORIGINS_MAX      256
#define SNAP_CORS_ORIGIN_BYTES_MAX 255
#define SNAP_CORS_LIST_BYTES_MAX   1024 /* of fields, and of expose */

/** Whether a status says by itself that the client is to go to Location. */
static inline bool snap_status_redirects(uint32_t status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

enum snap_where { SNAP_IN_HEADER, SNAP_IN_QUERY, SNAP_IN_COOKIE, SNAP_IN_AUTHORIZATION };

/* How a credential may be found. Where the pattern is an exact shape (a literal, then a run of one
 * character class of known length, anchored on both sides) control fills shape_* too, and the worker
 * may check it without a scan. */
struct snap_credential {
#include "lib/schema/credential.def"
	struct snap_text
		field; /* header, parameter or cookie name; lower case for headers; scheme for
				   * Authorization ("bearer", "apikey"), lower case */
	struct snap_text pattern; /* the regular expression as configured */
	struct snap_text
		shape_prefixes; /* literals, each followed by '\n'; one of them must begin the
					  * value; empty where shape_class is 0 */
	uint32_t where;         /* enum snap_where */
	uint32_t pattern_id;    /* id that a scan reports */
	uint32_t shape_class;   /* 0: no exact shape; bits SNAP_CLASS_* */
	uint32_t shape_length;  /* characters after the prefix */
	uint32_t slot;
};
static_assert(sizeof(struct snap_credential) == 56, "");
#define SNAP_CLASS_DIGIT     1u
#define SNAP_CLASS_UPPER     2u
#define SNAP_CLASS_LOWER     4u
#define SNAP_CLASS_DASH      8u
#define SNAP_CLASS_UNDER     16u
#define SNAP_CLASS_HEX_LOWER 32u /* 0-9 a-f; alone */

struct snap_plan {
#include "lib/schema/plan.def"
	struct snap_range apis;   /* SNAP_PLAN_APIS */
	struct snap_range limits; /* SNAP_LIMITS, at most SNAP_LIMITS_PER_PLAN */
	uint32_t slot;
};
static_assert(sizeof(struct snap_plan) == 32, "");

#include "lib/schema/end.def"

enum snap_limit_kind {
	SNAP_LIMIT_RATE, /* GCRA: the word is the theoretical arrival time in CLOCK_MONOTONIC ns */
	SNAP_LIMIT_QUOTA, /* a count in a fixed window of real time: the word is window << 40 | used */
};

struct snap_limit {
	struct snap_text name; /* in RateLimit-Policy; "rate", "quota" or as configured */
	uint32_t kind;         /* enum snap_limit_kind */
	uint32_t word;         /* which word of the usage line, below SNAP_LIMITS_PER_PLAN */
	uint64_t interval_ns;  /* rate: between two requests (T = 1/r) */
	uint64_t burst_ns;     /* rate: T × burst */
	uint64_t window_s;     /* rate: the unit it was written in; quota: length of the window */
	uint64_t amount;       /* rate: requests a window_s; quota: requests a window, below 2^40 */
	uint64_t burst;        /* rate: requests at once */
};
static_assert(sizeof(struct snap_limit) == 56, "");

struct snap_consumer {
	struct snap_text name;
	uint32_t plan; /* index into SNAP_PLANS */
	uint32_t slot; /* line in the usage segment */
};
static_assert(sizeof(struct snap_consumer) == 16, "");

/* A consumer that was removed. Its slot rests, with what its limits were, in case that the name comes back; the
 * dataplane does not use it. */
struct snap_retired {
	struct snap_text name;
	struct snap_range limits; /* SNAP_LIMITS: what the words of its usage line mean */
	uint32_t slot;
	uint32_t reserved;
};
static_assert(sizeof(struct snap_retired) == 24, "");

struct snap_key {
	uint8_t digest[SNAP_DIGEST_BYTES];
	uint64_t expires;  /* Unix seconds; 0: never */
	uint32_t consumer; /* index into SNAP_CONSUMERS */
	struct snap_text id;
	uint32_t reserved;
};
static_assert(sizeof(struct snap_key) == 56, "");

/* The records of a section. */
struct snap_array {
	const void *records;
	uint32_t count;
};

/* A checked segment of one kind, mapped read-only; shared by all snapshots whose root names it. */
struct snapshot_part {
	struct segment segment;
	enum snap_kind kind;
	uint64_t generation; /* the root that it came with */
	_Atomic uint32_t shares;
	uint32_t
		slots_end; /* slots that lie within capacities of the gateway's settings are below it */
	struct snap_array sections[SNAP_SECTION_COUNT]; /* of other kinds: empty */
};

/* Records that have a slot by which records of other parts name them. */
enum snap_named { SNAP_LISTENER, SNAP_CREDENTIAL, SNAP_API, SNAP_BACKEND, SNAP_PEER, SNAP_NAMED };

/* A checked snapshot: one part of each kind. */
struct snapshot {
	uint64_t generation; /* of the root */
	struct snapshot_part *parts[SNAP_KINDS];
	struct snap_array sections[SNAP_SECTION_COUNT];
	struct {
		uint32_t *index; /* by slot, SNAP_NONE where it is free */
		uint32_t count;
	} named[SNAP_NAMED];
	struct snap_range *endpoints; /* of each backend, in SNAP_ENDPOINTS */
};

/**
 * Check every section, range, index and text of a segment that segment_map() or segment_check()
 * accepted.
 * @param segment    taken over on success and left empty; untouched on failure
 * @param out        the part, with one share
 * @param why        on failure: a sentence that names the section and record
 * @param why_bytes  room in @p why
 * @return 0, -EBADMSG or -ENOMEM
 */
int snapshot_part_open(
	struct segment *segment, struct snapshot_part **out, char *why, size_t why_bytes);
/** Share a part once more; from any thread. @return @p part */
struct snapshot_part *snapshot_part_hold(struct snapshot_part *part);
/** Give a share back; the last one unmaps and closes. NULL is left alone. */
void snapshot_part_release(struct snapshot_part *part);
/** Is the content the same, whatever the generations? */
bool snapshot_part_same(const struct snapshot_part *a, const struct snapshot_part *b);

/**
 * Put one part of each kind together, and check what they say of each other.
 * @param parts       one of each kind, in their order; the snapshot has shares of its own
 * @param generation  of the root that names them
 * @param why         as snapshot_part_open()
 * @return 0, -EBADMSG or -ENOMEM
 */
int snapshot_open(struct snapshot_part *const parts[SNAP_KINDS], uint64_t generation,
	struct snapshot *out, char *why, size_t why_bytes);
/**
 * Open what snapshot_builder_finish() made.
 * @param segments    taken over in any case and left empty; of a kind without one the part of @p
 *                    previous is shared
 * @param previous    that the builder was finished with; NULL: there is a segment of each kind
 * @param generation  of the root
 * @return as snapshot_open()
 */
int snapshot_open_segments(struct segment segments[SNAP_KINDS], const struct snapshot *previous,
	uint64_t generation, struct snapshot *out, char *why, size_t why_bytes);
/** Give the shares of all parts back; a snapshot that holds nothing is left alone. */
void snapshot_close(struct snapshot *snapshot);
/** Share the parts of some kinds, for what is made of them alone: sections and slots of other kinds are empty.
 *  @param kinds  bits 1 << kind @return 0 or -ENOMEM */
int snapshot_view(const struct snapshot *from, unsigned kinds, struct snapshot *out);
/** True when both have the same parts of these kinds, in the same memory. @param kinds bits 1 <<
 * kind */
bool snapshot_shares(const struct snapshot *a, const struct snapshot *b, unsigned kinds);

/* What two snapshots have in common, for settings that a running dataplane cannot change. */

/** True when both texts are the same. */
bool snapshot_same_text(
	const struct snapshot *a, struct snap_text x, const struct snapshot *b, struct snap_text y);
/** True when both ranges of struct snap_address records are the same.
 * @param id  the section that both lie in */
bool snapshot_same_addresses(const struct snapshot *a, struct snap_range x,
	const struct snapshot *b, struct snap_range y, enum snap_section_id id);
/** True when both ranges of SNAP_WAYS lead to the same places over the same gateways. */
bool snapshot_same_ways(const struct snapshot *a, struct snap_range x, const struct snapshot *b,
	struct snap_range y);
/** True when both hand the same to the kernel. */
bool snapshot_same_kernels(const struct snapshot *a, const struct snapshot *b);

/** The records of one section and their number; typed by the SNAP_* list above. */
static inline const void *snap_records(
	const struct snapshot *s, enum snap_section_id id, uint32_t *count)
{
	*count = s->sections[id].count;
	return s->sections[id].records;
}

/** One record of a section. @p index is below the section's count. */
#define SNAP_AT(snapshot, section, type, index)                                                    \
	(&((const struct type *)(snapshot)->sections[(section)].records)[(index)])
#define SNAP_INDEX_AT(snapshot, section, index)                                                    \
	(((const uint32_t *)(snapshot)->sections[(section)].records)[(index)])

static inline const struct snap_settings *snap_settings(const struct snapshot *s)
{
	return s->sections[SNAP_SETTINGS].records;
}

static inline struct str snap_str(const struct snapshot *s, struct snap_text t)
{
	const char *strings = s->sections[SNAP_STRINGS + (t.offset >> SNAP_TEXT_BITS)].records;

	return (struct str){ strings + (t.offset & SNAP_TEXT_MASK), t.length };
}

/** The index of the record that has a slot; SNAP_NONE: there is none. */
static inline uint32_t snap_named(const struct snapshot *s, enum snap_named what, uint32_t slot)
{
	return slot < s->named[what].count ? s->named[what].index[slot] : SNAP_NONE;
}

/**
 * Look through a section for the record with a name; snapshot_find.c.
 * @param name_at  offset of the record's struct snap_text
 * @return its index; SNAP_NONE: there is none
 */
uint32_t snap_find_name(
	const struct snapshot *s, enum snap_section_id id, size_t name_at, struct str name);

/** The key with this digest of SNAP_DIGEST_BYTES, by bisection. @return NULL when there is none */
const struct snap_key *snap_find_key(const struct snapshot *s, const uint8_t *digest);

/** The backend of an endpoint. */
static inline const struct snap_backend *snap_backend_of(
	const struct snapshot *s, const struct snap_endpoint *endpoint)
{
	return SNAP_AT(
		s, SNAP_BACKENDS, snap_backend, snap_named(s, SNAP_BACKEND, endpoint->backend));
}

/** The TLS of a backend that has it. */
static inline const struct snap_peer *snap_peer_of(
	const struct snapshot *s, const struct snap_backend *backend)
{
	return SNAP_AT(s, SNAP_PEERS, snap_peer, snap_named(s, SNAP_PEER, backend->slot));
}

/** The credential that is the @p i-th of those that an API accepts. */
static inline const struct snap_credential *snap_credential_of(
	const struct snapshot *s, const struct snap_api *api, uint32_t i)
{
	return SNAP_AT(s, SNAP_CREDENTIALS, snap_credential,
		snap_named(s, SNAP_CREDENTIAL,
			SNAP_INDEX_AT(s, SNAP_API_CREDENTIALS, api->credentials.first + i)));
}

/** The reply of a route that has one. */
static inline const struct snap_reply *snap_reply_of(const struct snapshot *s, uint32_t route)
{
	return SNAP_AT(
		s, SNAP_REPLIES, snap_reply, SNAP_AT(s, SNAP_ROUTES, snap_route, route)->reply);
}

/** The section's name in messages: "routes". */
const char *snap_section_name(enum snap_section_id id);
/** The kind's name: "routing". */
const char *snap_kind_name(enum snap_kind kind);
/** The kind of part that a section is in. */
enum snap_kind snap_section_kind(enum snap_section_id id);

/* Building, in control and in tests. */
struct snapshot_builder;

/** Fill every setting with its default. */
void snapshot_settings_defaults(struct snap_settings *out);

/** @return a builder without records, or NULL when out of memory */
struct snapshot_builder *snapshot_builder_new(void);
/** Free the builder; what _finish() made lives on. NULL is allowed. */
void snapshot_builder_free(struct snapshot_builder *b);

/**
 * Add a text once to the strings of a kind; equal texts share their bytes.
 * @param kind  of the record that the text is for
 * @return its place; empty after an error, which _finish() will report
 */
struct snap_text snapshot_builder_text(
	struct snapshot_builder *b, enum snap_kind kind, struct str text);

/** Append one record of the section's size. @return its index */
uint32_t snapshot_builder_add(
	struct snapshot_builder *b, enum snap_section_id id, const void *record);

/** Append raw bytes to a section of bytes. */
void snapshot_builder_bytes(
	struct snapshot_builder *b, enum snap_section_id id, const void *data, size_t len);

/** @return the number of records so far: the index of the next one */
uint32_t snapshot_builder_count(const struct snapshot_builder *b, enum snap_section_id id);

/** @return a record that was added; until the next one is. NULL after an error */
const void *snapshot_builder_at(
	const struct snapshot_builder *b, enum snap_section_id id, uint32_t index);

/** Let a kind be what the previous generation, which _finish() then gets, has: it has no records here. */
void snapshot_builder_keep(struct snapshot_builder *b, enum snap_kind kind);

/**
 * Sort the keys, lay the segments out and seal them. References are not checked here:
 * snapshot_open() does that.
 * @param previous  a kind with the same content gets no segment; NULL: each gets one
 * @param out       a segment of each kind, of fd -1 where there is none; after an error there is
 *                  none
 * @return 0, -EEXIST when two keys have one digest, -EINVAL without settings, -E2BIG when a section
 *         is full, -ENOMEM, or -errno of segment_create() and segment_seal()
 */
int snapshot_builder_finish(struct snapshot_builder *b, const struct snapshot *previous,
	uint64_t generation, uint64_t boot_id, struct segment out[SNAP_KINDS]);

/*
 * Secrets: certificates and private keys as PEM, in a sealed segment of their own that only the
 * dataplane receives. One entry for each of SNAP_CERTS, in the same order.
 */
struct secrets_entry {
	uint64_t cert_offset; /* PEM chain, leaf first */
	uint64_t key_offset;  /* PEM private key */
	uint32_t cert_length;
	uint32_t key_length;
	uint8_t fingerprint[32]; /* equals snap_cert.fingerprint */
	uint64_t reserved;
};
static_assert(sizeof(struct secrets_entry) == 64, "");

struct secrets {
	struct segment segment;
	uint32_t count;
	const struct secrets_entry *entries;
};

struct secrets_input {
	struct str cert_pem, key_pem;
	uint8_t fingerprint[32];
};
/**
 * Make a sealed segment of certificates and keys.
 * @param inputs  one for each of the snapshot's SNAP_CERTS in their order; copied
 * @return 0, -EINVAL for an empty or over-long PEM, or -errno; the caller owns @p out
 */
int secrets_build(const struct secrets_input *inputs, uint32_t count, uint64_t generation,
	uint64_t boot_id, struct segment *out);
/**
 * Check a segment that segment_map() accepted as SEGMENT_SECRETS.
 * @param segment  taken over on success and left empty; untouched on failure
 * @return 0 or -EBADMSG
 */
int secrets_open(struct segment *segment, struct secrets *out);
/** Unmap and close; what holds nothing is left alone. The pages are the kernel's to clear. */
void secrets_close(struct secrets *secrets);

#endif
