/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generator says and how it checks what it hears. Both messages are templates in which the
 * id and the key are filled in, so that a request costs a copy. Content is made of a table of
 * random words, the id and the position, 8 bytes at a time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/engine/engine_priv.h"

#define ID_DIGITS 16

static uint16_t hex_pairs[256];

static void hex_init(void)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 256; i++) {
		char pair[2] = { digits[i >> 4], digits[i & 15] };

		memcpy(&hex_pairs[i], pair, 2);
	}
}

static void hex_put(uint64_t value, char *out)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(out + 2 * i, &hex_pairs[value >> (56 - 8 * i) & 0xff], 2);
}

void engine_key_text(uint64_t key, char *out)
{
	if (!hex_pairs[0])
		hex_init();
	memcpy(out, "ak_live_", 8);
	hex_put(mix64(2 * key + 1), out + 8);
	hex_put(mix64(2 * key + 2), out + 24);
}

uint32_t engine_consumer_name(uint64_t key, char *out)
{
	return (uint32_t)snprintf(out, 24, "consumer-%llu", (unsigned long long)key);
}

/* Keys drawn by Zipf's law from a cumulative table, once; requests then pick one of the drawn. */
static bool draw_popular(struct engine *e)
{
	uint32_t n = e->config.keys;
	double *upto = malloc(n * sizeof(*upto)), sum = 0;
	uint64_t random = 12345;

	e->popular = malloc(POPULAR_SAMPLES * sizeof(*e->popular));
	if (!upto || !e->popular) {
		free(upto);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		upto[i] = sum += 1.0 / pow(i + 1, e->config.zipf);
	for (uint32_t i = 0; i < POPULAR_SAMPLES; i++) {
		double at = (double)(random = mix64(random)) / 18446744073709551616.0 * sum;
		uint32_t low = 0, high = n - 1;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (upto[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		/* The popular ones are not neighbours in any table. */
		e->popular[i] = (uint32_t)(mix64(low) % n);
	}
	free(upto);
	return true;
}

uint32_t message_key(const struct engine *e, uint64_t id)
{
	uint64_t random = mix64(id);

	if (e->popular)
		return e->config.first_key + e->popular[random & (POPULAR_SAMPLES - 1)];
	return e->config.first_key + (uint32_t)((unsigned __int128)random * e->config.keys >> 64);
}

__attribute__((format(printf, 2, 3))) static void put(struct template *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->bytes +=
		(uint32_t)vsnprintf(t->text + t->bytes, sizeof(t->text) - t->bytes, format, args);
	va_end(args);
}

static bool make_request(struct engine *e, struct template *t, bool last)
{
	static const char filler_name[] = "X-Client-Context: ";
	uint32_t wanted = e->config.head_bytes, filler;

	put(t, "GET " ENGINE_PATH);
	t->id_at = t->bytes;
	put(t, "%0*d HTTP/1.1\r\nHost: " ENGINE_HOST "\r\n", ID_DIGITS, 0);
	if (e->config.keys) {
		put(t, "X-API-Key: ");
		t->key_at = t->bytes;
		put(t, "%0*d\r\n", ENGINE_KEY_BYTES, 0);
	}
	put(t, "User-Agent: bench/1.0\r\nAccept: application/json\r\n");
	if (last)
		put(t, "Connection: close\r\n");
	filler = (uint32_t)strlen(filler_name) + 4;
	if (wanted < t->bytes + filler + 1 || wanted > sizeof(t->text) - 1 || wanted > MSS - 12)
		return false;
	put(t, "%s", filler_name);
	while (t->bytes + 4 < wanted)
		t->text[t->bytes] = (char)('a' + t->bytes % 26), t->bytes++;
	put(t, "\r\n\r\n");
	return true;
}

bool message_init(struct engine *e)
{
	hex_init();
	for (uint32_t i = 0; i < 128; i++)
		e->pattern[i] = mix64(1000 + i);
	if (!make_request(e, &e->request[0], false) || !make_request(e, &e->request[1], true))
		return false;
	put(&e->answer,
		"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
		"Content-Type: application/octet-stream\r\nX-Request: ");
	e->answer.id_at = e->answer.bytes;
	put(&e->answer, "%0*d\r\nContent-Length: %u\r\n\r\n", ID_DIGITS, 0, e->config.body_bytes);
	return e->config.keys == 0 || e->config.zipf == 0 || draw_popular(e);
}

uint32_t message_request(const struct engine *e, uint64_t id, bool last, char *out)
{
	const struct template *t = &e->request[last];

	memcpy(out, t->text, t->bytes);
	hex_put(id, out + t->id_at);
	if (t->key_at)
		engine_key_text(message_key(e, id), out + t->key_at);
	return t->bytes;
}

void message_answer_head(const struct engine *e, uint64_t id, char *out)
{
	memcpy(out, e->answer.text, e->answer.bytes);
	hex_put(id, out + e->answer.id_at);
}

static inline uint64_t content_word(const struct engine *e, uint64_t salt, uint32_t word)
{
	return (e->pattern[word % 128] ^ salt) + word / 128;
}

void message_content(const struct engine *e, uint64_t id, uint32_t at, uint32_t len, char *out)
{
	uint64_t salt = mix64(id ^ 0x5eed), w;
	uint32_t word = at / 8, n;

	if (at % 8) {
		w = content_word(e, salt, word++);
		n = RTE_MIN(8 - at % 8, len);
		memcpy(out, (char *)&w + at % 8, n);
		out += n;
		len -= n;
	}
	/* Runs within one period of the table, which the compiler makes vectors of. */
	while (len >= 8) {
		uint32_t first = word % 128, run = RTE_MIN(len / 8, 128 - first);
		uint64_t more = word / 128;

		for (uint32_t i = 0; i < run; i++) {
			w = (e->pattern[first + i] ^ salt) + more;
			memcpy(out + 8 * i, &w, 8);
		}
		out += 8 * run;
		len -= 8 * run;
		word += run;
	}
	if (len) {
		w = content_word(e, salt, word);
		memcpy(out, &w, len);
	}
}

bool engine_content_right(
	const struct engine *e, uint64_t id, uint32_t at, const char *data, uint32_t len)
{
	char expected[2048];

	while (len) {
		uint32_t n = RTE_MIN(len, (uint32_t)sizeof(expected));

		message_content(e, id, at, n, expected);
		if (memcmp(expected, data, n) != 0)
			return false;
		at += n;
		data += n;
		len -= n;
	}
	return true;
}

bool message_id(const char *hex, uint64_t *id)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < ID_DIGITS; i++) {
		uint8_t c = (uint8_t)hex[i];
		uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);

		if (digit > 15)
			return false;
		value = value << 4 | digit;
	}
	*id = value;
	return true;
}

bool message_forwarded_right(const struct engine *e, uint64_t id, const char *head, uint32_t len)
{
	char wanted[64] = "Sluice-Consumer: ", name[24];

	if (e->config.keys == 0)
		return true;
	engine_consumer_name(message_key(e, id), name);
	strcat(wanted, name);
	strcat(wanted, "\r\n");
	return memmem(head, len, wanted, strlen(wanted)) && !memmem(head, len, "ak_live_", 8);
}

/* Heads of one run are mostly of one length: look there first. An empty line within the content
 * may be taken for it with a chance of 2^-32, and then the content is found wrong. */
uint32_t message_head_end(struct engine *e, const char *data, uint32_t len)
{
	const char *end;

	if (e->head_seen && len >= e->head_seen &&
		memcmp(data + e->head_seen - 4, "\r\n\r\n", 4) == 0)
		return e->head_seen;
	end = memmem(data, len, "\r\n\r\n", 4);
	if (!end)
		return 0;
	e->head_seen = (uint32_t)(end - data) + 4;
	return e->head_seen;
}

bool message_length(struct engine *e, const char *head, uint32_t len, uint32_t *value)
{
	static const char name[] = "\r\nContent-Length: ";
	const uint32_t n = sizeof(name) - 1;
	const char *at = head + e->length_seen, *end = head + len;

	if (e->length_seen == 0 || e->length_seen + n > len || memcmp(at, name, n) != 0) {
		at = memmem(head, len, name, n);
		if (!at)
			return false;
		e->length_seen = (uint32_t)(at - head);
	}
	*value = 0;
	for (at += n; at < end && *at >= '0' && *at <= '9'; at++)
		*value = *value * 10 + (uint32_t)(*at - '0');
	return true;
}
