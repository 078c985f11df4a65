/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluicectl key new: a fresh key, shown once, and what goes into the configuration instead of it.
 * 32 characters out of 62 are 190 bits; they are drawn without a bias from the kernel's generator.
 */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "control/ctl/key.h"

#define KEY_CHARACTERS 32
#define PREFIX_MAX     64

static bool key_draw(char *out, unsigned count)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char byte;

	for (unsigned i = 0; i < count;) {
		if (getrandom(&byte, 1, 0) != 1)
			return false;
		/* 248 is the largest multiple of 62 in a byte. */
		if (byte < 248)
			out[i++] = alphabet[byte % 62];
	}
	return true;
}

static void digest_hex(const char *key, char *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)key, strlen(key), digest);
	for (unsigned i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static_assert(CTL_KEY_BYTES == PREFIX_MAX + KEY_CHARACTERS + 1, "a key fits");
static_assert(CTL_DIGEST_BYTES == 2 * SHA256_DIGEST_LENGTH + 1, "a digest fits");

int ctl_key_make(const struct ctl *ctl, char *key, char *digest)
{
	const char *prefix = ctl->prefix ? ctl->prefix : "ak_live_";
	size_t len = strlen(prefix);

	for (const char *p = prefix; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
			len = PREFIX_MAX + 1;
	if (len > PREFIX_MAX) {
		fprintf(stderr,
			"sluicectl key: the prefix must be at most %d printable characters\n",
			PREFIX_MAX);
		return CTL_USAGE;
	}
	memcpy(key, prefix, len);
	key[len + KEY_CHARACTERS] = '\0';
	if (!key_draw(key + len, KEY_CHARACTERS)) {
		fprintf(stderr, "sluicectl key: no random numbers: %s\n", strerror(errno));
		return CTL_FAILED;
	}
	digest_hex(key, digest);
	return CTL_OK;
}

static int key_new(const struct ctl *ctl)
{
	char key[CTL_KEY_BYTES], hex[CTL_DIGEST_BYTES];
	int rc = ctl_key_make(ctl, key, hex);

	if (rc != CTL_OK)
		return rc;
	if (ctl->json) {
		ctl_print_json(json_pack("{s:s, s:s}", "key", key, "sha256", hex));
	} else {
		printf("%s\n\n", key);
		printf("This is the only time that the key is shown: give it to its owner.\n"
		       "For the consumer's keys in the configuration:\n\n"
		       "    { id = \"k1\"; sha256 = \"%s\"; }\n",
			hex);
	}
	OPENSSL_cleanse(key, sizeof(key));
	return CTL_OK;
}

/* The digest of a key that exists already; from standard input, so that it stays out of the shell's
 * history and the list of processes. */
static int key_digest(const struct ctl *ctl)
{
	char key[4096], hex[2 * SHA256_DIGEST_LENGTH + 1];

	if (!fgets(key, sizeof(key), stdin)) {
		fprintf(stderr, "sluicectl key digest: write the key to standard input\n");
		return CTL_FAILED;
	}
	key[strcspn(key, "\r\n")] = '\0';
	digest_hex(key, hex);
	OPENSSL_cleanse(key, sizeof(key));
	printf(ctl->json ? "{\"sha256\": \"%s\"}\n" : "%s\n", hex);
	return CTL_OK;
}

int ctl_key(const struct ctl *ctl)
{
	char **a = ctl->arguments;

	if (ctl->argument_count == 1 && strcmp(a[0], "new") == 0)
		return key_new(ctl);
	if (ctl->argument_count == 1 && strcmp(a[0], "digest") == 0)
		return key_digest(ctl);
	if (ctl->argument_count == 3 && strcmp(a[0], "add") == 0)
		return ctl_key_add(ctl, a[1], a[2]);
	if (ctl->argument_count == 3 && strcmp(a[0], "revoke") == 0 && !ctl->digest)
		return ctl_key_revoke(ctl, a[1], a[2]);
	if (ctl->argument_count == 1 && strcmp(a[0], "revoke") == 0 && ctl->digest)
		return ctl_key_revoke(ctl, NULL, NULL);
	fprintf(stderr, "sluicectl key: 'key new', 'key digest', 'key add CONSUMER ID', "
			"'key revoke CONSUMER ID' or 'key revoke --digest HEX'\n");
	return CTL_USAGE;
}
