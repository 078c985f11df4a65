/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and writing heads, following a chunked body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/engine/engine.h"
#include "bench/micro/micro.h"
#include "dataplane/http/h1/http1.h"
#include "dataplane/http/h1/scan.h"

struct http {
	char request[1024], answer[1024], chunked[8192], out[4096];
	uint32_t request_bytes, answer_bytes, chunked_bytes;
	struct http1_head request_head, answer_head;
};

static const struct http1_limits limits = { 16384, 8192, 100 };

static uint64_t parse_request(void *ctx, uint32_t n)
{
	struct http *h = ctx;
	enum reason reason;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		http1_parse_request(
			h->request, h->request_bytes, 0, &limits, &h->request_head, &reason);
		sum += h->request_head.head_bytes;
	}
	return sum;
}

static uint64_t parse_answer(void *ctx, uint32_t n)
{
	struct http *h = ctx;
	enum reason reason;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		http1_parse_response(
			h->answer, h->answer_bytes, 0, &limits, HTTP_GET, &h->answer_head, &reason);
		sum += h->answer_head.head_bytes;
	}
	return sum;
}

static uint64_t write_request(void *ctx, uint32_t n)
{
	struct http *h = ctx;
	struct http_edits forward = {
		.client_ip = STR("100.64.0.17"),
		.proto = STR("http"),
		.via_name = STR("sluice"),
		.consumer = STR("consumer-123456"),
		.plan = STR("bronze"),
		.request_id = STR("0000000000012345"),
		.strip_field = STR("x-api-key"),
	};
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct http1_writer w = { h->out, sizeof(h->out), 0 };

		http1_write_request(&w, &h->request_head, &forward);
		sum += w.len;
	}
	return sum;
}

static uint64_t write_answer(void *ctx, uint32_t n)
{
	struct http *h = ctx;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct http1_writer w = { h->out, sizeof(h->out), 0 };

		http1_write_response(&w, &h->answer_head, STR("sluice"),
			STR("RateLimit-Policy: \"rate\";q=10;w=1\r\n"), true, false);
		sum += w.len;
	}
	return sum;
}

static uint64_t follow_chunks(void *ctx, uint32_t n)
{
	struct http *h = ctx;
	struct http1_head head = { .framing = HTTP1_BODY_CHUNKED };
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct http1_body body;
		enum reason reason;
		size_t used;

		http1_body_begin(&body, &head, false);
		http1_body_feed(&body, h->chunked, h->chunked_bytes, &used, &reason);
		sum += used;
	}
	return sum;
}

static void fill(struct http *h)
{
	char key[ENGINE_KEY_BYTES];

	engine_key_text(1, key);
	h->request_bytes = (uint32_t)snprintf(h->request, sizeof(h->request),
		"GET " ENGINE_PATH "0123456789abcdef HTTP/1.1\r\nHost: " ENGINE_HOST "\r\n"
		"X-API-Key: %.*s\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\n"
		"X-Client-Context: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop\r\n\r\n",
		ENGINE_KEY_BYTES, key);
	h->answer_bytes = (uint32_t)snprintf(h->answer, sizeof(h->answer),
		"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
		"Content-Type: application/octet-stream\r\nX-Request: 0123456789abcdef\r\n"
		"Content-Length: 1024\r\n\r\n");
	for (unsigned i = 0; i < 4; i++)
		h->chunked_bytes +=
			(uint32_t)sprintf(h->chunked + h->chunked_bytes, "100\r\n%0256u\r\n", i);
	h->chunked_bytes += (uint32_t)sprintf(h->chunked + h->chunked_bytes, "0\r\n\r\n");
}

void micro_http(struct micro *m)
{
	static const struct {
		enum http1_isa isa;
		const char *name;
	} isas[] = { { HTTP1_SCALAR, "request head parse, scalar" },
		{ HTTP1_SSE, "request head parse, SSE" },
		{ HTTP1_AVX2, "request head parse, AVX2" },
		{ HTTP1_AVX512, "request head parse, AVX-512" },
		{ HTTP1_NEON, "request head parse, NEON" } };
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return;
	fill(h);
	parse_request(h, 1);
	parse_answer(h, 1);
	for (unsigned i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
		if (http1_scan_choose(isas[i].isa))
			micro_run(m, isas[i].name, 1, parse_request, h);
	micro_run(m, "response head parse", 1, parse_answer, h);
	micro_run(m, "request head write", 1, write_request, h);
	micro_run(m, "response head write", 1, write_answer, h);
	micro_run(m, "chunked, 4 chunks of 256", 1, follow_chunks, h);
	free(h);
}
