/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as the operator wrote it: typed, with the place of every value, references
 * resolved. The road of a file: config_load() reads it by the schema (schema.c), config_check()
 * judges what one setting cannot know alone, snapshot_compile() (control/compile) makes the
 * dataplane's form.
 *
 * Structs here mirror the file's sections one to one; schema.c fills them by offset.
 */
#ifndef SLUICE_CONTROL_CONFIG_CONFIG_H
#define SLUICE_CONTROL_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "control/source/mistakes.h"
#include "lib/base/ip.h"
#include "lib/base/str.h"

/* One setting's value. */
struct cfg_value {
	struct cfg_at at;    /* where it is written; where it could have been, when it is not */
	struct str text;     /* as written, or the default */
	uint64_t number;     /* numbers, ms, bytes, amounts, 0 or 1, a choice's index, Unix seconds;
			      * references: index of what they refer to, once checked */
	uint64_t window_s;   /* rates */
	struct ip_addr addr; /* addresses */
	uint16_t port;       /* "address:port" */
	uint8_t prefix_len;  /* "address/length" */
	bool set;            /* written in the file, whether valid or not */
	bool valid;          /* usable: written and right, or a default */
};

/* A list of values or of groups. */
struct cfg_list {
	struct cfg_at at;
	void *items;
	uint32_t count;
	bool set;
};

/** Item @p i of a list of @p type. */
#define CFG_ITEM(list, type, i) (&((type *)(list).items)[i])

/* Every group begins with its place, and every group in a list of named ones goes on with its name.
 * */
struct cfg_group {
	struct cfg_at at;
	bool set;
};

struct cfg_named {
	struct cfg_group head;
	struct cfg_value name;
};

struct cfg_kernel_rates {
	struct cfg_group head;
#define KERNEL_CLASS(NAME, name, rate, text) struct cfg_value name;
#include "lib/shm/kernel_class.def"
#undef KERNEL_CLASS
};

struct cfg_kernel {
	struct cfg_group head;
	struct cfg_value interface;
	struct cfg_list addresses, ports;
	struct cfg_value burst;
	struct cfg_kernel_rates rates;
};

struct cfg_port {
	struct cfg_group head;
	struct cfg_value name, device;
	struct cfg_list addresses, gateways, routes;
	struct cfg_value mtu, vlan, queues;
	struct cfg_kernel kernel;
};

/* A static route of a port; a request's is struct cfg_route. */
struct cfg_way {
	struct cfg_group head;
	struct cfg_value to;
	struct cfg_list gateways;
};

struct cfg_buffers {
	struct cfg_group head;
	struct cfg_value receive, send;
};

struct cfg_capacity {
	struct cfg_group head;
	struct cfg_value listeners, apis, endpoints, consumers;
};

struct cfg_dataplane {
	struct cfg_group head;
	struct cfg_value workers;
	struct cfg_list lcores, ports;
	struct cfg_value connections, mbufs, rto_min, ecn;
	struct cfg_buffers buffers;
	struct cfg_capacity capacity;
};

struct cfg_certificate {
	struct cfg_group head;
	struct cfg_value name, certificate, key;
};

struct cfg_tls {
	struct cfg_group head;
	struct cfg_list certificates;
};

/* Readings of a path: one member for each enum snap_path_form, in its order. */
struct cfg_paths {
	struct cfg_group head;
	struct cfg_value slashes, parameters, encoded_slash, backslash, dot_segments;
};

struct cfg_listener {
	struct cfg_group head;
	struct cfg_value name, port, bind, backlog, connections_per_source;
	struct cfg_tls tls;
	struct cfg_paths paths;
};

struct cfg_endpoint {
	struct cfg_group head;
	struct cfg_value address, weight;
};

struct cfg_backend {
	struct cfg_group head;
	struct cfg_value name, balance;
	struct cfg_list endpoints;
	struct cfg_value connect_timeout, retry_after, idle_connections;
};

struct cfg_route {
	struct cfg_group head;
	struct cfg_value path;
	struct cfg_list methods;
	struct cfg_value backend, timeout;
	uint32_t method_bits; /* set by the check: 1 << enum http1_method; 0: all */
};

struct cfg_api {
	struct cfg_group head;
	struct cfg_value name, version;
	struct cfg_list listeners, hosts, auth, routes;
};

struct cfg_credential {
	struct cfg_group head;
	struct cfg_value name, in, header, parameter, cookie, scheme, pattern, strip;
};

struct cfg_limit {
	struct cfg_group head;
	struct cfg_value rate, quota, burst, name;
};

struct cfg_plan {
	struct cfg_group head;
	struct cfg_value name;
	struct cfg_list apis, limits;
	struct cfg_value soft;
};

struct cfg_key {
	struct cfg_group head;
	struct cfg_value id, sha256, expires;
};

struct cfg_consumer {
	struct cfg_group head;
	struct cfg_value name, plan;
	struct cfg_list keys;
};

struct cfg_timeouts {
	struct cfg_group head;
	struct cfg_value head_, body, idle, send, backend_idle, body_rate_min, send_rate_min;
};

struct cfg_limits {
	struct cfg_group head;
	struct cfg_value head_, target, fields, body;
};

struct cfg_forwarding {
	struct cfg_group head;
	struct cfg_value via, trust_client, pass_overrides;
};

struct cfg_access_log {
	struct cfg_group head;
	struct cfg_value enabled, path, records;
};

/* The file's top level. */
struct cfg_admin {
	struct cfg_group head;
	struct cfg_value group, readers;
};

struct cfg_root {
	struct cfg_group head;
	struct cfg_value version;
	struct cfg_dataplane dataplane;
	struct cfg_list certificates, listeners, backends, apis, credentials, plans, consumers;
	struct cfg_list key_files;
	struct cfg_timeouts timeouts;
	struct cfg_limits limits;
	struct cfg_forwarding forwarding;
	struct cfg_access_log access_log;
	struct cfg_admin admin;
};

/* Where a credential is looked for, in the schema's order. */
enum cfg_in { CFG_IN_HEADER, CFG_IN_QUERY, CFG_IN_COOKIE, CFG_IN_AUTHORIZATION };

/* Consumers and keys from the file and from the key files together: see roll.h. */
struct roll;

struct source;
struct source_reader;

#define CONFIG_IN_MEMORY "configuration" /* the file's name of one that is none */

struct config {
	char *path;         /* the main file, as the operator named it */
	char *directory;    /* its folder: what relative paths begin at */
	bool without_files; /* read no certificate and no key file (fuzzing) */
	struct cfg_root root;
	struct roll *roll;
	struct source *source; /* owns the names of files and the texts of values */
	struct block *blocks;  /* memory of lists, freed as a whole */
};

/**
 * Read a file, with what it includes, into @p config. Mistakes of single settings are added to
 * @p mistakes; as much as possible is read all the same, so that config_check() finds the rest.
 * @return 0, or -errno when there is nothing to check (unreadable, syntax error: a mistake too)
 */
int config_load(struct config *config, const char *path, struct mistakes *mistakes);

/** As config_load() with files from @p reader (source.h). */
int config_load_from(struct config *config, const char *path, const struct source_reader *reader,
	struct mistakes *mistakes);

/** As config_load() from memory, without touching any file. @p text is terminated. */
int config_load_text(struct config *config, const char *text, struct mistakes *mistakes);

/** Find the mistakes that concern several settings, resolve references and read key files. */
void config_check(struct config *config, struct mistakes *mistakes);

void config_free(struct config *config);

/** Zeroed memory that lives as long as @p config. @return NULL without memory */
void *config_alloc(struct config *config, size_t bytes);

/** @p path, when relative, from the configuration's folder; in memory that lives as long as
 *  @p config. @return NULL without memory */
const char *config_path(struct config *config, struct str path);

#endif
