/* SPDX-License-Identifier: Apache-2.0 */
/* The benches' configuration as text, through control's reader and compiler, see world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "bench/common/report.h"
#include "bench/common/world.h"
#include "bench/common/world_priv.h"
#include "bench/engine/engine.h"
#include "control/compile/compile.h"

#define PROGRESS_KEYS 1000000u

static uint32_t round_up_power(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

FILE *world_file(const char *name, char *path)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		progress("bench: no memory for %s", name);
		exit(1);
	}
	snprintf(path, WORLD_PATH_BYTES, "/proc/self/fd/%d", fd);
	return file;
}

static const char *address(uint32_t ip, char *room)
{
	snprintf(room, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	return room;
}

static void write_network(FILE *out, const struct world_options *options)
{
	char outside[16], inside[16], router[16];

	fprintf(out,
		"version = 1;\n"
		"dataplane: { workers = %u; connections = %u; ports = (\n"
		" { name = \"outside\"; device = \"bench-outside\"; addresses = [ \"%s/24\" ]; gateways = [ \"%s\" ]; },\n"
		" { name = \"inside\"; device = \"bench-inside\"; addresses = [ \"%s/24\" ]; } );\n"
		" buffers: { receive = \"64KiB\"; send = \"64KiB\"; };\n"
		" capacity: { apis = 1024; endpoints = 1024; consumers = %u; }; };\n"
		"access_log: { enabled = %s; records = 4096; };\n"
		"listeners = ( { name = \"public\"; port = \"outside\"; bind = \"%s:%u\";%s } );\n",
		options->workers, RTE_MAX(round_up_power(options->connections), 1024u),
		address(ENGINE_GATEWAY_OUTSIDE, outside), address(ENGINE_ROUTER, router),
		address(ENGINE_GATEWAY_INSIDE, inside), RTE_MAX(options->keys, 1u),
		options->access_log ? "true" : "false", outside, ENGINE_LISTEN_PORT,
		options->tls ? " tls: { certificates = [ \"shop\" ]; };" : "");
}

static void write_backend(FILE *out, const struct world_options *options)
{
	char text[16];

	fputs("backends = ( { name = \"orders\"; connect_timeout = \"1s\"; retry_after = \"1s\";\n"
	      " idle_connections = 65536; endpoints = (",
		out);
	for (uint32_t i = 0; i < options->backends; i++)
		fprintf(out, "%s\n  { address = \"%s:%u\"; weight = %u; }", i ? "," : "",
			address(ENGINE_BACKEND_FIRST + i, text), ENGINE_BACKEND_PORT,
			options->weights ? options->weights[i] : 1);
	fputs(" ); } );\n", out);
}

static void write_api(FILE *out, const struct world_options *options)
{
	fprintf(out, "apis = ( { name = \"orders\"; hosts = [ \"" ENGINE_HOST "\" ];%s routes = (",
		options->keys ? " auth = [ \"api_key\" ];" : "");
	for (uint32_t i = 0; i < options->routes; i++) {
		char path[64] = "/v1/orders";

		/* The one that is taken lies in the middle. */
		if (i != options->routes / 2)
			snprintf(path, sizeof(path), "/v1/service%u/resource%u", i / 100, i);
		fprintf(out, "%s\n { path = \"%s/*\"; backend = \"orders\"; timeout = \"2s\"; }",
			i ? "," : "", path);
	}
	fputs(" ); } );\n", out);
}

static void write_keys(FILE *out, uint32_t keys)
{
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);

	for (uint32_t i = 0; i < keys; i++) {
		char name[24], key[ENGINE_KEY_BYTES], hex[2 * SNAP_DIGEST_BYTES + 1];
		uint8_t digest[SNAP_DIGEST_BYTES];

		engine_consumer_name(i, name);
		engine_key_text(i, key);
		EVP_Digest(key, sizeof(key), digest, NULL, sha256, NULL);
		for (unsigned b = 0; b < sizeof(digest); b++) {
			hex[2 * b] = "0123456789abcdef"[digest[b] >> 4];
			hex[2 * b + 1] = "0123456789abcdef"[digest[b] & 15];
		}
		hex[sizeof(hex) - 1] = '\0';
		fprintf(out, "%s,bronze,k1,%s\n", name, hex);
		if (i % PROGRESS_KEYS == PROGRESS_KEYS - 1 && keys > PROGRESS_KEYS)
			progress("  %u of %u keys", i + 1, keys);
	}
	EVP_MD_free(sha256);
}

static void write_callers(FILE *out, const struct world_options *options, const char *keys)
{
	fputs("credentials = ( { name = \"api_key\"; in = \"header\"; header = \"X-API-Key\";\n"
	      " pattern = \"^ak_(live|test)_[a-z0-9]{32}$\"; } );\n"
	      "plans = ( { name = \"bronze\"; apis = [ \"orders\" ];",
		out);
	if (options->limit)
		fprintf(out, " limits = ( { rate = \"%lu/s\"; burst = %lu; } );", options->limit,
			options->limit);
	fprintf(out, " } );\nkey_files = [ \"%s\" ];\n", keys);
}

static char *text_make(const struct world_options *options, const char *keys)
{
	char *text = NULL, cert[WORLD_PATH_BYTES], key[WORLD_PATH_BYTES];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	write_network(out, options);
	if (options->tls) {
		world_certificate(cert, key);
		fprintf(out,
			"certificates = ( { name = \"shop\"; certificate = \"%s\"; key = \"%s\"; } );\n",
			cert, key);
	}
	write_backend(out, options);
	write_api(out, options);
	write_callers(out, options, keys);
	return fclose(out) == 0 ? text : NULL;
}

void world_snapshot(
	const struct world_options *options, struct snapshot *out, struct secrets *secrets)
{
	const struct compile_input input = { .generation = 1, .boot_id = 1 };
	struct mistakes mistakes = { 0 };
	struct compiled compiled;
	char path[WORLD_PATH_BYTES];
	FILE *keys = world_file("keys", path);
	char *text = text_make(options, path);

	write_keys(keys, options->keys);
	fflush(keys);
	if (!text || compile_memory(text, &input, &mistakes, &compiled) != 0) {
		progress("bench: the configuration was refused");
		mistakes_print(&mistakes, stderr);
		exit(1);
	}
	fclose(keys);
	mistakes_free(&mistakes);
	free(text);
	*out = compiled.snapshot;
	if (secrets && secrets_open(&compiled.secrets, secrets) == 0)
		return;
	segment_close(&compiled.secrets);
}
