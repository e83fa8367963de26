/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Buffers that a camera exports as dma-bufs (VIDIOC_EXPBUF): the picture as a file of its own,
 * which is handed over, inherited, mapped and given to other devices without the camera's node.
 * Such a file is remembered in `opens` under the number of the camera's open; open.bpf.h tells of
 * it as of the camera. All buffers of one open count as one: a process that gets sixteen gives one
 * event.
 */
#ifndef CW_BUFFER_BPF_H
#define CW_BUFFER_BPF_H

#include "open.bpf.h"

/*
 * Every dma-buf gets its descriptor here, inside the call that asked for one; since 3.3. The ioctl
 * itself was seen by file_ioctl (export_begins), so the file is known before anybody can have it.
 * Misses buffers that the node of another driver class exports by calls of its own.
 */
static __noinline int exported(struct file *file)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 camera = export_ends(), key = (__u64)file;
	struct cw_open *from = camera ? bpf_map_lookup_elem(&opens, &camera) : NULL;
	struct cw_export new = { .camera = camera }, *e;
	struct cw_open open = {};

	if (!from || !file)
		return 0;
	open.open_id = from->open_id;
	open.since_ns = bpf_ktime_get_boot_ns();
	open.opener_tgid = BPF_CORE_READ(task, tgid);
	open.opener_start_ns = task_start(task);
	open.asset = from->asset;
	open.access = access_of(file);
	open.buffer_of = from->rdev;
	bpf_map_update_elem(&exports, &open.open_id, &new, BPF_NOEXIST);
	e = bpf_map_lookup_elem(&exports, &open.open_id);
	if (!e || bpf_map_update_elem(&opens, &key, &open, BPF_NOEXIST)) {
		count_loss(CW_LOSS_OPENS);
		if (e && !e->buffers)
			bpf_map_delete_elem(&exports, &open.open_id);
		return 0;
	}
	__sync_fetch_and_add(&e->buffers, 1);
	__sync_fetch_and_add(&open_filter[address_slot(key)], 1);
	return 0;
}

SEC("fentry/dma_buf_fd")
int BPF_PROG(fentry__dma_buf_fd, struct dma_buf *buffer)
{
	if (exporting_now)
		exported(BPF_CORE_READ(buffer, file));
	return 0;
}

SEC("kprobe/dma_buf_fd")
int BPF_KPROBE(kprobe__dma_buf_fd, struct dma_buf *buffer)
{
	if (exporting_now)
		exported(BPF_CORE_READ(buffer, file));
	return 0;
}

/*
 * A driver takes a dma-buf by its descriptor: a GPU that is to show it, an encoder. No security
 * module is asked then. The buffer may be an error, which reads as no file.
 */
static __always_inline void imported(struct dma_buf *buffer, __u32 rung)
{
	struct file *file = BPF_CORE_READ(buffer, file);

	if (file && open_maybe(CW_RUNG_KPROBE, file))
		used(file, CW_OP_USE, rung);
}

SEC("fexit/dma_buf_get")
int BPF_PROG(fexit__dma_buf_get, int fd, struct dma_buf *buffer)
{
	imported(buffer, CW_RUNG_FENTRY);
	return 0;
}

SEC("kretprobe/dma_buf_get")
int BPF_KRETPROBE(kretprobe__dma_buf_get, struct dma_buf *buffer)
{
	imported(buffer, CW_RUNG_KPROBE);
	return 0;
}

#endif
