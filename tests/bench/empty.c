// SPDX-License-Identifier: Apache-2.0
/*
 * Usage: empty KIND/FUNCTION…
 *
 * Hangs a program that does nothing on each hook, prints "ready", and waits for its standard input
 * to end: what a hook costs by itself. KIND is lsm, fentry, fexit, kprobe or raw_tp.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct kind {
	const char *name, *prefix;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
} kinds[] = {
	{ "lsm", "bpf_lsm_", BPF_PROG_TYPE_LSM, BPF_LSM_MAC },
	{ "fentry", "", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY },
	{ "fexit", "", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT },
	{ "tp_btf", "btf_trace_", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP },
	{ "raw_tp", "", BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	{ "kprobe", "", BPF_PROG_TYPE_KPROBE, 0 },
};

static const struct btf *btf;

static int load(const struct kind *k, const char *function)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = k->attach);
	char name[128];
	int id;

	if (*k->prefix || k->type == BPF_PROG_TYPE_TRACING) {
		snprintf(name, sizeof(name), "%s%s", k->prefix, function);
		id = btf__find_by_name_kind(btf, name, k->attach == BPF_TRACE_RAW_TP ?
							BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
		if (id < 0) {
			errno = -id;
			return -1;
		}
		opts.attach_btf_id = (__u32)id;
	}
	return bpf_prog_load(k->type, "empty", "GPL", insns, 2, &opts);
}

static int attach_kprobe(int program, const char *function)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.config1 = (__u64)(unsigned long)function };
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	int fd;

	if (!f)
		return -1;
	if (fscanf(f, "%u", &attr.type) != 1)
		attr.type = 0;
	fclose(f);
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, program))
		return -1;
	return ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
}

static int hang(const char *hook)
{
	const char *function = strchr(hook, '/');
	size_t len = function ? (size_t)(function++ - hook) : 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];
		int fd;

		if (strlen(k->name) != len || strncmp(k->name, hook, len))
			continue;
		fd = load(k, function);
		if (fd < 0)
			return -1;
		if (k->type == BPF_PROG_TYPE_KPROBE)
			return attach_kprobe(fd, function);
		return bpf_raw_tracepoint_open(k->type == BPF_PROG_TYPE_RAW_TRACEPOINT ?
						       function : NULL, fd);
	}
	errno = EINVAL;
	return -1;
}

int main(int argc, char **argv)
{
	char c;

	btf = btf__load_vmlinux_btf();
	if (!btf) {
		fputs("empty: no type information of the kernel\n", stderr);
		return 3;
	}
	for (int i = 1; i < argc; i++)
		if (hang(argv[i]) < 0) {
			fprintf(stderr, "empty: %s: %s\n", argv[i], strerror(errno));
			return 3;
		}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
