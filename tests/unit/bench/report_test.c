/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a bench program: targets, rows without a value, the exit status. What is printed is read
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/common/report.h"

static char printed[4096];

/* @return the status of report_finish(); what it printed is in printed[] */
static int finish(struct report *r)
{
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO), status;
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	status = report_finish(r);
	dup2(out, STDOUT_FILENO);
	close(out);
	rewind(file);
	n = fread(printed, 1, sizeof(printed) - 1, file);
	printed[n] = '\0';
	fclose(file);
	return status;
}

static void test_targets_are_met_or_missed(void **state)
{
	struct report *r = report_new("b", true);

	report_row(r, "few", "cycles", "", 10, 20);
	report_row(r, "many", "cycles", "", 30, 20);
	report_row_least(r, "slow", "requests", "1/s", 10, 20);
	report_row(r, "free", "cycles", "", 10, REPORT_NO_TARGET);
	assert_int_equal(finish(r), 0);
	assert_non_null(strstr(printed,
		"\"few\", \"metric\": \"cycles\", \"unit\": \"\", \"value\": 10, \"target\": 20, \"met\": true}"));
	assert_non_null(strstr(printed, "\"value\": 30, \"target\": 20, \"met\": false}"));
	assert_non_null(strstr(printed, "\"value\": 10, \"target\": 20, \"met\": false}"));
	assert_non_null(strstr(printed, "\"value\": 10, \"target\": null}"));
}

static void test_a_row_without_a_value_says_why(void **state)
{
	struct report *r = report_new("b", true);

	report_unmeasured(r, "open", "p50", "us", "\"busy\"\n");
	report_row(r, "next", "cycles", "", 10, REPORT_NO_TARGET);
	assert_int_equal(finish(r), REPORT_UNMEASURED);
	assert_non_null(strstr(printed,
		"\"value\": null, \"target\": null, \"why\": \"not measurable: \\u0022busy\\u0022\\u000a\"}"));
	assert_non_null(strstr(printed, "\"next\""));
}

static void test_a_failure_tells_more_than_a_missing_row(void **state)
{
	struct report *r = report_new("b", false);

	report_failed(r, "one", "cycles", "", "wrong");
	report_unmeasured(r, "two", "cycles", "", "busy");
	assert_int_equal(finish(r), REPORT_FAILED);
	assert_non_null(strstr(printed, "one, cycles: failed: wrong"));
	assert_non_null(strstr(printed, "two, cycles: not measurable: busy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets_are_met_or_missed),
		cmocka_unit_test(test_a_row_without_a_value_says_why),
		cmocka_unit_test(test_a_failure_tells_more_than_a_missing_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
