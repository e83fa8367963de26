// SPDX-License-Identifier: Apache-2.0
/*
 * crowd FUNCTION: programs that do nothing at the entry of a kernel function, as many as the kernel
 * attaches there. Prints how many, and keeps them until standard input ends, or for two minutes.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <unistd.h>

#define MOST 256

int main(int argc, char **argv)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	struct btf *types = btf__load_vmlinux_btf();
	int id, n = 0;
	char c;

	id = argc == 2 && types ? btf__find_by_name_kind(types, argv[1], BTF_KIND_FUNC) : -1;
	if (id <= 0)
		return 2;
	opts.attach_btf_id = (__u32)id;
	for (; n < MOST; n++) {
		int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "crowd", "GPL", insns, 2, &opts);

		if (fd < 0 || bpf_raw_tracepoint_open(NULL, fd) < 0)
			break;
	}
	alarm(120);
	printf("%d\n", n);
	fflush(stdout);
	return n && n < MOST && read(STDIN_FILENO, &c, 1) >= 0 ? 0 : 1;
}
