// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "abi.h"
#include "source/types.h"
#include "types.skel.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"
#define KNOWN_NAME   "cw-types"
#define KNOWN_SIZE   ((off_t)0x123456789)
#define REMEDY	     "scripts/btf makes one from this kernel's vmlinux"

/* The first thing that was read wrong, or NULL. */
static const char *first_wrong(const struct types_bpf *s, const struct stat *st)
{
	char comm[16] = "";

	prctl(PR_GET_NAME, comm);
	if (s->bss->seen_tgid != (__u32)getpid() || s->bss->seen_leader != (__u32)getpid() ||
	    strncmp(s->bss->seen_comm, comm, sizeof(comm)) || !s->bss->seen_start_ns)
		return "a process";
	if (s->bss->seen_uid != getuid())
		return "a user";
	if (s->bss->seen_ino != st->st_ino || s->bss->seen_mode != st->st_mode ||
	    s->bss->seen_size != (__u64)st->st_size ||
	    s->bss->seen_dev != CW_MKDEV(major(st->st_dev), minor(st->st_dev)))
		return "an inode";
	return strcmp(s->bss->seen_name, "memfd:" KNOWN_NAME) ? "a name" : NULL;
}

/* What the file describes wrong, by reading it of ourselves; NULL: nothing of that. */
static const char *misfit(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, oo, .btf_custom_path = path);
	cw_auto_close int fd = memfd_create(KNOWN_NAME, MFD_CLOEXEC);
	const char *wrong = "a task";
	struct types_bpf *s;
	struct stat st;

	if (fd < 0 || ftruncate(fd, KNOWN_SIZE) || fstat(fd, &st))
		return "a file";
	s = types_bpf__open_opts(&oo);
	if (!s)
		return wrong;
	s->rodata->self_tgid = (__u32)getpid();
	s->rodata->known_fd = (__u32)fd;
	if (!types_bpf__load(s) && !types_bpf__attach(s)) {
		getppid(); /* the program runs at the end of this call */
		wrong = first_wrong(s, &st);
	}
	types_bpf__destroy(s);
	return wrong;
}

static int open_file(const char *path, struct cw_buf *errors, struct cw_types *ret_types)
{
	struct cw_types t = { .btf = btf__parse(path, NULL), .path = path };
	int r = (int)libbpf_get_error(t.btf);
	const char *wrong;
	struct utsname u = {};

	if (r) {
		if (access(path, R_OK))
			cw_buf_printf(errors, "--btf: cannot read %s: %s\n", path, strerror(errno));
		else
			cw_buf_printf(errors, "--btf: %s has no type information (BTF) in it; "
				      REMEDY "\n", path);
		return r;
	}
	wrong = misfit(path);
	if (wrong) {
		uname(&u);
		cw_buf_printf(errors, "--btf: %s is of another kernel than %s, which runs here: %s "
			      "looks different; " REMEDY "\n", path, u.release, wrong);
		btf__free(t.btf);
		return -EINVAL;
	}
	*ret_types = t;
	return 0;
}

bool cw_types_in_kernel(void)
{
	return !access(KERNEL_TYPES, R_OK);
}

int cw_types_open(const char *path, struct cw_buf *errors, struct cw_types *ret_types)
{
	struct cw_types t = { .kernel = cw_types_in_kernel() };
	struct utsname u = {};

	if (!t.kernel && path)
		return open_file(path, errors, ret_types);
	t.btf = btf__load_vmlinux_btf();
	if (libbpf_get_error(t.btf)) {
		uname(&u);
		cw_buf_printf(errors,
			      "kernel %s does not describe its types (" KERNEL_TYPES "), and "
			      "they are needed: give them by --btf FILE, which scripts/btf makes "
			      "from the vmlinux of this kernel, or boot one built with "
			      "CONFIG_DEBUG_INFO_BTF=y\n", u.release);
		return -EOPNOTSUPP;
	}
	*ret_types = t;
	return 0;
}

void cw_types_close(struct cw_types *t)
{
	btf__free(t->btf);
	t->btf = NULL;
}

int cw_types_args(const struct cw_types *t, const char *name, bool tracepoint)
{
	int id = btf__find_by_name_kind(t->btf, name,
					tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
	const struct btf_type *type;

	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(t->btf, (__u32)id);
	while (type && !btf_is_func_proto(type))
		type = btf__type_by_id(t->btf, type->type);
	return type ? btf_vlen(type) : -ENOENT;
}
