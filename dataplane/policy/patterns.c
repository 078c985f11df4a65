/* SPDX-License-Identifier: Apache-2.0 */
/* See patterns.h. */
#include "dataplane/policy/patterns.h"

#include <errno.h>
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A caller asks for one match of a pattern; a key never spans lines. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL)
#define PATTERNS_MAX  1024

struct pattern_head {
	uint32_t id, bytes; /* of the text, without its terminator */
};

int patterns_collect(const struct snapshot *snapshot, struct patterns *out)
{
	uint32_t count;
	const struct snap_credential *c = snap_records(snapshot, SNAP_CREDENTIALS, &count);
	size_t bytes = 0;
	char *at;

	*out = (struct patterns){ 0 };
	for (uint32_t i = 0; i < count; i++)
		if (c[i].shape_class == 0)
			bytes += sizeof(struct pattern_head) + c[i].pattern.length + 1;
	at = out->data = malloc(bytes + 1);
	if (!at)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct str text = snap_str(snapshot, c[i].pattern);
		const struct pattern_head head = { c[i].pattern_id, text.len };

		if (c[i].shape_class != 0)
			continue;
		if (memchr(text.data, 0, text.len)) {
			free(out->data);
			*out = (struct patterns){ 0 };
			return -EINVAL;
		}
		memcpy(at, &head, sizeof(head));
		memcpy(at + sizeof(head), text.data, text.len);
		at += sizeof(head) + text.len;
		*at++ = 0;
	}
	out->bytes = bytes;
	return 0;
}

struct pattern_list {
	const char *texts[PATTERNS_MAX];
	unsigned flags[PATTERNS_MAX], ids[PATTERNS_MAX];
	unsigned count;
};

static int patterns_list(const struct patterns *patterns, struct pattern_list *out)
{
	size_t at = 0;

	for (out->count = 0; at < patterns->bytes; out->count++) {
		struct pattern_head head;

		if (out->count == PATTERNS_MAX || patterns->bytes - at < sizeof(head))
			return -EINVAL;
		memcpy(&head, patterns->data + at, sizeof(head));
		at += sizeof(head);
		if (head.bytes >= patterns->bytes - at || patterns->data[at + head.bytes] != 0)
			return -EINVAL;
		out->texts[out->count] = patterns->data + at;
		out->flags[out->count] = PATTERN_FLAGS;
		out->ids[out->count] = head.id;
		at += head.bytes + 1;
	}
	return 0;
}

int patterns_compile(
	const struct patterns *patterns, char **out, size_t *out_bytes, char *why, size_t why_bytes)
{
	struct pattern_list *list = malloc(sizeof(*list));
	hs_compile_error_t *error = NULL;
	hs_database_t *database = NULL;
	int err = list ? patterns_list(patterns, list) : -ENOMEM;

	*out = NULL;
	if (err) {
		snprintf(why, why_bytes, "the patterns cannot be read: %s", strerror(-err));
	} else if (hs_valid_platform() != HS_SUCCESS) {
		snprintf(why, why_bytes, "this processor lacks what Hyperscan needs (SSSE3)");
		err = -ENOTSUP;
	} else if (hs_compile_multi(list->texts, list->flags, list->ids, list->count, HS_MODE_BLOCK,
			   NULL, &database, &error) != HS_SUCCESS ||
		   hs_serialize_database(database, out, out_bytes) != HS_SUCCESS) {
		snprintf(why, why_bytes, "the patterns do not compile: %s",
			error ? error->message : "out of memory");
		err = -EINVAL;
	}
	hs_free_compile_error(error);
	hs_free_database(database);
	free(list);
	return err;
}
