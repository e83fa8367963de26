// SPDX-License-Identifier: Apache-2.0
/*
 * Frames: captured by every method, by the opener, another thread and another process, and
 * the second user whom the driver turns away.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks.h"

#define READ_WRITE 0	/* no enum v4l2_memory */

static int capture(const struct attack *a, int fd, unsigned int memory, const char *how)
{
	unsigned int *frames = &a->result->frames;
	int err;

	if (memory == READ_WRITE)
		err = camera_read(fd, a->frames, frames, NULL, 0, NULL);
	else
		err = camera_capture(fd, memory, a->frames, frames);
	if (err == -EINVAL && !*frames)
		return attack_skip(a, "this camera has no %s", how);
	errno = -err;
	return err ? attack_fail(a, "%s after %u frames", how, *frames) :
		     attack_reached(a, &a->stat, a->target, how);
}

static int open_and_capture(const struct attack *a, unsigned int memory, const char *how)
{
	int err, fd = open(a->target, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return attack_fail(a, "open");
	err = capture(a, fd, memory, how);
	close(fd);
	return err;
}

static int run_mmap(const struct attack *a)
{
	return open_and_capture(a, V4L2_MEMORY_MMAP, "frames in mapped buffers");
}

static int run_userptr(const struct attack *a)
{
	return open_and_capture(a, V4L2_MEMORY_USERPTR, "frames in user pointers");
}

static int run_read(const struct attack *a)
{
	return open_and_capture(a, READ_WRITE, "frames by read");
}

/* The driver fills the mapped buffers; none is ever taken back from it. */
static int run_undequeued(const struct attack *a)
{
	struct camera c = {.fd = open(a->target, O_RDWR | O_CLOEXEC),
			   .memory = V4L2_MEMORY_MMAP, .map = true};
	bool picture = false;
	unsigned int i;
	int err;

	if (c.fd < 0)
		return attack_fail(a, "open");
	err = camera_start(&c);
	if (!err)
		err = camera_wait(&c);
	for (i = 0; !err && i < c.buffers; i++)
		picture = picture || is_picture(c.buffer[i].start, c.buffer[i].length);
	camera_stop(&c);
	close(c.fd);
	if (!err && !picture)
		err = -ENODATA;
	errno = -err;
	return err ? attack_fail(a, "a picture in a mapped buffer") :
		     attack_reached(a, &a->stat, a->target, "a picture in a mapped buffer");
}

struct job {
	const struct attack *a;
	int fd;
	int err;
};

static void *thread_main(void *argument)
{
	struct job *job = argument;

	job->err = capture(job->a, job->fd, V4L2_MEMORY_MMAP, "frames in another thread");
	return NULL;
}

static int run_thread(const struct attack *a)
{
	struct job job = {.a = a, .fd = open(a->target, O_RDWR | O_CLOEXEC)};
	pthread_t thread;

	if (job.fd < 0)
		return attack_fail(a, "open");
	errno = pthread_create(&thread, NULL, thread_main, &job);
	if (errno)
		return attack_fail(a, "pthread_create");
	pthread_join(thread, NULL);
	close(job.fd);
	return job.err;
}

static int use_capture(const struct attack *a, int fd)
{
	return capture(a, fd, V4L2_MEMORY_MMAP, "frames by an inherited descriptor");
}

static int run_inherited(const struct attack *a)
{
	int err, fd = open(a->target, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return attack_fail(a, "open");
	err = child_run(a, use_capture, fd);
	close(fd);
	return err;
}

static int run_passed(const struct attack *a)
{
	struct holder holder;
	int fd, err;

	if (holder_start(a, &holder, hold_and_send))
		return a->result->error;
	fd = receive_fd(holder.sock);
	if (fd < 0) {
		errno = -fd;
		err = attack_fail(a, "receive");
	} else {
		err = capture(a, fd, V4L2_MEMORY_MMAP, "frames by a received descriptor");
		close(fd);
	}
	holder_stop(&holder);
	return err;
}

/* It may open and ask, but the buffers are another's. */
static int run_busy(const struct attack *a)
{
	struct v4l2_requestbuffers request;
	struct holder holder;
	int fd, err;

	if (holder_start(a, &holder, hold_frame))
		return a->result->error;
	fd = open(a->target, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err = errno == EBUSY ? attack_denied(a, &a->stat, a->target, -EBUSY, "open") :
				       attack_fail(a, "open");
	else if (attack_prove(a, fd, a->target))
		err = a->result->error;
	else {
		memset(&request, 0, sizeof(request));
		request.count = 2;
		request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
		request.memory = V4L2_MEMORY_MMAP;
		errno = 0;
		if (ioctl(fd, VIDIOC_REQBUFS, &request) && errno == EBUSY)
			err = attack_denied(a, &a->stat, a->target, -EBUSY,
					    "VIDIOC_QUERYCAP, then VIDIOC_REQBUFS refused");
		else
			err = attack_fail(a, "a second user is not refused");
	}
	holder_stop(&holder);
	return err;
}

const struct attack_case cases_stream[] = {
	{"stream-mmap", 1, NEEDS_CAMERA, "frames in mapped buffers", run_mmap},
	{"stream-userptr", 1, NEEDS_CAMERA, "frames in user pointers", run_userptr},
	{"stream-read", 1, NEEDS_CAMERA, "frames by read", run_read},
	{"stream-undequeued", 1, NEEDS_CAMERA, "a picture in a mapped buffer, without VIDIOC_DQBUF",
	 run_undequeued},
	{"stream-thread", 1, NEEDS_CAMERA, "frames in a thread that is not the opener", run_thread},
	{"stream-inherited", 16, NEEDS_CAMERA, "frames by a child's inherited descriptor",
	 run_inherited},
	{"stream-passed", 14, NEEDS_CAMERA, "frames by a descriptor received over a socket",
	 run_passed},
	{"denied-busy", 1, NEEDS_CAMERA, "second user while another streams: EBUSY", run_busy},
	{0},
};
