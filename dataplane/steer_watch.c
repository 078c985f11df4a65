/* SPDX-License-Identifier: Apache-2.0 */
/* The alarm for missteered segments, see steer_watch.h. */
#include "dataplane/steer_watch.h"

#include <inttypes.h>

#include "lib/base/log.h"

#define PERIOD_NS UINT64_C(5000000000)
#define SHARE     1000 /* one of so many is too much */
#define FEW       16   /* and so few are not worth a word */

void steer_watch_look(struct steer_watch *watch, const struct stats *stats, uint32_t workers,
	uint32_t port_index, uint64_t now_ns)
{
	uint64_t received = 0, missteered = 0;
	bool raised;

	if (now_ns - watch->began_ns < PERIOD_NS)
		return;
	for (uint32_t w = 0; w < workers; w++) {
		received += stats[w].port[port_index].rx_packets;
		missteered += stats[w].port[port_index].missteered;
	}
	raised = missteered - watch->missteered >= FEW &&
		 (missteered - watch->missteered) * SHARE > received - watch->received;
	if (raised && !watch->raised)
		log_warning(
			"port %u: of %" PRIu64 " packets %" PRIu64
			" came to another queue than RSS tells; they are handed over, which costs both workers",
			port_index, received - watch->received, missteered - watch->missteered);
	else if (!raised && watch->raised)
		log_notice("port %u: packets come to their queues again", port_index);
	*watch = (struct steer_watch){ now_ns, received, missteered, raised };
	stats[0].port[port_index].missteering = raised;
}
