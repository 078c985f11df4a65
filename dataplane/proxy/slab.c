/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of objects, see slab.h. */
#include "dataplane/proxy/slab.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int slab_init(struct slab *slab, size_t object_bytes, uint32_t limit)
{
	memset(slab, 0, sizeof(*slab));
	slab->object_bytes = (object_bytes + 63) & ~(size_t)63;
	slab->limit = limit;
	slab->mapped_bytes = slab->object_bytes * limit;
	slab->base = mmap(NULL, slab->mapped_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slab->base == MAP_FAILED) {
		slab->base = NULL;
		return -ENOMEM;
	}
	return 0;
}

void slab_fini(struct slab *slab)
{
	if (slab->base)
		munmap(slab->base, slab->mapped_bytes);
	slab->base = NULL;
}
