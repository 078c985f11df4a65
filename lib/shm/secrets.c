/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and private keys as PEM, apart from the snapshot, so that only the dataplane and control
 * ever hold a descriptor of them. The pages stay out of core dumps.
 */
#include <errno.h>
#include <sys/mman.h>

#include "lib/shm/shm_priv.h"
#include "lib/shm/snapshot.h"

#define SECRETS_MAX     (1u << 14)
#define SECRETS_PEM_MAX (1u << 20)
#define SECRETS_TABLE   (sizeof(struct segment_header) + sizeof(struct secrets_header))
#define SECRETS_DATA(n) (SECRETS_TABLE + (uint64_t)(n) * sizeof(struct secrets_entry))

/* Out of core dumps, and not on the swap. A user's limit of locked memory may be in the way of the latter. */
static void secrets_shield(const struct segment *segment)
{
	(void)madvise(segment->base, segment->length, MADV_DONTDUMP);
	(void)mlock(segment->base, segment->length);
}

static void secrets_fill(
	uint8_t *base, const struct secrets_input *inputs, uint32_t count, uint64_t end)
{
	struct secrets_entry *entries = (void *)(base + SECRETS_TABLE);

	*(struct secrets_header *)(void *)(base + sizeof(struct segment_header)) =
		(struct secrets_header){ .count = count, .entry_bytes = sizeof(*entries) };
	for (uint32_t i = 0; i < count; i++) {
		const struct secrets_input *in = &inputs[i];

		entries[i].cert_offset = end;
		entries[i].cert_length = in->cert_pem.len;
		memcpy(base + end, in->cert_pem.data, in->cert_pem.len);
		end += in->cert_pem.len;
		entries[i].key_offset = end;
		entries[i].key_length = in->key_pem.len;
		memcpy(base + end, in->key_pem.data, in->key_pem.len);
		end += in->key_pem.len;
		memcpy(entries[i].fingerprint, in->fingerprint, sizeof(in->fingerprint));
	}
}

int secrets_build(const struct secrets_input *inputs, uint32_t count, uint64_t generation,
	uint64_t boot_id, struct segment *out)
{
	uint64_t length = SECRETS_DATA(count);
	int err;

	*out = segment_none();
	if (count > SECRETS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		if (inputs[i].cert_pem.len == 0 || inputs[i].cert_pem.len > SECRETS_PEM_MAX ||
			inputs[i].key_pem.len == 0 || inputs[i].key_pem.len > SECRETS_PEM_MAX)
			return -EINVAL;
		length += (uint64_t)inputs[i].cert_pem.len + inputs[i].key_pem.len;
	}
	err = segment_create("sluice-secrets", SEGMENT_SECRETS, length, boot_id, out);
	if (err)
		return err;
	secrets_fill(out->base, inputs, count, SECRETS_DATA(count));
	err = segment_seal(out, generation);
	if (err)
		segment_close(out);
	else
		secrets_shield(out);
	return err;
}

static bool pem_fits(uint64_t offset, uint32_t length, uint64_t begin, uint64_t end)
{
	return length >= 1 && length <= SECRETS_PEM_MAX && offset >= begin && offset <= end &&
	       length <= end - offset;
}

int secrets_open(struct segment *segment, struct secrets *out)
{
	const uint8_t *base = segment->base;
	const struct secrets_header *header;
	const struct secrets_entry *entries;

	*out = (struct secrets){ .segment = segment_none() };
	if (segment->length < SECRETS_TABLE)
		return -EBADMSG;
	header = (const void *)(base + sizeof(struct segment_header));
	entries = (const void *)(base + SECRETS_TABLE);
	if (header->count > SECRETS_MAX || header->entry_bytes != sizeof(*entries) ||
		SECRETS_DATA(header->count) > segment->length)
		return -EBADMSG;
	for (uint32_t i = 0; i < header->count; i++) {
		const struct secrets_entry *e = &entries[i];
		const uint64_t begin = SECRETS_DATA(header->count);

		if (!pem_fits(e->cert_offset, e->cert_length, begin, segment->length) ||
			!pem_fits(e->key_offset, e->key_length, begin, segment->length))
			return -EBADMSG;
	}
	secrets_shield(segment);
	*out = (struct secrets){ *segment, header->count, entries };
	*segment = segment_none();
	return 0;
}

void secrets_close(struct secrets *secrets)
{
	segment_close(&secrets->segment);
	*secrets = (struct secrets){ .segment = segment_none() };
}
