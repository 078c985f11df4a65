/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the lines of config.h to a snapshot, as in life: the text of a configuration, through
 * control's reader, check and compiler. Words `key=value` go into that text as they are, so that a
 * new setting needs nothing here.
 */
#include "tests/wire/config.h"
#include "tests/wire/six.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>

#include "control/compile/compile.h"
#include "control/config/schema.h"

#define BOOT_ID 1

/* The next of "a,b,c". @return false at the end */
static bool next_of(const char **list, const char **item, size_t *len)
{
	if (!*list || !**list)
		return false;
	*item = *list;
	*len = strcspn(*list, ",");
	*list += *len + ((*list)[*len] == ',');
	return true;
}

struct ip_addr config_address(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? six_address(rte_be_to_cpu_32(ip_to_v4(addr))) : *addr;
}

/* As the configuration writes a value: in quotes or not, its own quotes and backslashes escaped. */
static void put_value(FILE *out, const struct schema_field *f, const char *text, size_t len)
{
	bool plain = f->type == SCHEMA_NUMBER || f->type == SCHEMA_BOOL ||
		     (f->type == SCHEMA_WORKERS && text[0] != 'a');

	if (!plain)
		fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			fputc('\\', out);
		fputc(text[i], out);
	}
	if (!plain)
		fputc('"', out);
}

static void put_list(FILE *out, const struct schema_field *f, const char *list)
{
	const char *item, *comma = "";
	size_t len;

	fputs("[ ", out);
	while (next_of(&list, &item, &len)) {
		fputs(comma, out);
		put_value(out, f, item, len);
		comma = ", ";
	}
	fputs(" ]", out);
}

/* Groups, each as the values of its settings in their order with ":" between them. */
static void put_group_list(FILE *out, const struct schema_field *f, const char *list)
{
	const char *item, *comma = "";
	size_t len;

	fputs("( ", out);
	while (next_of(&list, &item, &len)) {
		fprintf(out, "%s{", comma);
		for (const struct schema_field *of = f->group->fields; of->name; of++) {
			const char *colon = of[1].name ? memchr(item, ':', len) : NULL;
			const size_t value = colon ? (size_t)(colon - item) : len;

			fprintf(out, " %s = ", of->name);
			put_value(out, of, item, value);
			fputs(";", out);
			len -= value + (colon != NULL);
			item += value + (colon != NULL);
		}
		fputs(" }", out);
		comma = ", ";
	}
	fputs(" )", out);
}

static bool is_word_of(const char *word, const char *prefix)
{
	return strncmp(word, prefix, strlen(prefix)) == 0;
}

static void put_group(FILE *out, const struct schema_group *group, const struct config_item *item,
	const char *prefix, const char *own);

/* A word that begins with @p prefix, behind it: "key=value", or "part.key=value" of a group within.
 * */
static void put_word(FILE *out, const struct schema_group *group, const struct config_item *item,
	const char *prefix, uint32_t at)
{
	const char *word = item->words[at] + strlen(prefix);
	const size_t len = strcspn(word, "=.");
	const struct schema_field *f = schema_field(group, (struct str){ word, (uint32_t)len });
	const char *part;

	if (!f)
		wire_fail("no setting of %s: %s", group->noun, word);
	if (word[len] == '=') {
		fprintf(out, " %s = ", f->name);
		if (f->list && f->type == SCHEMA_GROUP)
			put_group_list(out, f, word + len + 1);
		else if (f->list)
			put_list(out, f, word + len + 1);
		else
			put_value(out, f, word + len + 1, strlen(word + len + 1));
		fputs(";", out);
		return;
	}
	part = wire_text("%s%s.", prefix, f->name);
	for (uint32_t i = 0; i < at; i++)
		if (is_word_of(item->words[i], part))
			return;
	fprintf(out, " %s: {", f->name);
	put_group(out, f->group, item, part, "");
	fputs(" };", out);
}

/*
 * All words of an item that are settings of @p group.
 * @param prefix  of words that are meant: "" or "tls."
 * @param own     words "key=" of the script's language alone, each with a space behind it
 */
static void put_group(FILE *out, const struct schema_group *group, const struct config_item *item,
	const char *prefix, const char *own)
{
	for (uint32_t i = 0; i < item->count; i++) {
		const char *word = item->words[i], *equals = strchr(word, '=');

		if (equals && is_word_of(word, prefix) &&
			!strstr(own, wire_text("%.*s= ", (int)(equals - word), word)))
			put_word(out, group, item, prefix, i);
	}
}

static const struct config_item *item_at(
	const struct wire_config *c, enum config_kind kind, uint32_t i)
{
	return &c->items[kind][i];
}

/* A group of the top level that a line names: " key = value; …" */
static void put_named_group(FILE *out, const struct wire_config *c, const char *name)
{
	const struct schema_group *group = schema_field(&schema_root, str_of(name))->group;

	for (uint32_t i = 0; i < c->counts[CONFIG_GROUP]; i++)
		if (strcmp(item_at(c, CONFIG_GROUP, i)->name, name) == 0)
			put_group(out, group, item_at(c, CONFIG_GROUP, i), "", "");
}

static void put_groups(FILE *out, const struct wire_config *c)
{
	for (uint32_t i = 0; i < c->counts[CONFIG_GROUP]; i++) {
		const char *name = item_at(c, CONFIG_GROUP, i)->name;

		if (strcmp(name, "dataplane") == 0)
			continue;
		fprintf(out, "%s: {", name);
		put_named_group(out, c, name);
		fputs(" };\n", out);
	}
}

static void put_endpoint(FILE *out, const char *word)
{
	char text[IP_TEXT_BYTES];
	struct ip_addr addr;
	uint16_t port = 0;

	if (ip_port_parse(str_of(word), &addr, &port) != 0)
		wire_fail("not ADDRESS:PORT: %s", word);
	addr = config_address(&addr);
	ip_format(&addr, text);
	fprintf(out, ip_is_v4(&addr) ? "\"%s:%u\"" : "\"[%s]:%u\"", text, port);
}

static void put_port(FILE *out, const struct wire_config *c, unsigned side)
{
	static const char *const names[PORTS] = { "outside", "inside" };
	const char *list = c->ports[side].addresses, *item, *comma = "";
	size_t len;

	fprintf(out, "%s{ name = \"%s\"; device = \"%s\"; addresses = [ ", side ? ", " : "",
		names[side], names[side]);
	while (next_of(&list, &item, &len)) {
		struct ip_addr addr;
		char text[IP_TEXT_BYTES];
		uint8_t prefix;

		if (ip_prefix_parse((struct str){ item, (uint32_t)len }, &addr, &prefix))
			wire_fail("not ADDRESS/BITS: %s", item);
		if (six_sides[side] && ip_is_v4(&addr)) {
			addr = config_address(&addr);
			prefix += SIX_PREFIX_BITS;
		}
		ip_format(&addr, text);
		fprintf(out, "%s\"%s/%u\"", comma, text, prefix);
		comma = ", ";
	}
	fputs(" ]; }", out);
}

static void put_dataplane(FILE *out, const struct wire_config *c)
{
	fprintf(out, "version = 1;\ndataplane: { workers = %u;", c->workers);
	put_named_group(out, c, "dataplane");
	fputs(" ports = ( ", out);
	for (unsigned side = 0; side < PORTS; side++)
		put_port(out, c, side);
	fputs(" ); };\n", out);
}

static void put_certificate(FILE *out, const struct config_item *item)
{
	const struct certificate *cert =
		certificate_get(item->name, config_arg(item, "names", item->name));

	fprintf(out, " certificate = \"%s\"; key = \"%s\";", cert->cert_path, cert->key_path);
}

static void put_listener(FILE *out, const struct config_item *item)
{
	fputs(" port = \"outside\"; bind = ", out);
	put_endpoint(out, item->count ? item->words[0] : "");
	fputs(";", out);
	put_group(out, &schema_listener, item, "", "");
}

static void put_backend(FILE *out, const struct config_item *item)
{
	const char *comma = "";

	fputs(" endpoints = (", out);
	for (uint32_t i = 0; i < item->count; i++) {
		const char *star = strchr(item->words[i], '*');

		if (strchr(item->words[i], '='))
			continue;
		fprintf(out, "%s { address = ", comma);
		put_endpoint(
			out, star ? wire_text("%.*s", (int)(star - item->words[i]), item->words[i])
				  : item->words[i]);
		fprintf(out, "; weight = %s; }", star ? star + 1 : "1");
		comma = ",";
	}
	fputs(" );", out);
	put_group(out, &schema_backend, item, "", "");
}

/* "keys" of the script are texts; what a configuration holds of them is their digest. */
static void put_consumer(FILE *out, const struct config_item *item)
{
	const char *keys = config_arg(item, "key", NULL), *key, *comma = "";
	time_t expires = (time_t)text_number(config_arg(item, "expires", "0"), "expires");
	size_t len;

	put_group(out, &schema_consumer, item, "", "key= expires= ");
	fputs(" keys = (", out);
	while (next_of(&keys, &key, &len)) {
		uint8_t digest[SNAP_DIGEST_BYTES];
		char date[32] = "";

		EVP_Digest(key, len, digest, NULL, EVP_sha256(), NULL);
		fprintf(out, "%s { id = \"%.*s\"; sha256 = \"", comma, (int)len, key);
		for (unsigned i = 0; i < sizeof(digest); i++)
			fprintf(out, "%02x", digest[i]);
		if (expires && strftime(date, sizeof(date), "%FT%TZ", gmtime(&expires)))
			fprintf(out, "\"; expires = \"%s", date);
		fputs("\"; }", out);
		comma = ",";
	}
	fputs(" );", out);
}

/* Groups that are named by another one and by themselves: routes of an API, limits of a plan. */
static void put_of(FILE *out, const struct wire_config *c, enum config_kind kind, const char *owner,
	const struct schema_group *group)
{
	const size_t n = strlen(owner);
	const char *comma = "";

	for (uint32_t i = 0; i < c->counts[kind]; i++) {
		const struct config_item *item = item_at(c, kind, i);

		if (strncmp(item->name, owner, n) != 0 || item->name[n] != ' ')
			continue;
		fprintf(out, "%s {", comma);
		if (kind == CONFIG_ROUTE)
			fprintf(out, " path = \"%s\";", item->name + n + 1);
		put_group(out, group, item, "", "");
		fputs(" }", out);
		comma = ",";
	}
}

static void put_api(FILE *out, const struct wire_config *c, const struct config_item *item)
{
	put_group(out, &schema_api, item, "", "");
	fputs(" routes = (", out);
	put_of(out, c, CONFIG_ROUTE, item->name, &schema_route);
	fputs(" );", out);
}

static void put_plan(FILE *out, const struct wire_config *c, const struct config_item *item)
{
	put_group(out, &schema_plan, item, "", "");
	fputs(" limits = (", out);
	put_of(out, c, CONFIG_LIMIT, item->name, &schema_limit);
	fputs(" );", out);
}

static void put_items(
	FILE *out, const struct wire_config *c, enum config_kind kind, const char *section)
{
	fprintf(out, "%s = (", section);
	for (uint32_t i = 0; i < c->counts[kind]; i++) {
		const struct config_item *item = item_at(c, kind, i);

		fprintf(out, "%s\n { name = \"%s\";", i ? "," : "", item->name);
		if (kind == CONFIG_CERT)
			put_certificate(out, item);
		else if (kind == CONFIG_LISTENER)
			put_listener(out, item);
		else if (kind == CONFIG_BACKEND)
			put_backend(out, item);
		else if (kind == CONFIG_CREDENTIAL)
			put_group(out, &schema_credential, item, "", "");
		else if (kind == CONFIG_API)
			put_api(out, c, item);
		else if (kind == CONFIG_PLAN)
			put_plan(out, c, item);
		else
			put_consumer(out, item);
		fputs(" }", out);
	}
	fputs(" );\n", out);
}

static char *text_make(const struct wire_config *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		wire_fail("no memory");
	put_dataplane(out, c);
	put_items(out, c, CONFIG_CERT, "certificates");
	put_items(out, c, CONFIG_LISTENER, "listeners");
	put_items(out, c, CONFIG_BACKEND, "backends");
	put_items(out, c, CONFIG_CREDENTIAL, "credentials");
	put_items(out, c, CONFIG_API, "apis");
	put_items(out, c, CONFIG_PLAN, "plans");
	put_items(out, c, CONFIG_CONSUMER, "consumers");
	put_groups(out, c);
	if (fclose(out) != 0)
		wire_fail("no memory");
	return text;
}

/* What no configuration may say, in a copy of the gateway's part that is not asked whether it
 * may. */
static void set_backlogs(struct snapshot *s, uint32_t backlog)
{
	struct snapshot_part *was = s->parts[SNAP_KIND_GATEWAY], *part = malloc(sizeof(*part));
	struct snap_listener *listeners;

	if (!part)
		wire_fail("no memory");
	*part = *was;
	part->shares = 1;
	if (segment_create(
		    "wire", SEGMENT_SNAPSHOT, was->segment.length, BOOT_ID, &part->segment) != 0)
		wire_fail("no shared memory");
	memcpy((char *)part->segment.base + sizeof(struct segment_header),
		(const char *)was->segment.base + sizeof(struct segment_header),
		was->segment.length - sizeof(struct segment_header));
	for (unsigned id = 0; id < SNAP_SECTION_COUNT; id++) {
		if (snap_section_kind(id) != SNAP_KIND_GATEWAY)
			continue;
		part->sections[id].records =
			(const char *)part->segment.base +
			((const char *)was->sections[id].records - (const char *)was->segment.base);
		s->sections[id] = part->sections[id];
	}
	listeners = (struct snap_listener *)(uintptr_t)s->sections[SNAP_LISTENERS].records;
	for (uint32_t i = 0; i < s->sections[SNAP_LISTENERS].count; i++)
		listeners[i].backlog = backlog;
	s->parts[SNAP_KIND_GATEWAY] = part;
	snapshot_part_release(was);
}

void config_build(const struct wire_config *c, const struct snapshot *previous, uint64_t generation,
	struct snapshot *out, struct secrets *secrets)
{
	const struct compile_input input = {
		.previous = previous, .generation = generation, .boot_id = BOOT_ID
	};
	char *text = text_make(c);
	struct mistakes mistakes = { 0 };
	struct compiled compiled;

	if (compile_memory(text, &input, &mistakes, &compiled) != 0) {
		mistakes_print(&mistakes, stderr);
		fputs(text, stderr);
		wire_fail("the configuration was refused");
	}
	mistakes_free(&mistakes);
	free(text);
	if (secrets_open(&compiled.secrets, secrets) != 0)
		wire_fail("the secrets were not built");
	*out = compiled.snapshot;
	if (c->backlog)
		set_backlogs(out, c->backlog);
}
