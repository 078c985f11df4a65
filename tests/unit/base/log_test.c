/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: their form, their length, and the budget that keeps a peer from filling a disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"

static char captured[65536];
static FILE *capture_file;
static int saved_stderr;

static void capture_begin(void)
{
	capture_file = tmpfile();
	assert_non_null(capture_file);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fileno(capture_file), STDERR_FILENO) >= 0);
}

static unsigned capture_end(void)
{
	unsigned lines = 0;
	size_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(capture_file);
	n = fread(captured, 1, sizeof(captured) - 1, capture_file);
	captured[n] = 0;
	fclose(capture_file);
	for (size_t i = 0; i < n; i++)
		lines += captured[i] == '\n';
	return lines;
}

static void line_names_time_level_and_program(void **state)
{
	log_open("tester", LOG_INFO);
	capture_begin();
	log_info("port %s has %d queues", "outside", 4);
	log_debug("below the level");
	assert_int_equal(capture_end(), 1);
	assert_non_null(strstr(captured, "Z info tester: port outside has 4 queues\n"));
	assert_int_equal(captured[10], 'T');
}

static void site_goes_quiet_after_its_budget(void **state)
{
	struct log_site site = { 0 };

	log_open("tester", LOG_NOTICE);
	capture_begin();
	for (int i = 0; i < 100; i++)
		log_write(&site, LOG_ERROR, "line %d", i);
	assert_int_equal(capture_end(), 20);
	assert_int_equal(site.suppressed, 80);

	/* The next window tells once how many are missing. */
	site.window_start_ns -= UINT64_C(5000000000);
	capture_begin();
	log_write(&site, LOG_ERROR, "again");
	log_write(&site, LOG_ERROR, "and again");
	assert_int_equal(capture_end(), 2);
	assert_non_null(strstr(captured, "(80 lines like this left out) again\n"));
	assert_non_null(strstr(captured, ": and again\n"));
}

static void sites_have_budgets_of_their_own(void **state)
{
	log_open("tester", LOG_NOTICE);
	capture_begin();
	for (int i = 0; i < 30; i++)
		log_error("one");
	log_error("other");
	assert_int_equal(capture_end(), 21);
}

static void long_text_is_cut_and_control_bytes_are_escaped(void **state)
{
	char text[3000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_open("tester", LOG_NOTICE);
	capture_begin();
	log_error("%s", text);
	assert_int_equal(capture_end(), 1);
	assert_int_equal(strlen(captured), 1024);

	capture_begin();
	log_error("name \"%s\"", "a\nfake line\x1b[31m");
	assert_int_equal(capture_end(), 1);
	assert_non_null(strstr(captured, "name \"a\\x0afake line\\x1b[31m\"\n"));
}

static void level_names_are_read(void **state)
{
	enum log_level level;

	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_names_time_level_and_program),
		cmocka_unit_test(site_goes_quiet_after_its_budget),
		cmocka_unit_test(sites_have_budgets_of_their_own),
		cmocka_unit_test(long_text_is_cut_and_control_bytes_are_escaped),
		cmocka_unit_test(level_names_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
