/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `config` lines say, as a small model that is compiled into a snapshot. The defaults are such
 * lines themselves (config_defaults[]), so that a script overrides by naming the same thing again.
 *
 *   config set KEY VALUE a member of struct snap_settings; times with units config tcp|proxy KEY
 *   VALUE a member of struct tcp_config, struct proxy_config config pool N mbufs config workers N
 *   [rss=SLOTS] several, behind ports that spread by RSS over so many slots or know nothing config
 *   port outside|inside [mtu=N] [linear] [offload] [addresses=A/N,…] [gateways=A,…] [way=A/N>A]
 *   config kernel [addresses=A,…] [ports=N,…] [rate=N] [burst=N] of the outside port; rate of each
 *   class config mld multicast listener reports are for the script to see config host NAME IP
 *   [inside] [mac=M] [noarp] config listener NAME IP:PORT [backlog=N] [tls=CERT,…]
 *   [slashes|parameters|…=POLICY] config cert NAME names=DNS,… config backend NAME
 *   IP:PORT[*WEIGHT]… [connect_timeout=T] [retry_after=T] [idle=N] config credential NAME
 *   header|query|cookie|authorization=FIELD prefix=P,… class=C,… length=N [keep] config api NAME
 *   host=H,… [auth=CREDENTIAL,…] [listeners=L,…] config route API PATH backend=B [methods=M,…]
 *   [timeout=T] PATH ends in "*": a prefix config plan NAME apis=A,… [soft] config limit PLAN
 *   rate=N/s|m|h burst=N · config limit PLAN quota=N/SECONDS config consumer NAME plan=P key=K[,K]
 *   [expires=UNIX] config without KIND NAME leave one out again
 * A listener, backend, API or consumer may have slot=N, so that it gets the slot of one that was
 * left out. A backend's is a quarter of its endpoints' slots.
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
	CONFIG_KINDS
};

#define CONFIG_ITEMS 64
#define CONFIG_WORDS 16

/* One line: its kind, its name (routes: API and path) and the words after it. */
struct config_item {
	const char *name;
	const char *words[CONFIG_WORDS];
	uint32_t count;
	uint32_t slot;
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

struct config {
	struct snap_settings settings;
	const char *via;
	struct tcp_config tcp;
	struct proxy_config proxy;
	uint32_t pool;
	bool mld;
	uint32_t workers, reta_size;
	bool dad; /* look for duplicate addresses at the start */
	struct config_port ports[PORTS];
	struct config_kernel kernel;
	struct config_item items[CONFIG_KINDS][CONFIG_ITEMS];
	uint32_t counts[CONFIG_KINDS];
	uint32_t slots[CONFIG_KINDS]; /* given so far */
	struct net_world *net;
};

/** Start from the defaults. */
void config_init(struct config *c, struct net_world *net);
/** One line's words after "config". */
void config_line(struct config *c, struct cursor *cursor);

/** Value of "KEY=" among an item's words, or @p otherwise. */
const char *config_arg(const struct config_item *item, const char *key, const char *otherwise);
bool config_flag(const struct config_item *item, const char *word);
/** Index of the item with this name. Fails the script where there is none. */
uint32_t config_index(const struct config *c, enum config_kind kind, const char *name, size_t len);

/** Compile into a checked snapshot and its secrets; the caller closes both. */
void config_build(
	const struct config *c, uint64_t generation, struct snapshot *out, struct secrets *secrets);

/** An address of the configuration in the family of its side, see six.h. */
struct ip_addr config_address(const struct ip_addr *addr);

#endif
