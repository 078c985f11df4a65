/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of objects of one size for one worker: one mapping made at start, whose pages are touched
 * when they are first used, and a free list. Nothing is allocated after start.
 */
#ifndef SLUICE_DATAPLANE_PROXY_SLAB_H
#define SLUICE_DATAPLANE_PROXY_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	char *base;
	size_t object_bytes, mapped_bytes;
	uint32_t limit, touched, used;
	void *free;
};

/** @return 0 or -ENOMEM */
int slab_init(struct slab *slab, size_t object_bytes, uint32_t limit);
void slab_fini(struct slab *slab);

/** @return an object with undefined content, or NULL when all are in use */
static inline void *slab_get(struct slab *slab)
{
	void *object = slab->free;

	if (object)
		slab->free = *(void **)object;
	else if (slab->touched < slab->limit)
		object = slab->base + slab->object_bytes * slab->touched++;
	else
		return NULL;
	slab->used++;
	return object;
}

static inline void slab_put(struct slab *slab, void *object)
{
	*(void **)object = slab->free;
	slab->free = object;
	slab->used--;
}

#endif
