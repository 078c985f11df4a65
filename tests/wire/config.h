/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `config` lines say, as a small model from which the text of a configuration is made and
 * compiled. The defaults are such lines themselves (config_defaults[]), so that a script overrides
 * by naming the same thing again. Words KEY=VALUE are settings as docs/configuration.md names them,
 * lists with commas and without spaces; "paths.slashes=keep" is one of a group within;
 * "set=X-A:1,X-B:2" is a list of groups.
 *
 *   config GROUP KEY=VALUE…       of the top level: timeouts, limits, forwarding, access_log,
 *                                 dataplane
 *   config listener NAME IP:PORT [KEY=VALUE…]
 *   config cert NAME names=DNS,…
 *   config backend NAME IP:PORT[*WEIGHT]… [KEY=VALUE…]
 *   config credential NAME KEY=VALUE…
 *   config api NAME KEY=VALUE…
 *   config route API PATH KEY=VALUE…
 *   config plan NAME KEY=VALUE…
 *   config limit PLAN rate=N/s burst=N   ·   config limit PLAN quota=N/hour
 *   config consumer NAME plan=P key=K[,K] [expires=UNIX]   keys in clear
 *   config without KIND NAME      leave one out again
 *
 * What no configuration can say:
 *   config tcp|proxy KEY VALUE    a member of struct tcp_config, struct proxy_config
 *   config asker T [otherwise=next]   a stage that asks the script, see asker.h
 *   config backlog N              of all listeners, smaller than allowed
 *   config events N               records of the event ring
 *   config asks                   the first worker has rings of questions to control
 *   config pool N                 mbufs
 *   config workers N [rss=SLOTS]  several, behind ports that spread by RSS over so many slots or
 *                                 know nothing
 *   config port outside|inside [mtu=N] [linear] [offload] [addresses=A/N,…] [gateways=A,…]
 *                                 [way=A/N>A]
 *   config kernel [addresses=A,…] [ports=N,…] [rate=N] [burst=N]
 *                                 of the outside port; rate of each class
 *   config mld                    multicast listener reports are for the script to see
 *   config host NAME IP [inside] [mac=M] [noarp]
 */
#ifndef SLUICE_TESTS_WIRE_CONFIG_H
#define SLUICE_TESTS_WIRE_CONFIG_H

#include "dataplane/proxy/proxy.h"
#include "dataplane/tcp/tcp.h"
#include "lib/shm/snapshot.h"
#include "tests/wire/certificate.h"
#include "tests/wire/flow.h"
#include "tests/wire/text.h"

enum config_kind {
	CONFIG_LISTENER,
	CONFIG_CERT,
	CONFIG_BACKEND,
	CONFIG_CREDENTIAL,
	CONFIG_API,
	CONFIG_ROUTE,
	CONFIG_PLAN,
	CONFIG_LIMIT,
	CONFIG_CONSUMER,
	CONFIG_GROUP,
	CONFIG_KINDS
};

#define CONFIG_ITEMS 64
#define CONFIG_WORDS 16

/* One line: its kind, its name (routes: API and path) and the words after it. */
struct config_item {
	const char *name;
	const char *words[CONFIG_WORDS];
	uint32_t count;
};

struct config_port {
	uint16_t mtu;
	bool linear, offload;
	const char *addresses;
	const char *gateways; /* of the default route */
	const char *way;      /* a static route, PREFIX>GATEWAY; NULL: none */
};

struct config_kernel {
	bool set;
	const char *addresses, *ports;
	uint32_t rate, burst;
};

struct wire_config {
	struct tcp_config tcp;
	struct proxy_config proxy;
	uint32_t pool, events;
	bool asks;
	uint32_t backlog; /* 0: as configured */
	bool mld;
	uint32_t workers, reta_size;
	bool dad; /* look for duplicate addresses at the start */
	struct config_port ports[PORTS];
	struct config_kernel kernel;
	uint32_t counts[CONFIG_KINDS];
	struct net_world *net;
	struct config_item items[CONFIG_KINDS][CONFIG_ITEMS]; /* of each kind, so many as counted */
};

/** Start from the defaults. */
void config_begin(struct wire_config *c, struct net_world *net);
/** One line's words after "config". */
void config_line(struct wire_config *c, struct cursor *cursor);

/** Value of "KEY=" among an item's words, or @p otherwise. */
const char *config_arg(const struct config_item *item, const char *key, const char *otherwise);
bool config_flag(const struct config_item *item, const char *word);

/**
 * Compile into a checked snapshot and its secrets; the caller closes both.
 * @param previous  the generation before, whose names keep their slots; or NULL
 */
void config_build(const struct wire_config *c, const struct snapshot *previous, uint64_t generation,
	struct snapshot *out, struct secrets *secrets);

/** An address of the configuration in the family of its side, see six.h. */
struct ip_addr config_address(const struct ip_addr *addr);

#endif
