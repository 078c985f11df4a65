/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments that the EAL is started with. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/io/eal.h"

static struct eal_args args;

static int place_of(const char *text)
{
	for (int i = 0; i < args.count; i++)
		if (strcmp(args.argv[i], text) == 0)
			return i;
	return -1;
}

static void pci_addresses_are_told_from_names(void **state)
{
	static const char *const yes[] = { "0000:5e:00.0", "5e:00.0", "00010000:AF:1f.7",
		"0000:5e:00.1,llq_policy=1" };
	static const char *const no[] = { "", "net_af_xdp0,iface=eth1", "auto:eth0", "5e:00",
		"5e:00.8", "5e:00.01", "0000:5e:00.0x", "000:5e:00.0", "5e.00:0", "0000:5e:00.",
		"eth0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(eal_is_pci(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(eal_is_pci(no[i]));
}

static void software_devices_need_no_pci_and_no_arguments(void **state)
{
	static const char *const devices[] = { "auto:eth1", "net_ring0" };
	struct eal_config config = {
		.program = "sluice", .memory_mb = 512, .device_count = 2, .devices = devices
	};

	assert_int_equal(eal_args_make(&config, 0, &args), 0);
	assert_string_equal(args.argv[0], "sluice");
	assert_null(args.argv[args.count]);
	assert_true(place_of("--no-pci") > 0);
	assert_true(place_of("--no-huge") > 0);
	assert_true(place_of("--iova-mode=va") > 0);
	assert_true(place_of("-a") < 0);
	assert_int_equal(place_of("512"), place_of("-m") + 1);
}

static void nics_are_allowed_by_address(void **state)
{
	static const char *const devices[] = { "0000:5e:00.0", "auto:eth1", "5e:00.1" };
	struct eal_config config = { .program = "sluice",
		.lcores = "0-2",
		.memory_mb = 512,
		.device_count = 3,
		.devices = devices };

	assert_int_equal(eal_args_make(&config, 1024, &args), 0);
	assert_true(place_of("--no-pci") < 0);
	assert_true(place_of("--no-huge") < 0); /* enough huge pages are free */
	assert_true(place_of("--lcores=0-2") > 0);
	assert_true(place_of("0000:5e:00.0") > 0);
	assert_true(place_of("5e:00.1") > 0);
	assert_true(place_of("auto:eth1") < 0);
}

static void operators_arguments_come_last(void **state)
{
	static const char *const extra[] = { "--log-level=debug", "--huge-unlink" };
	struct eal_config config = {
		.program = "sluice", .memory_mb = 64, .extra_count = 2, .extra = extra
	};

	assert_int_equal(eal_args_make(&config, 0, &args), 0);
	assert_int_equal(place_of("--huge-unlink"), args.count - 1);
	assert_int_equal(place_of("--log-level=debug"), args.count - 2);
}

static void too_many_arguments_are_an_error(void **state)
{
	static const char *extra[100];
	struct eal_config config = {
		.program = "sluice", .memory_mb = 64, .extra_count = 100, .extra = extra
	};
	static char longish[5000];

	for (unsigned i = 0; i < 100; i++)
		extra[i] = "--x";
	assert_int_equal(eal_args_make(&config, 0, &args), -E2BIG);
	memset(longish, 'x', sizeof(longish) - 1);
	extra[0] = longish;
	config.extra_count = 1;
	assert_int_equal(eal_args_make(&config, 0, &args), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_addresses_are_told_from_names),
		cmocka_unit_test(software_devices_need_no_pci_and_no_arguments),
		cmocka_unit_test(nics_are_allowed_by_address),
		cmocka_unit_test(operators_arguments_come_last),
		cmocka_unit_test(too_many_arguments_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
