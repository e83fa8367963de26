// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi.h" /* types of the skeleton */
#include "probes.skel.h"
#include "probes_v5_10.skel.h"
#include "source/probes.h"

/* ---- what libbpf says ---- */

/*
 * For developers, $CAMWARDEN_DEBUG_LIBBPF: 1 shows what libbpf and the verifier complain about, 2
 * all that they say, with the verifier's figures (instructions, time, stack) for each program.
 */
static int debug_level(void)
{
	const char *level = getenv("CAMWARDEN_DEBUG_LIBBPF");

	return level ? atoi(level) : 0;
}

static _Thread_local char libbpf_words[1024];

/* Keeps the last words of libbpf for the message; the verifier's log is too long for people. */
static int keep_words(enum libbpf_print_level level, const char *format, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	if (level == LIBBPF_WARN)
		vsnprintf(libbpf_words, sizeof(libbpf_words), format, again);
	va_end(again);
	return debug_level() >= (level == LIBBPF_DEBUG ? 2 : 1) ?
		       vfprintf(stderr, format, ap) : 0;
}

/* ---- opening ---- */

/* The skeleton of one object serves the other's bytes; the Makefile sees to it that it fits. */
static const void *bytes_of(const struct cw_ladder *l, size_t *ret_size)
{
	return l->global_functions ? probes_bpf__elf_bytes(ret_size) :
				     probes_v5_10_bpf__elf_bytes(ret_size);
}

static struct bpf_object_open_opts options(const struct cw_ladder *l)
{
	LIBBPF_OPTS(bpf_object_open_opts, oo, .kernel_log_level = debug_level() > 1 ? 4 : 0,
		    .btf_custom_path = l->types.path);

	return oo;
}

int cw_probes_open(const struct cw_ladder *l, struct cw_probes *ret_probes)
{
	struct bpf_object_open_opts oo = options(l);
	struct probes_bpf *skel = calloc(1, sizeof(*skel));

	libbpf_set_print(keep_words);
	libbpf_words[0] = '\0';
	if (!skel || probes_bpf__create_skeleton(skel)) {
		free(skel);
		return -ENOMEM;
	}
	skel->skeleton->data = (void *)bytes_of(l, &skel->skeleton->data_sz);
	if (bpf_object__open_skeleton(skel->skeleton, &oo)) {
		int r = -errno;

		probes_bpf__destroy(skel);
		return r;
	}
	*ret_probes = (struct cw_probes){ .skel = skel, .object = { skel->obj }, .n_objects = 1 };
	return 0;
}

/* ---- loading ---- */

/* What one thread loads: `mine` of `part`, by the place of a program in the object. */
struct part {
	const struct cw_probes *probes;
	const struct cw_ladder *ladder;
	const unsigned char *part;
	unsigned char mine;
	struct bpf_object *object;
	int result;
	char words[sizeof(libbpf_words)];
};

static int share_maps(struct bpf_object *o, const struct bpf_object *from)
{
	struct bpf_map *m, *other = NULL;
	int r;

	bpf_object__for_each_map(m, o) {
		other = bpf_object__next_map(from, other);
		r = bpf_map__reuse_fd(m, bpf_map__fd(other));
		if (r)
			return r;
	}
	return 0;
}

static int open_part(struct part *t)
{
	struct bpf_object_open_opts oo = options(t->ladder);
	const unsigned char *part = t->part;
	struct bpf_program *p;
	size_t size;
	const void *bytes = bytes_of(t->ladder, &size);

	t->object = bpf_object__open_mem(bytes, size, &oo);
	if (!t->object)
		return -errno;
	bpf_object__for_each_program(p, t->object)
		bpf_program__set_autoload(p, *part++ == t->mine);
	return share_maps(t->object, t->probes->skel->obj);
}

static void *load_part(void *ctx)
{
	struct part *t = ctx;

	t->result = open_part(t);
	if (!t->result)
		t->result = bpf_object__load(t->object);
	snprintf(t->words, sizeof(t->words), "%s", libbpf_words);
	return NULL;
}

/* Gives each program that is chosen, the largest first, to the part that has less. */
static void divide(const struct bpf_object *o, unsigned char *part)
{
	size_t size[CW_PROBES_THREADS] = { 0 };
	const struct bpf_program *chosen;
	size_t i, largest;

	for (;;) {
		struct bpf_program *p;
		unsigned int least = 0;

		chosen = NULL;
		i = largest = 0;
		bpf_object__for_each_program(p, o) {
			if (bpf_program__autoload(p) && !part[i] &&
			    (!chosen || bpf_program__insn_cnt(p) > bpf_program__insn_cnt(chosen))) {
				chosen = p;
				largest = i;
			}
			i++;
		}
		if (!chosen)
			break;
		for (unsigned int n = 1; n < CW_PROBES_THREADS; n++)
			if (size[n] < size[least])
				least = n;
		part[largest] = (unsigned char)(1 + least);
		size[least] += bpf_program__insn_cnt(chosen);
	}
}

/* `part`: room for each program, all zero. */
static int load_parts(struct cw_probes *p, const struct cw_ladder *l, unsigned char *part,
		      char words[sizeof(libbpf_words)])
{
	struct part parts[CW_PROBES_THREADS];
	pthread_t thread[CW_PROBES_THREADS];
	bool runs[CW_PROBES_THREADS];
	struct bpf_program *program;
	int r;

	divide(p->skel->obj, part);
	bpf_object__for_each_program(program, p->skel->obj)
		bpf_program__set_autoload(program, false);
	r = probes_bpf__load(p->skel);
	snprintf(words, sizeof(libbpf_words), "%s", libbpf_words);
	if (r)
		return r;
	for (unsigned int i = 0; i < CW_PROBES_THREADS; i++) {
		parts[i] = (struct part){ .probes = p, .ladder = l, .part = part,
					  .mine = (unsigned char)(1 + i) };
		runs[i] = i && !pthread_create(&thread[i], NULL, load_part, &parts[i]);
	}
	for (unsigned int i = 0; i < CW_PROBES_THREADS; i++) {
		if (runs[i])
			pthread_join(thread[i], NULL);
		else
			load_part(&parts[i]);
		p->object[p->n_objects++] = parts[i].object;
		if (parts[i].result && !r) {
			r = parts[i].result;
			snprintf(words, sizeof(libbpf_words), "%s", parts[i].words);
		}
	}
	return r;
}

/* The whole pages within `n` bytes at `p`: their first, and how many bytes in *ret_size. */
static void *pages_within(const void *p, size_t n, size_t *ret_size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)p + n) & ~(page - 1);

	*ret_size = begin < end ? end - begin : 0;
	return (void *)begin;
}

/*
 * What need not stay in memory. The objects were read, if at all, once, and are megabytes of our
 * own file: never written, they would come back by themselves (madvise(2), MADV_DONTNEED). The
 * filter of inodes is the probes' alone: libbpf maps it because other variables are ours as well.
 * Its addresses stay taken, for libbpf unmaps them with the rest in the end.
 */
static void give_memory_back(const struct probes_bpf *p)
{
	const void *objects[2];
	size_t sizes[2], n;
	void *pages;

	objects[0] = probes_bpf__elf_bytes(&sizes[0]);
	objects[1] = probes_v5_10_bpf__elf_bytes(&sizes[1]);
	for (size_t i = 0; i < CW_ARRAY_SIZE(objects); i++) {
		pages = pages_within(objects[i], sizes[i], &n);
		madvise(pages, n, MADV_DONTNEED);
	}
	pages = pages_within(p->bss->inode_filter, sizeof(p->bss->inode_filter), &n);
	mmap(pages, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* A descriptor for each, that stays when the objects go. */
static int list_programs(struct cw_probes *p)
{
	for (unsigned int i = 0; i < p->n_objects; i++) {
		struct bpf_program *program;

		bpf_object__for_each_program(program, p->object[i]) {
			struct cw_probe_program *probe = &p->program[p->n];

			if (!bpf_program__autoload(program))
				continue;
			if (p->n == CW_ARRAY_SIZE(p->program))
				return -E2BIG;
			snprintf(probe->name, sizeof(probe->name), "%s",
				 bpf_program__name(program));
			probe->fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3);
			if (probe->fd < 0)
				return -errno;
			p->n++;
		}
	}
	return 0;
}

int cw_probes_load(struct cw_probes *p, const struct cw_ladder *l, struct cw_buf *errors)
{
	char words[sizeof(libbpf_words)] = "";
	cw_auto_free unsigned char *part = NULL;
	struct bpf_program *program;
	size_t n = 0;
	int r;

	bpf_object__for_each_program(program, p->skel->obj)
		n++;
	part = calloc(n, 1);
	if (!part)
		return -ENOMEM;
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		r = load_parts(p, l, part, words);
	} else {
		r = probes_bpf__load(p->skel);
		snprintf(words, sizeof(words), "%s", libbpf_words);
	}
	if (r) {
		cw_buf_printf(errors, "cannot load the probes: %s: %s", strerror(-r), words);
		if (l->types.path)
			cw_buf_printf(errors, "%s may have been made for another version of "
				      "camwarden: scripts/btf makes it again\n", l->types.path);
		return r;
	}
	give_memory_back(p->skel);
	return list_programs(p);
}

/* ---- use ---- */

int cw_probes_find(const struct cw_probes *p, const char *name)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (cw_streq(p->program[i].name, name))
			return p->program[i].fd;
	return -1;
}

struct bpf_link *cw_probes_attach(const struct cw_probes *p, const char *name)
{
	for (unsigned int i = 0; i < p->n_objects; i++) {
		struct bpf_program *found = bpf_object__find_program_by_name(p->object[i], name);

		if (found && bpf_program__autoload(found))
			return bpf_program__attach(found);
	}
	errno = ENOENT;
	return NULL;
}

void cw_probes_settle(struct cw_probes *p)
{
	while (p->n_objects > 1)
		bpf_object__close(p->object[--p->n_objects]);
}

void cw_probes_close(struct cw_probes *p)
{
	cw_probes_settle(p);
	for (unsigned int i = 0; i < p->n; i++)
		cw_closep(&p->program[i].fd);
	probes_bpf__destroy(p->skel);
	*p = (struct cw_probes){ 0 };
}
