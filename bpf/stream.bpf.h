/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Captures: what a process really had out of a camera, told apart from a mere open. Begins when the
 * driver is given buffers to fill, for a mapped one shows its picture without being taken back; or
 * with the first frame. Ends with STREAMOFF or the last close. Frames are counted by the V4L2
 * tracepoints, which see success, or by the ioctl where they are not there.
 */
#ifndef CW_STREAM_BPF_H
#define CW_STREAM_BPF_H

#include "emit.bpf.h"

#define CW_V4L2_MAJOR 81
#define CW_ALSA_MAJOR 116
#define CW_OSS_MAJOR  14

/* uapi/linux/videodev2.h and uapi/sound/asound.h */
#define IOC_V4L2_QBUF	      (('V' << 8) | 15)
#define IOC_V4L2_EXPBUF	      (('V' << 8) | 16)
#define IOC_V4L2_DQBUF	      (('V' << 8) | 17)
#define IOC_V4L2_STREAMON     (('V' << 8) | 18)
#define IOC_V4L2_STREAMOFF    (('V' << 8) | 19)
#define IOC_PCM_PREPARE	      (('A' << 8) | 0x40)
#define IOC_PCM_START	      (('A' << 8) | 0x42)
#define IOC_PCM_DROP	      (('A' << 8) | 0x43)
#define IOC_PCM_DRAIN	      (('A' << 8) | 0x44)
#define IOC_PCM_READI	      (('A' << 8) | 0x51)
#define IOC_PCM_READN	      (('A' << 8) | 0x53)

/* V4L2_BUF_TYPE_*: those in which the process is the one who gets the data. */
#define CAPTURE_TYPES ((1u << 1) | (1u << 4) | (1u << 6) | (1u << 9) | (1u << 11) | (1u << 13))

struct v4l2_buffer_head {
	__u32 index;
	__u32 type;
	__u32 bytesused;
	__u32 flags;
};

static __always_inline bool is_capture(__u32 type)
{
	return type <= 31 && CAPTURE_TYPES & 1u << type;
}

/*
 * Is it for a capture queue that STREAMON or STREAMOFF asks? The caller's word; `unread`: what to
 * take it for if that cannot be read.
 */
static __noinline bool asks_capture(__u64 arg, bool unread)
{
	__u32 type = 0;

	return bpf_probe_read_user(&type, sizeof(type), (void *)arg) ? unread : is_capture(type);
}

static __always_inline void stream_object(struct object *o, __u32 rdev)
{
	__builtin_memset(o, 0, sizeof(*o));
	o->rdev = rdev;
	o->mode = S_IFCHR;
	o->asset = CW_NO_ASSET;
}

static __noinline int stream_begin(__u32 rdev, __u32 rung)
{
	struct access a = { .op = CW_OP_STREAM_START, .fd = ~0u, .rung = rung };
	struct object o;

	stream_object(&o, rdev);
	a.access = CW_ABI_READ;
	return emit_access(&o, &a);
}

/*
 * `n` more frames for the current process from device `rdev`; 0 begins a stream without one. 1: it
 * has begun, and the caller has to tell.
 */
static __noinline int stream_add(__u32 rdev, __u32 n, __u64 bytes)
{
	struct cw_stream_key key = { .tgid = bpf_get_current_pid_tgid() >> 32, .rdev = rdev };
	struct cw_stream *s = bpf_map_lookup_elem(&streams, &key), new = {};
	__u64 now = bpf_ktime_get_boot_ns();

	if (key.tgid == self_tgid)
		return 0;
	if (!s) {
		new.frames = n;
		new.bytes = bytes;
		new.first_ns = now;
		new.last_ns = now;
		if (bpf_map_update_elem(&streams, &key, &new, BPF_NOEXIST)) {
			count_loss(CW_LOSS_STREAMS);
			return 0;
		}
		return 1;
	}
	__sync_fetch_and_add(&s->frames, n);
	__sync_fetch_and_add(&s->bytes, bytes);
	s->last_ns = now;
	return 0;
}

static __always_inline int stream_count(__u32 rdev, __u32 n, __u64 bytes, __u32 rung)
{
	return stream_add(rdev, n, bytes) ? stream_begin(rdev, rung) : 0;
}

/* The end of a capture; frames so far are told and forgotten. */
static __noinline int stream_end(__u32 tgid, struct object *o, __u32 rung)
{
	struct access a = { .op = CW_OP_STREAM_STOP, .fd = ~0u, .rung = rung };
	struct cw_stream_key key = { .tgid = tgid, .rdev = o->rdev };
	struct cw_stream *s = bpf_map_lookup_elem(&streams, &key);

	if (!s)
		return 0;
	a.access = CW_ABI_READ;
	a.streamer_tgid = tgid;
	emit_access(o, &a);
	bpf_map_delete_elem(&streams, &key);
	return 0;
}

/*
 * v4l2:v4l2_dqbuf, emitted after a successful VIDIOC_DQBUF. In the module videodev: attached when
 * it is loaded. Misses frames by read(2), which never pass the ioctl.
 */
SEC("raw_tp/v4l2_dqbuf")
int tp__v4l2_dqbuf(struct bpf_raw_tracepoint_args *ctx)
{
	struct v4l2_buffer_head b = {};
	__u32 minor = ctx->args[0];

	if (bpf_probe_read_kernel(&b, sizeof(b), (void *)ctx->args[1]))
		return 0;
	if (!is_capture(b.type))
		return 0;
	stream_count(CW_MKDEV(CW_V4L2_MAJOR, minor), 1, b.bytesused, CW_RUNG_TRACEPOINT);
	return 0;
}

/* vb2:vb2_dqbuf, in the thread that read(2)s a camera: a frame for each. */
SEC("raw_tp/vb2_dqbuf")
int tp__vb2_dqbuf(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u32 *rdev = bpf_map_lookup_elem(&reading, &tid);

	if (rdev && *rdev && !(*rdev & CW_GIVING))
		stream_count(*rdev, 1, 0, CW_RUNG_TRACEPOINT);
	return 0;
}

/*
 * vb2:vb2_buf_queue, in the thread whose STREAMON hands the driver the buffers that are queued, or
 * whose QBUF hands it one while it streams: the caller owns the queue, and each is going to be
 * filled. Just before the driver starts, so also where that fails. Misses drivers without
 * videobuf2; there the first frame tells. A vb2_queue begins with its type.
 */
SEC("raw_tp/vb2_buf_queue")
int tp__vb2_buf_queue(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), type = 0;
	__u32 *giving = bpf_map_lookup_elem(&reading, &tid), rdev;

	if (!giving || !(*giving & CW_GIVING))
		return 0;
	if (bpf_probe_read_kernel(&type, sizeof(type), (void *)ctx->args[0]) || !is_capture(type))
		return 0;
	rdev = *giving & ~CW_GIVING;
	*giving = 0;
	stream_count(rdev, 0, 0, CW_RUNG_TRACEPOINT);
	return 0;
}

static __always_inline void stream_owner(struct file *file)
{
	__u64 key = address_of(file);
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);

	if (open)
		open->streamer_tgid = bpf_get_current_pid_tgid() >> 32;
}

static __always_inline void thread_reads(__u32 rdev)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u32 *now = bpf_map_lookup_elem(&reading, &tid);

	if (!now)
		bpf_map_update_elem(&reading, &tid, &rdev, BPF_ANY);
	else if (*now != rdev)
		*now = rdev;
}

static __always_inline bool is_sound(__u32 rdev)
{
	return CW_MAJOR(rdev) == CW_ALSA_MAJOR || CW_MAJOR(rdev) == CW_OSS_MAJOR;
}

/* The current thread begins a read(2) of a device. Of a microphone that starts the capture. */
static __noinline int stream_reading(struct file *file, __u32 rung)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u32 mode = BPF_CORE_READ(inode, i_mode), rdev = BPF_CORE_READ(inode, i_rdev);
	bool sound = is_sound(rdev);

	if ((mode & S_IFMT) != S_IFCHR || (!sound && CW_MAJOR(rdev) != CW_V4L2_MAJOR))
		return 0;
	stream_owner(file);
	if (sound)
		return stream_count(rdev, 0, 0, rung);
	thread_reads(rdev);
	return 0;
}

/* Does this open stream, or was that asked for? Until then a QBUF gives the driver nothing. */
static __always_inline bool stream_asked(struct file *file)
{
	__u64 key = address_of(file);
	struct cw_open *open = bpf_map_lookup_elem(&opens, &key);

	return open && open->streamer_tgid;
}

static __always_inline bool pcm_ioctl_begins(__u32 key)
{
	return key == IOC_PCM_START || key == IOC_PCM_READI || key == IOC_PCM_READN;
}

/* The current thread asks a camera for a dma-buf, see buffer.bpf.h. */
static __noinline int export_begins(struct file *file)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 key = address_of(file);

	if (bpf_map_update_elem(&exporting, &tid, &key, BPF_NOEXIST)) {
		count_loss(CW_LOSS_OPENS);
		return 0;
	}
	__sync_fetch_and_add(&exporting_now, 1);
	return 0;
}

/* It has it, or did not get it. Returns the camera's file; 0: it asked none. */
static __noinline __u64 export_ends(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 *found = bpf_map_lookup_elem(&exporting, &tid), file;

	if (!found)
		return 0;
	file = *found;
	if (!bpf_map_delete_elem(&exporting, &tid))
		__sync_fetch_and_add(&exporting_now, -1);
	return file;
}

static __noinline int stream_end_of(struct file *file, __u32 rung)
{
	struct object o;

	object_fill(&o, BPF_CORE_READ(file, f_inode), BPF_CORE_READ(file, f_path.dentry),
		    BPF_CORE_READ(file, f_path.mnt));
	return stream_end(bpf_get_current_pid_tgid() >> 32, &o, rung);
}

/*
 * The command, or 0 if it starts or stops a queue that captures nothing. Asked first, so that the
 * argument need not be kept, which every ioctl on the machine would pay for.
 */
static __noinline __u32 stream_command(__u32 cmd, __u64 arg)
{
	__u32 key = IOC_KEY(cmd);

	if (key == IOC_V4L2_STREAMON && frames_by_ioctl)
		return asks_capture(arg, true) ? cmd : 0;
	if (key == IOC_V4L2_STREAMOFF)
		return asks_capture(arg, false) ? cmd : 0;
	return cmd;
}

/* An ioctl on a watched device, before it is done. */
static __noinline int stream_ioctl(struct file *file, __u32 cmd, __u32 rung)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u32 mode = BPF_CORE_READ(inode, i_mode), dev = BPF_CORE_READ(inode, i_rdev);
	__u32 key = IOC_KEY(cmd), tid = (__u32)bpf_get_current_pid_tgid(), *rdev;

	if ((mode & S_IFMT) != S_IFCHR)
		return 0;
	if (CW_MAJOR(dev) != CW_V4L2_MAJOR) {
		if (pcm_ioctl_begins(key)) {
			stream_owner(file);
			return stream_count(dev, 0, 0, rung);
		}
		if (key == IOC_PCM_DROP || key == IOC_PCM_DRAIN)
			return stream_end_of(file, rung);
		return 0;
	}
	rdev = bpf_map_lookup_elem(&reading, &tid);
	if (rdev)
		*rdev = 0;
	if (key == IOC_V4L2_EXPBUF)
		return export_begins(file);
	if (key == IOC_V4L2_STREAMON) {
		stream_owner(file);
		thread_reads(dev | CW_GIVING);
		if (frames_by_ioctl)
			return stream_count(dev, 0, 0, rung);
	} else if (key == IOC_V4L2_QBUF && stream_asked(file))
		thread_reads(dev | CW_GIVING);
	else if (key == IOC_V4L2_STREAMOFF)
		return stream_end_of(file, rung);
	else if (key == IOC_V4L2_DQBUF && frames_by_ioctl)
		return stream_count(dev, 1, 0, rung);
	return 0;
}

#endif
