/* SPDX-License-Identifier: Apache-2.0 */
/* Slots over generations, and what a configuration becomes in a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/compile/compile.h"
#include "control/compile/slots.h"
#include "dataplane/http/message.h"

#define NAME(text) ((struct slot_name){ STR(text) })

static void a_name_keeps_its_slot(void **state)
{
	struct slots *s = slots_new(8);

	slots_had(s, NAME("a"), 3);
	slots_had(s, (struct slot_name){ STR("b"), STR("v1") }, 1);
	slots_want(s, NAME("a"));
	slots_want(s, (struct slot_name){ STR("b"), STR("v1") });
	slots_want(s, (struct slot_name){ STR("b"), STR("v2") });
	assert_int_equal(slots_take(s, (struct slot_name){ STR("b"), STR("v2") }), 4);
	assert_int_equal(slots_take(s, NAME("a")), 3);
	assert_int_equal(slots_take(s, (struct slot_name){ STR("b"), STR("v1") }), 1);
	slots_free(s);
}

static void the_slots_of_the_gone_are_given_away_last(void **state)
{
	struct slots *s = slots_new(4);

	slots_had(s, NAME("gone"), 0);
	slots_had(s, NAME("stays"), 2);
	slots_had(s, NAME("beyond"), 9);
	slots_want(s, NAME("stays"));
	assert_int_equal(slots_take(s, NAME("x")), 3);
	assert_int_equal(slots_take(s, NAME("y")), 1);
	assert_int_equal(slots_take(s, NAME("z")), 0);
	assert_int_equal(slots_take(s, NAME("w")), SNAP_NONE);
	assert_int_equal(slots_take(s, NAME("stays")), 2);
	slots_free(s);
}

static void the_one_that_went_first_gives_its_slot_away_first(void **state)
{
	struct slots *s = slots_new(3);

	slots_had(s, NAME("first"), 2);
	slots_had(s, NAME("second"), 0);
	slots_had(s, NAME("third"), 1);
	slots_want(s, NAME("second"));
	assert_int_equal(slots_take(s, NAME("x")), 2);
	assert_true(slots_rests(s, 1));
	assert_false(slots_rests(s, 0));
	assert_false(slots_rests(s, 2));
	assert_int_equal(slots_take(s, NAME("y")), 1);
	assert_int_equal(slots_take(s, NAME("z")), SNAP_NONE);
	slots_free(s);
}

static const char text_format[] =
	"version = 1;\n"
	"dataplane: { ports = ( { name = \"p\"; device = \"auto:eth0\"; addresses = [ "
	"\"10.0.0.1/24\" ]; } ); };\n"
	"listeners = ( { name = \"web\"; port = \"p\"; bind = \"10.0.0.1:80\"; } %s );\n"
	"backends = ( { name = \"b\"; endpoints = ( { address = \"10.0.0.2:80\"; weight = %u; } ); } );\n"
	"credentials = ( { name = \"key\"; in = \"header\"; header = \"X-API-Key\"; pattern = "
	"\"%s\"; } );\n"
	"apis = ( { name = \"a\"; hosts = [ \"API.Example\" ]; auth = [ \"key\" ]; routes = (\n"
	"    { path = \"/x/*\"; methods = [ \"GET\", \"PUT\" ]; backend = \"b\"; timeout = \"%us\"; },\n"
	"    { path = \"/*\"; backend = \"b\"; } ); },\n"
	"  { name = \"a\"; version = \"v2\"; auth = [ \"key\" ]; routes = ( { path = \"/2\"; "
	"backend = \"b\"; } ); } );\n"
	"plans = ( { name = \"p1\"; apis = [ \"a\" ]; limits = ( { quota = \"5/day\"; }, { rate = \"3/s\"; }, "
	"{ rate = \"100/min\"; burst = 7; } ); },\n"
	"  { name = \"p2\"; apis = [ \"a/v2\" ]; soft = true; } );\n"
	"consumers = ( { name = \"c\"; plan = \"%s\"; keys = ( { id = \"k\"; sha256 = "
	"\"abababababababababababababababababababababababababababababababab\"; } ); },\n"
	"  { name = \"d\"; plan = \"p2\"; keys = ( { id = \"k\"; sha256 = "
	"\"cdababababababababababababababababababababababababababababababab\"; } ); } );\n%s";

static const char *listeners = "";
static unsigned weight = 5;     /* of the endpoint */
static unsigned timeout = 2;    /* of a route */
static const char *plan = "p1"; /* of a consumer */

static void compile(const char *pattern, const char *more, const struct snapshot *previous,
	bool running, struct mistakes *mistakes, struct compiled *out)
{
	struct config config;
	struct compile_input input = { .config = &config,
		.previous = previous,
		.running = running,
		.generation = previous ? previous->generation + 1 : 1,
		.boot_id = 7 };
	char text[4096];

	snprintf(text, sizeof(text), text_format, listeners, weight, pattern, timeout, plan, more);
	*mistakes = (struct mistakes){ 0 };
	assert_int_equal(config_load_text(&config, text, mistakes), 0);
	config_check(&config, mistakes);
	snapshot_compile(&input, mistakes, out);
	config_free(&config);
}

static void routes_hosts_and_limits_arrive(void **state)
{
	struct mistakes m;
	struct compiled c;
	const struct snap_limit *l;
	const struct snapshot *s = &c.snapshot;

	compile("^k_[a-z]{8}$", "", NULL, false, &m, &c);
	assert_int_equal(m.count, 0);
	assert_true(
		str_equal(snap_str(s, *SNAP_AT(s, SNAP_HOSTS, snap_text, 0)), STR("api.example")));
	assert_true(str_equal(snap_str(s, *SNAP_AT(s, SNAP_HOSTS, snap_text, 1)), STR("*")));

	const struct snap_route *r = SNAP_AT(s, SNAP_ROUTES, snap_route, 0);

	assert_true(str_equal(snap_str(s, r->path), STR("/x")));
	assert_int_equal(r->kind, SNAP_PATH_PREFIX);
	assert_int_equal(r->methods, 1u << HTTP_GET | 1u << HTTP_PUT);
	assert_int_equal(r->timeout_ms, 2000);
	assert_int_equal(r[1].path.length, 0);
	assert_int_equal(r[2].kind, SNAP_PATH_EXACT);

	/* A quota takes the last word, rates the first ones; T is rounded up. */
	l = SNAP_AT(s, SNAP_LIMITS, snap_limit, 0);
	assert_int_equal(l[0].kind, SNAP_LIMIT_QUOTA);
	assert_int_equal(l[0].word, SNAP_LIMITS_PER_PLAN - 1);
	assert_int_equal(l[1].word, 0);
	assert_int_equal(l[1].interval_ns, 333333334);
	assert_int_equal(l[1].burst, 3);
	assert_int_equal(l[1].burst_ns, 3 * l[1].interval_ns);
	assert_int_equal(l[2].word, 1);
	assert_int_equal(l[2].burst, 7);
	assert_true(str_equal(snap_str(s, l[1].name), STR("rate-1s")));
	assert_true(str_equal(snap_str(s, l[0].name), STR("quota")));

	/* "a" opens both versions, "a/v2" one. */
	const struct snap_plan *p = SNAP_AT(s, SNAP_PLANS, snap_plan, 0);

	assert_int_equal(p[0].apis.count, 2);
	assert_int_equal(p[1].apis.count, 1);
	assert_int_equal(SNAP_INDEX_AT(s, SNAP_PLAN_APIS, p[1].apis.first),
		SNAP_AT(s, SNAP_APIS, snap_api, 1)->slot);
	assert_int_equal(p[1].soft, 1);
	compiled_free(&c);
}

static void a_shape_is_told_from_its_pattern(void **state)
{
	struct mistakes m;
	struct compiled c;

	compile("^k_[a-z]{8}$", "", NULL, false, &m, &c);
	assert_int_equal(
		SNAP_AT(&c.snapshot, SNAP_CREDENTIALS, snap_credential, 0)->shape_length, 8);
	compiled_free(&c);
	compile("^k_[a-z]{8,9}$", "", NULL, false, &m, &c);
	assert_int_equal(
		SNAP_AT(&c.snapshot, SNAP_CREDENTIALS, snap_credential, 0)->shape_class, 0);
	compiled_free(&c);
}

static void the_same_text_gives_the_same_snapshot(void **state)
{
	struct mistakes m;
	struct compiled a, b, other;

	compile("^k_[a-z]{8,9}$", "", NULL, false, &m, &a);
	compile("^k_[a-z]{8,9}$", "", &a.snapshot, true, &m, &b);
	compile("^k_[a-z]{8,9}$", "timeouts: { head = \"9s\"; };", &a.snapshot, true, &m, &other);
	assert_int_equal(m.errors, 0);
	assert_true(snapshot_same(&a.snapshot, &b.snapshot));
	assert_int_not_equal(a.snapshot.generation, b.snapshot.generation);
	assert_false(snapshot_same(&a.snapshot, &other.snapshot));
	compiled_free(&a);
	compiled_free(&b);
	compiled_free(&other);
}

/* @return the kinds whose parts are made again for a changed text, as bits; 0 and no mistakes for the same text */
static unsigned kinds_made(const struct snapshot *before, const char *more)
{
	struct mistakes m;
	struct compiled c;
	unsigned made = 0;

	compile("^k_[a-z]{8}$", more, before, true, &m, &c);
	assert_int_equal(m.errors, 0);
	assert_int_equal(c.snapshot.generation, 2);
	for (unsigned kind = 0; kind < SNAP_KINDS; kind++) {
		if (c.snapshot.parts[kind] == before->parts[kind])
			continue;
		made |= 1u << kind;
		assert_int_equal(c.snapshot.parts[kind]->generation, 2);
		assert_false(snapshot_part_same(c.snapshot.parts[kind], before->parts[kind]));
	}
	mistakes_free(&m);
	compiled_free(&c);
	return made;
}

static void a_change_makes_its_kind_anew(void **state)
{
	struct mistakes m;
	struct compiled c;

	compile("^k_[a-z]{8}$", "", NULL, false, &m, &c);
	assert_int_equal(m.errors, 0);
	mistakes_free(&m);
	assert_int_equal(kinds_made(&c.snapshot, ""), 0);
	assert_int_equal(
		kinds_made(&c.snapshot, "timeouts: { head = \"9s\"; };"), 1 << SNAP_KIND_GATEWAY);
	weight = 6;
	assert_int_equal(kinds_made(&c.snapshot, ""), 1 << SNAP_KIND_ENDPOINTS);
	weight = 5;
	timeout = 3;
	assert_int_equal(kinds_made(&c.snapshot, ""), 1 << SNAP_KIND_ROUTING);
	timeout = 2;
	plan = "p2";
	assert_int_equal(kinds_made(&c.snapshot, ""), 1 << SNAP_KIND_CALLERS);
	plan = "p1";
	/* A listener is the gateway's; no API names it. */
	listeners = ", { name = \"other\"; port = \"p\"; bind = \"10.0.0.1:81\"; }";
	assert_int_equal(kinds_made(&c.snapshot, ""), 1 << SNAP_KIND_GATEWAY);
	listeners = "";
	compiled_free(&c);
}

static void a_listener_keeps_its_slot_under_another_name(void **state)
{
	struct mistakes m;
	struct compiled a, b;
	const struct snap_listener *was, *is;

	listeners = ", { name = \"other\"; port = \"p\"; bind = \"10.0.0.1:81\"; }";
	compile("^k_[a-z]{8}$", "", NULL, false, &m, &a);
	/* The names change places: addresses keep their slots. A new address gets a new one. */
	listeners = ", { name = \"third\"; port = \"p\"; bind = \"10.0.0.1:82\"; }"
		    ", { name = \"renamed\"; port = \"p\"; bind = \"10.0.0.1:81\"; }";
	compile("^k_[a-z]{8}$", "", &a.snapshot, true, &m, &b);
	listeners = "";
	assert_int_equal(m.errors, 0);
	was = SNAP_AT(&a.snapshot, SNAP_LISTENERS, snap_listener, 0);
	is = SNAP_AT(&b.snapshot, SNAP_LISTENERS, snap_listener, 0);
	assert_int_equal(is[0].slot, was[0].slot);
	assert_int_equal(is[2].slot, was[1].slot);
	assert_int_not_equal(is[1].slot, was[0].slot);
	assert_int_not_equal(is[1].slot, was[1].slot);
	compiled_free(&a);
	compiled_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_keeps_its_slot),
		cmocka_unit_test(the_slots_of_the_gone_are_given_away_last),
		cmocka_unit_test(routes_hosts_and_limits_arrive),
		cmocka_unit_test(a_shape_is_told_from_its_pattern),
		cmocka_unit_test(the_one_that_went_first_gives_its_slot_away_first),
		cmocka_unit_test(a_listener_keeps_its_slot_under_another_name),
		cmocka_unit_test(a_change_makes_its_kind_anew),
		cmocka_unit_test(the_same_text_gives_the_same_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
