/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that control may name, and what is refused of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "dataplane/io/driver.h"

static int allowed(const char *device)
{
	char why[200] = "";
	int rc = driver_allowed(device, NULL, 0, why, sizeof(why));

	assert_int_equal(rc == 0, why[0] == 0);
	return rc;
}

static void devices_of_the_list_are_allowed(void **state)
{
	static const char *const devices[] = { "auto:eth0", "auto:sl-out.100", "0000:5e:00.0",
		"5e:00.0,mprq_en=1", "net_af_packet0,iface=eth1,qpairs=2,qdisc_bypass=1",
		"eth_af_packet0,iface=eth1", "net_af_xdp_x,iface=eth0,force_copy=1,busy_budget=0",
		"net_memif0,socket=/run/no-such-socket,role=client,id=1", "net_ring0",
		"net_tap_out,iface=sl-tap,mac=02:00:00:00:00:01", "net_null0",
		"virtio_user0,path=/dev/vhost-net,queues=2,queue_size=256,iface=sl0" };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (allowed(devices[i]) != 0)
			fail_msg("%s", devices[i]);
}

static void others_are_refused(void **state)
{
	static const char *const devices[] = { "", "net_pcap0,rx_pcap=/etc/passwd",
		"net_af_xdp0,iface=eth0,xdp_prog=/tmp/x.o", "net_bonding0,slave=net_tap0",
		"net_memif0,socket=relative", "net_memif0,role=server,socket=/etc/passwd",
		"net_memif0,socket=/run/../etc/x", "net_tap0,iface=a/b",
		"net_tap0,iface=", "auto:", "auto:eth0,xdp_prog=/tmp/x.o", "5e:00.0,file=/tmp/x",
		"net_ring0,x=1", "net_af_packet0/../x,iface=eth0", "virtio_user0,path=/dev/mem",
		"net_af_packet0,,iface=eth0", "net_vhost0,iface=/run/x" };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (allowed(devices[i]) != -EACCES)
			fail_msg("'%s'", devices[i]);
}

static void the_command_line_allows_one_more(void **state)
{
	static const char *const more[] = { "net_pcap" };
	char why[200];

	assert_int_equal(driver_allowed("net_pcap0,iface=lo", more, 1, why, sizeof(why)), 0);
	assert_int_equal(driver_allowed("net_bonding0", more, 1, why, sizeof(why)), -EACCES);
	assert_non_null(strstr(why, "--allow-driver"));
}

static void a_driver_keeps_only_what_it_needs(void **state)
{
	assert_int_equal(driver_needs("net_af_packet").capabilities, 0);
	assert_int_equal(driver_needs("net_memif").capabilities, 0);
	assert_int_equal(driver_needs("net_af_xdp").capabilities, 1u << CAP_NET_ADMIN);
	assert_int_equal(driver_needs("net_mlx5").capabilities, 0);
	assert_int_equal(driver_needs("net_mlx5").calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_of_the_list_are_allowed),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(the_command_line_allows_one_more),
		cmocka_unit_test(a_driver_keeps_only_what_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
