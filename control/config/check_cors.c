/* SPDX-License-Identifier: Apache-2.0 */
/* The check of CORS settings: origins in the one form in which browsers send them, lists of names. */
#include <ctype.h>

#include "dataplane/route/cors.h"
#include "lib/shm/snapshot.h"

#include "control/config/check_priv.h"

/* What is behind the scheme's "://"; .data is NULL for a text without one. */
static struct str origin_authority(struct str origin)
{
	uint32_t i = 0;

	while (i < origin.len && (islower((unsigned char)origin.data[i]) ||
					 (i > 0 && (isdigit((unsigned char)origin.data[i]) ||
							   strchr("+-.", origin.data[i])))))
		i++;
	if (i == 0 || !str_starts((struct str){ origin.data + i, origin.len - i }, STR("://")))
		return (struct str){ NULL, 0 };
	return (struct str){ origin.data + i + 3, origin.len - i - 3 };
}

/* Takes ":port" off an authority. @return why it is none, or NULL */
static const char *origin_port_flaw(struct str origin, struct str *authority)
{
	uint32_t digits = 0;
	unsigned long port = 0;

	while (digits < authority->len &&
		isdigit((unsigned char)authority->data[authority->len - 1 - digits]))
		digits++;
	if (digits == authority->len || authority->data[authority->len - 1 - digits] != ':')
		return NULL;
	authority->len -= digits + 1;
	for (uint32_t i = 0; i < digits && port <= UINT16_MAX; i++)
		port = port * 10 + (unsigned long)(authority->data[authority->len + 1 + i] - '0');
	if (port == 0 || port > UINT16_MAX || authority->data[authority->len + 1] == '0')
		return "has no port of 1 to 65535";
	if ((str_starts(origin, STR("http:")) && port == 80) ||
		(str_starts(origin, STR("https:")) && port == 443))
		return "has the port that its scheme has anyway: browsers leave it out";
	return NULL;
}

static bool origin_is_address(struct str host)
{
	char text[IP_TEXT_BYTES];
	struct ip_addr addr;

	if (host.len < 3 || host.data[0] != '[' || host.data[host.len - 1] != ']' ||
		ip_parse((struct str){ host.data + 1, host.len - 2 }, &addr) != 0 ||
		ip_is_v4(&addr))
		return false;
	ip_format(&addr, text);
	return str_equal(str_of(text), (struct str){ host.data + 1, host.len - 2 });
}

/* Why no browser sends such an origin, or NULL (RFC 6454 §6.2, URL standard §4.5). */
static const char *origin_flaw(struct str origin)
{
	struct str host = origin_authority(origin);
	const char *flaw;

	for (uint32_t i = 0; i < origin.len; i++)
		if (isupper((unsigned char)origin.data[i]))
			return "has capitals: browsers send small letters";
	if (!host.data)
		return "has no scheme: write \"https://shop.example\"";
	for (uint32_t i = 0; i < host.len; i++)
		if (strchr("/?#@", host.data[i]))
			return "is more than a scheme, a host and a port: an origin has no path and "
			       "no slash at its end";
	if (memchr(host.data, '*', host.len))
		return "has a '*': write each origin, or \"*\" alone for any";
	flaw = origin_port_flaw(origin, &host);
	if (flaw)
		return flaw;
	if (!origin_is_address(host) && !check_is_host(host))
		return "has no host, or one that browsers write in another way";
	return origin.len > SNAP_CORS_ORIGIN_BYTES_MAX ? "is too long" : NULL;
}

/* "*" and "null" are words. */
static void check_origin(
	struct check *c, const struct cfg_cors *cors, const struct cfg_value *origin)
{
	const struct str text = origin->text;
	const char *flaw;

	if (str_equal(text, STR("*"))) {
		if (cors->origins.count > 1)
			mistake_add(c->mistakes, origin->at,
				"'*' is any origin: it stands alone in 'origins'");
		else if (cors->credentials.valid && cors->credentials.number)
			mistake_add(c->mistakes, origin->at,
				"'*' cannot be with 'credentials': any page could act for its visitors");
		return;
	}
	if (str_equal(text, STR("null"))) {
		mistake_warn(c->mistakes, origin->at,
			"origin 'null' is that of any file and of any page in a sandbox");
		return;
	}
	flaw = origin_flaw(text);
	if (flaw)
		mistake_add(c->mistakes, origin->at, "origin '%.*s' %s", (int)text.len, text.data,
			flaw);
}

/* A value that comes twice. */
static void check_twice(struct check *c, const struct cfg_list *list, uint32_t i, const char *noun)
{
	const struct cfg_value *value = CFG_ITEM(*list, struct cfg_value, i);

	for (uint32_t j = 0; j < i; j++)
		if (str_equal_nocase(CFG_ITEM(*list, struct cfg_value, j)->text, value->text)) {
			mistake_add(c->mistakes, value->at, "%s '%.*s' is in the list already",
				noun, (int)value->text.len, value->text.data);
			return;
		}
}

static void check_origins(struct check *c, const struct cfg_cors *cors)
{
	for (uint32_t i = 0; i < cors->origins.count; i++) {
		const struct cfg_value *origin = CFG_ITEM(cors->origins, struct cfg_value, i);

		if (!origin->valid)
			continue;
		check_origin(c, cors, origin);
		check_twice(c, &cors->origins, i, "origin");
	}
	if (cors->origins.count > SNAP_CORS_ORIGINS_MAX)
		mistake_add(c->mistakes, cors->origins.at, "too many origins: at most %d",
			SNAP_CORS_ORIGINS_MAX);
}

/* @param name  of the setting, for messages */
static void check_names_of_fields(
	struct check *c, const struct cfg_cors *cors, const struct cfg_list *list, const char *name)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct cfg_value *field = CFG_ITEM(*list, struct cfg_value, i);

		if (!field->valid)
			continue;
		bytes += field->text.len + 2;
		check_twice(c, list, i, "field");
		if (!snap_field_is_name(field->text))
			mistake_add(c->mistakes, field->at, "'%.*s' is no name of a header field",
				(int)field->text.len, field->text.data);
		else if (str_equal(field->text, STR("*")) && cors->credentials.valid &&
			 cors->credentials.number)
			mistake_add(c->mistakes, field->at,
				"'*' in '%s' is the name of a field with 'credentials': write each",
				name);
	}
	if (bytes > SNAP_CORS_LIST_BYTES_MAX)
		mistake_add(c->mistakes, list->at, "'%s' has too many names: at most %d bytes",
			name, SNAP_CORS_LIST_BYTES_MAX);
}

void check_cors(struct check *c, struct cfg_cors *cors)
{
	if (!cors->place.set)
		return;
	check_origins(c, cors);
	check_methods(c, &cors->methods);
	check_names_of_fields(c, cors, &cors->fields, "fields");
	check_names_of_fields(c, cors, &cors->expose, "expose");
}

static void check_not_of_cors(struct check *c, const struct cfg_value *name)
{
	if (name->valid && cors_is_field(name->text))
		mistake_add(c->mistakes, name->at, "'%.*s' is written by 'cors' here",
			(int)name->text.len, name->text.data);
}

void check_cors_edits(struct check *c, const struct cfg_edit_fields *response)
{
	for (uint32_t i = 0; i < response->remove.count; i++)
		check_not_of_cors(c, CFG_ITEM(response->remove, struct cfg_value, i));
	for (uint32_t i = 0; i < response->set.count; i++)
		check_not_of_cors(c, &CFG_ITEM(response->set, struct cfg_edit_field, i)->name);
	for (uint32_t i = 0; i < response->add.count; i++)
		check_not_of_cors(c, &CFG_ITEM(response->add, struct cfg_edit_field, i)->name);
}
