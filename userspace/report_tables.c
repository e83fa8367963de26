// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include "report.h"

#define STRINGS_MAX   (1u << 17)
#define STRINGS_BYTES (16u << 20)

/* Nobody can choose names that collide. The order of what is kept does not depend on it. */
static uint64_t seed(void)
{
	static uint64_t value;

	if (!value && getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = 0x51ed270b27b4f3cfULL;
	return value;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t hash_words(const uint64_t *key, unsigned int n)
{
	uint64_t h = seed();

	for (unsigned int i = 0; i < n; i++)
		h = mix(h, key[i]);
	return h ^ h >> 32;
}

static void insert(struct cw_report_table *t, uint32_t which)
{
	const uint64_t *key = t->keys + (size_t)which * t->words;
	uint32_t i = (uint32_t)hash_words(key, t->words) & (t->n_slots - 1);

	while (t->slots[i])
		i = (i + 1) & (t->n_slots - 1);
	t->slots[i] = which + 1;
}

static int grow(struct cw_report_table *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 64;
	uint64_t *keys = reallocarray(t->keys, (size_t)cap * t->words, sizeof(*keys));
	uint32_t *slots;

	if (!keys)
		return -ENOMEM;
	t->keys = keys;
	slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
	t->n_slots = cap * 2;
	for (uint32_t i = 0; i < t->n; i++)
		insert(t, i);
	return 0;
}

int64_t cw_report_table_find(struct cw_report_table *t, const uint64_t *key, bool *ret_new)
{
	size_t size = t->words * sizeof(*key);
	uint32_t i;

	if (t->n_slots) {
		i = (uint32_t)hash_words(key, t->words) & (t->n_slots - 1);
		for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
			uint32_t which = t->slots[i] - 1;

			if (!memcmp(t->keys + (size_t)which * t->words, key, size)) {
				*ret_new = false;
				return which;
			}
		}
	}
	if (t->n == t->max)
		return -ENOSPC;
	if (t->n == t->cap && grow(t))
		return -ENOMEM;
	memcpy(t->keys + (size_t)t->n * t->words, key, size);
	insert(t, t->n);
	*ret_new = true;
	return t->n++;
}

void cw_report_table_free(struct cw_report_table *t)
{
	free(t->keys);
	free(t->slots);
}

/* ---- strings ---- */

static size_t place(const struct cw_report_strings *s, const char *text, size_t len)
{
	uint64_t h = seed() ^ len, word;
	size_t i = 0, at;

	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, text + i, len - i);
	h = mix(h, word);
	at = (size_t)(h ^ h >> 32) & (s->n_slots - 1);
	while (s->slots[at] && strcmp(s->slots[at], text))
		at = (at + 1) & (s->n_slots - 1);
	return at;
}

static int grow_strings(struct cw_report_strings *s)
{
	struct cw_report_strings next = *s;

	next.n_slots = s->n_slots ? s->n_slots * 2 : 1024;
	next.slots = calloc(next.n_slots, sizeof(*next.slots));
	if (!next.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i])
			next.slots[place(&next, s->slots[i], strlen(s->slots[i]))] = s->slots[i];
	free(s->slots);
	*s = next;
	return 0;
}

const char *cw_report_keep(struct cw_report_strings *s, const char *text)
{
	size_t len, at;

	if (!text)
		return NULL;
	len = strlen(text);
	if (s->n * 2 >= s->n_slots && grow_strings(s))
		return "(no room for this name)";
	at = place(s, text, len);
	if (s->slots[at])
		return s->slots[at];
	if (s->n < STRINGS_MAX && s->bytes + len < STRINGS_BYTES)
		s->slots[at] = strdup(text);
	if (!s->slots[at]) {
		s->refused++;
		return "(no room for this name)";
	}
	s->n++;
	s->bytes += len + 1;
	return s->slots[at];
}

void cw_report_strings_free(struct cw_report_strings *s)
{
	for (size_t i = 0; i < s->n_slots; i++)
		free(s->slots[i]);
	free(s->slots);
}
