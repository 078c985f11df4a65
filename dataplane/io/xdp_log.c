/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See xdp_log.h. The library comes with DPDK's af_xdp driver, which the EAL loads at run time: it
 * is looked up there, so that nothing links it. At each stop it warns of one thing that is as it
 * should be.
 */
#include "dataplane/io/xdp_log.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"

#define XDP_LIBRARY "libxdp.so.1"

/* enum libxdp_print_level of xdp/libxdp.h */
enum xdp_level { XDP_LEVEL_WARN, XDP_LEVEL_INFO, XDP_LEVEL_DEBUG };

typedef int (*xdp_print)(enum xdp_level level, const char *format, va_list args);

/*
 * At the stop it counts the program's sockets down in a map. That takes bpf(), which this process
 * has given up, and is told to detach the program by hand: iface_xdp_detach() does, and warns if it
 * cannot.
 */
static bool xdp_expected(const char *format)
{
	return strstr(format, "decrementing xsk XDP prog refcount") != NULL;
}

__attribute__((format(printf, 2, 0))) static int xdp_log(
	enum xdp_level level, const char *format, va_list args)
{
	char line[512];
	int n;

	if (!format)
		return 0;
	n = vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (level == XDP_LEVEL_DEBUG || xdp_expected(format))
		log_debug("%s", line);
	else if (level == XDP_LEVEL_INFO)
		log_info("%s", line);
	else
		log_warning("%s", line);
	return n;
}

void xdp_log_open(void)
{
	void *library = dlopen(XDP_LIBRARY, RTLD_LAZY | RTLD_NOLOAD);
	xdp_print (*set_print)(xdp_print);

	if (!library)
		return;
	*(void **)&set_print = dlsym(library, "libxdp_set_print");
	if (set_print)
		(void)set_print(xdp_log);
	dlclose(library); /* the driver keeps it */
}
