// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include "tally.h"

struct cw_tally {
	char *entries; /* max of size */
	uint32_t *slots; /* number of an entry, from 1; 0: free. Twice as many as entries */
	unsigned int n, max, mask;
	size_t size, key_bytes; /* left for keys */
	uint64_t lost, seed;
	void (*drop)(void *entry);
};

/*
 * FNV-1a from a start that nobody knows, and mixed, so that no trace can be made whose keys all
 * meet. What is counted does not depend on it.
 */
static uint64_t hash_of(const struct cw_tally *t, const struct cw_buf *key)
{
	uint64_t h = t->seed;

	for (size_t i = 0; i < key->len; i++)
		h = (h ^ (unsigned char)key->data[i]) * 0x100000001b3ULL;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
	return h ^ h >> 33;
}

int cw_tally_new(unsigned int max, size_t key_bytes, size_t size, void (*drop)(void *entry),
		 struct cw_tally **ret_tally)
{
	struct cw_tally *t = calloc(1, sizeof(*t));
	unsigned int slots = 2;

	if (!t)
		return -ENOMEM;
	while (slots < 2 * max)
		slots *= 2;
	t->max = max;
	t->mask = slots - 1;
	t->size = size;
	t->key_bytes = key_bytes;
	t->drop = drop;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = 0xcbf29ce484222325ULL;
	t->entries = calloc(max ? max : 1, size);
	t->slots = calloc(slots, sizeof(*t->slots));
	if (!t->entries) {
		cw_tally_free(t);
		return -ENOMEM;
	}
	*ret_tally = t;
	return 0;
}

void cw_tally_free(struct cw_tally *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < t->n; i++) {
		struct cw_tally_entry *e = cw_tally_at(t, i);

		if (t->drop)
			t->drop(e);
		free(e->key);
	}
	free(t->entries);
	free(t->slots);
	free(t);
}

void cw_tally_key(struct cw_buf *key, const char *part)
{
	cw_buf_printf(key, "%c%zu:", part ? 's' : 'n', part ? strlen(part) : 0);
	cw_buf_puts(key, part ? part : "");
}

static int make(struct cw_tally *t, uint32_t *slot, uint64_t hash, const struct cw_buf *key,
		uint64_t ns, struct cw_tally_entry **ret_entry)
{
	struct cw_tally_entry *e;
	char *copy;

	if (t->n == t->max || key->len > t->key_bytes) {
		t->lost++;
		return -ENOSPC;
	}
	copy = strdup(key->data ? key->data : "");
	if (!copy)
		return -ENOMEM;
	t->key_bytes -= key->len;
	e = cw_tally_at(t, t->n++);
	*slot = t->n;
	e->key = copy;
	e->hash = hash;
	e->first_ns = e->last_ns = ns;
	*ret_entry = e;
	return 0;
}

int cw_tally_add(struct cw_tally *t, const struct cw_buf *key, uint64_t ns, void **ret_entry)
{
	uint64_t hash = hash_of(t, key);
	struct cw_tally_entry *e = NULL;
	uint32_t *slot;
	int r;

	if (key->error)
		return key->error;
	for (uint64_t i = hash;; i++) {
		slot = &t->slots[i & t->mask];
		if (!*slot)
			break;
		e = cw_tally_at(t, *slot - 1);
		if (e->hash == hash && !strcmp(e->key, key->data ? key->data : ""))
			break;
	}
	if (!*slot) {
		r = make(t, slot, hash, key, ns, &e);
		if (r)
			return r;
	}
	e->count++;
	e->first_ns = ns < e->first_ns ? ns : e->first_ns;
	e->last_ns = ns > e->last_ns ? ns : e->last_ns;
	*ret_entry = e;
	return 0;
}

unsigned int cw_tally_n(const struct cw_tally *t)
{
	return t->n;
}

void *cw_tally_at(const struct cw_tally *t, unsigned int i)
{
	return t->entries + (size_t)i * t->size;
}

void cw_tally_sort(struct cw_tally *t, int (*compare)(const void *a, const void *b))
{
	qsort(t->entries, t->n, t->size, compare);
	t->max = t->n; /* slots lead to the wrong entries now */
}

uint64_t cw_tally_lost(const struct cw_tally *t)
{
	return t->lost;
}
