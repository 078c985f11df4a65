/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: read from the secrets, and chosen by the name the client asks for (RFC 6066 §3). */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/tls/tls_priv.h"

static struct str secret_text(const struct secrets *secrets, uint64_t offset, uint32_t length)
{
	return (struct str){ (const char *)secrets->segment.base + offset, length };
}

bool tls_cert_load(struct tls_cert *cert, OSSL_LIB_CTX *library, const struct secrets *secrets,
	uint32_t index, char *why, size_t why_bytes)
{
	const struct secrets_entry *entry = &secrets->entries[index];
	const char *problem = tls_cert_read(cert, library,
		secret_text(secrets, entry->cert_offset, entry->cert_length),
		secret_text(secrets, entry->key_offset, entry->key_length));

	if (problem != NULL)
		snprintf(why, why_bytes, "%s", problem);
	return problem == NULL;
}

static int text_compare(struct str a, struct str b)
{
	const uint32_t shorter = a.len < b.len ? a.len : b.len;
	const int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* By name; exact before wildcard, then in the listener's order of certificates. */
static int name_compare(const void *left, const void *right)
{
	const struct tls_name *a = left, *b = right;
	int order = text_compare(a->name, b->name);

	if (order == 0)
		order = a->wildcard - b->wildcard;
	return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static const struct tls_name *name_find(
	const struct tls_listener *listener, struct str name, bool wildcard)
{
	uint32_t low = 0, high = listener->name_count;

	/* The first that is not before what is looked for. */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct tls_name *at = &listener->names[middle];
		const int order = text_compare(at->name, name);

		if (order < 0 || (order == 0 && at->wildcard < wildcard))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == listener->name_count || !str_equal(listener->names[low].name, name) ||
		listener->names[low].wildcard != wildcard)
		return NULL;
	return &listener->names[low];
}

uint32_t tls_names_choose(const struct tls_listener *listener, struct str server_name)
{
	const struct tls_name *found = name_find(listener, server_name, false);
	const char *dot =
		server_name.len > 0 ? memchr(server_name.data, '.', server_name.len) : NULL;

	/* "*" stands for one label (RFC 6125 §6.4.3). */
	if (found == NULL && dot != NULL && dot != server_name.data) {
		const uint32_t label = (uint32_t)(dot - server_name.data) + 1;

		found = name_find(listener, (struct str){ dot + 1, server_name.len - label }, true);
	}
	return found != NULL ? found->cert : listener->default_cert;
}

/* Room for a listener's names and their text: a connection may need them when the snapshot is
 * gone. */
static bool names_alloc(struct tls_listener *listener, const struct snapshot *snapshot,
	const struct snap_listener *record)
{
	size_t count = 1, bytes = 1;

	for (uint32_t i = 0; i < record->certs.count; i++) {
		const uint32_t cert =
			SNAP_INDEX_AT(snapshot, SNAP_LISTENER_CERTS, record->certs.first + i);
		const struct snap_range names =
			SNAP_AT(snapshot, SNAP_CERTS, snap_cert, cert)->names;

		count += names.count;
		for (uint32_t n = names.first; n < names.first + names.count; n++)
			bytes += SNAP_AT(snapshot, SNAP_CERT_NAMES, snap_text, n)->length;
	}
	listener->names = calloc(count, sizeof(*listener->names));
	listener->text = malloc(bytes);
	return listener->names != NULL && listener->text != NULL;
}

bool tls_names_fill(struct tls_listener *listener, const struct snapshot *snapshot,
	const struct snap_listener *record)
{
	char *text;

	if (!names_alloc(listener, snapshot, record))
		return false;
	text = listener->text;
	for (uint32_t i = 0; i < record->certs.count; i++) {
		const uint32_t cert =
			SNAP_INDEX_AT(snapshot, SNAP_LISTENER_CERTS, record->certs.first + i);
		const struct snap_range names =
			SNAP_AT(snapshot, SNAP_CERTS, snap_cert, cert)->names;

		for (uint32_t n = names.first; n < names.first + names.count; n++) {
			struct str name = snap_str(
				snapshot, *SNAP_AT(snapshot, SNAP_CERT_NAMES, snap_text, n));
			const bool wildcard = str_starts(name, STR("*."));

			if (wildcard)
				name = (struct str){ name.data + 2, name.len - 2 };
			memcpy(text, name.data, name.len);
			name.data = text;
			text += name.len;
			listener->names[listener->name_count++] =
				(struct tls_name){ name, wildcard, i, cert };
		}
	}
	qsort(listener->names, listener->name_count, sizeof(*listener->names), name_compare);
	return true;
}
