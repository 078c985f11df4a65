/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What finding a route costs with 10 and with 50,000 routes: `meson test --benchmark route`. Two
 * ways of asking: the same few routes over and over (tables in the cache, what the code costs), and
 * all of them in random order (each request at a cold one, what memory adds).
 */
#include <stdio.h>
#include <x86intrin.h>

#include "dataplane/http/message.h"
#include "dataplane/route/route.h"
#include "tests/unit/route/snap_fixture.h"

#define REQUESTS   20000
#define ROUNDS     20
#define PATH_BYTES 29

static void measure(uint32_t routes, uint32_t asked)
{
	static const char *const hosts[] = { "api.shop.example", "*.shop.example" };
	static char paths[REQUESTS][64];
	struct fixture f = fixture_begin();
	uint32_t weight = 1, backend, found = 0;
	uint64_t seed = 42, best = UINT64_MAX;
	struct route_table *table;
	struct snapshot snapshot;
	struct snap_api api;

	fixture_listener(&f, "public", (struct snap_range){ 0 });
	backend = fixture_backend(&f, "b", &weight, 1, 1000);
	api = fixture_api(&f, "shop", NULL, 0, hosts, 2);
	for (uint32_t i = 0; i < routes; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/v1/service-%05u", i);
		fixture_route(&f, &api, path, SNAP_PATH_PREFIX, 1 << HTTP_GET, backend);
	}
	fixture_api_end(&f, &api);
	fixture_open(&f, 1, &snapshot);
	table = route_table_create(&snapshot);
	for (uint32_t i = 0; i < REQUESTS; i++)
		snprintf(paths[i], sizeof(paths[i]), "/v1/service-%05u/orders/%04u",
			(uint32_t)(fixture_random(&seed) % asked), i % 10000);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = __rdtsc(), cycles;

		for (uint32_t i = 0; i < REQUESTS; i++) {
			struct route_match match;

			found += route_find(table, 0, STR("api.shop.example"),
					 (struct str){ paths[i], PATH_BYTES }, HTTP_GET,
					 &match) == REASON_PROXIED;
		}
		cycles = (__rdtsc() - start) / REQUESTS;
		best = cycles < best ? cycles : best;
	}
	printf("%6u routes, %6u asked for: %4llu cycles\n", routes, asked,
		(unsigned long long)best);
	if (found != REQUESTS * ROUNDS)
		printf("only %u found\n", found);
	route_table_destroy(table);
	snapshot_close(&snapshot);
}

int main(void)
{
	measure(10, 10);
	measure(50000, 10);
	measure(50000, 1000);
	measure(50000, 50000);
	return 0;
}
