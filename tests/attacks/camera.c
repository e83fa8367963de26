// SPDX-License-Identifier: Apache-2.0
/*
 * V4L2 capture in the format that the camera is set to; it is never changed. Only one user
 * can stream, and the one before (another case) may take a while to go, so the first request
 * is repeated while the camera is busy.
 */
#include <errno.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "attacks.h"

#define BUSY_TRIES 60
#define FRAME_MS 6000

static int xioctl(int fd, unsigned long request, void *argument)
{
	int n;

	do {
		n = ioctl(fd, request, argument);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void wait_a_little(void)
{
	const struct timespec time = {.tv_nsec = 50000000};

	nanosleep(&time, NULL);
}

int camera_identify(int fd)
{
	struct v4l2_capability capability;

	memset(&capability, 0, sizeof(capability));
	return xioctl(fd, VIDIOC_QUERYCAP, &capability);
}

static int request_buffers(struct camera *c)
{
	struct v4l2_requestbuffers request;
	int err, tries = 0;

	do {
		memset(&request, 0, sizeof(request));
		request.count = CAMERA_BUFFERS;
		request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
		request.memory = c->memory;
		err = xioctl(c->fd, VIDIOC_REQBUFS, &request);
		if (err == -EBUSY)
			wait_a_little();
	} while (err == -EBUSY && ++tries < BUSY_TRIES);
	if (err)
		return err;
	c->buffers = request.count < CAMERA_BUFFERS ? request.count : CAMERA_BUFFERS;
	return c->buffers ? 0 : -ENOBUFS;
}

static int frame_size(int fd, size_t *ret_size)
{
	struct v4l2_format format;
	int err;

	memset(&format, 0, sizeof(format));
	format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	err = xioctl(fd, VIDIOC_G_FMT, &format);
	if (!err)
		*ret_size = format.fmt.pix.sizeimage;
	return err;
}

static int make_buffer(struct camera *c, unsigned int i)
{
	struct v4l2_buffer b;
	void *start;
	int err;

	if (c->memory == V4L2_MEMORY_USERPTR) {
		err = frame_size(c->fd, &c->buffer[i].length);
		if (!err && posix_memalign(&start, 4096, c->buffer[i].length))
			err = -ENOMEM;
		if (!err)
			c->buffer[i].start = start;
		return err;
	}
	memset(&b, 0, sizeof(b));
	b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	b.memory = c->memory;
	b.index = i;
	err = xioctl(c->fd, VIDIOC_QUERYBUF, &b);
	if (err)
		return err;
	c->buffer[i].length = b.length;
	c->buffer[i].offset = b.m.offset;
	if (!c->map)
		return 0;
	start = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, b.m.offset);
	if (start == MAP_FAILED)
		return -errno;
	c->buffer[i].start = start;
	return 0;
}

int camera_start(struct camera *c)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE, err;
	unsigned int i;

	err = request_buffers(c);
	for (i = 0; !err && i < c->buffers; i++) {
		err = make_buffer(c, i);
		if (!err)
			err = camera_give(c, i);
	}
	return err ? err : xioctl(c->fd, VIDIOC_STREAMON, &type);
}

int camera_give(struct camera *c, unsigned int number)
{
	struct v4l2_buffer b;

	memset(&b, 0, sizeof(b));
	b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	b.memory = c->memory;
	b.index = number;
	if (c->memory == V4L2_MEMORY_USERPTR) {
		b.m.userptr = (unsigned long)c->buffer[number].start;
		b.length = (unsigned int)c->buffer[number].length;
	}
	return xioctl(c->fd, VIDIOC_QBUF, &b);
}

int camera_wait(const struct camera *c)
{
	struct pollfd wait = {.fd = c->fd, .events = POLLIN};
	int n = poll(&wait, 1, FRAME_MS);

	if (n < 1)
		return n ? -errno : -ETIMEDOUT;
	return 0;
}

int camera_take(struct camera *c)
{
	struct v4l2_buffer b;
	int err;

	err = camera_wait(c);
	if (err)
		return err;
	memset(&b, 0, sizeof(b));
	b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	b.memory = c->memory;
	err = xioctl(c->fd, VIDIOC_DQBUF, &b);
	if (err)
		return err;
	return b.index < c->buffers ? (int)b.index : -ERANGE;
}

void camera_stop(struct camera *c)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct v4l2_requestbuffers request;
	unsigned int i;

	xioctl(c->fd, VIDIOC_STREAMOFF, &type);
	for (i = 0; i < c->buffers; i++) {
		if (c->memory == V4L2_MEMORY_MMAP && c->buffer[i].start)
			munmap(c->buffer[i].start, c->buffer[i].length);
	}
	memset(&request, 0, sizeof(request));
	request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	request.memory = c->memory;
	xioctl(c->fd, VIDIOC_REQBUFS, &request);
	if (c->memory == V4L2_MEMORY_USERPTR) {
		for (i = 0; i < c->buffers; i++)
			free(c->buffer[i].start);
	}
}

bool is_picture(const void *data, size_t length)
{
	const unsigned char *p = data;
	size_t i;

	for (i = 0; i < length; i++) {
		if (p[i])
			return true;
	}
	return false;
}

int camera_capture(int fd, unsigned int memory, unsigned int frames, unsigned int *ret_frames)
{
	struct camera c = {.fd = fd, .memory = memory, .map = memory == V4L2_MEMORY_MMAP};
	unsigned int i = 0;
	int number, err;

	err = camera_start(&c);
	while (!err && i < frames) {
		number = camera_take(&c);
		if (number < 0)
			err = number;
		else if (!is_picture(c.buffer[number].start, c.buffer[number].length))
			err = -ENODATA;
		else
			err = camera_give(&c, (unsigned int)number);
		if (!err)
			*ret_frames = ++i;
	}
	camera_stop(&c);
	return err;
}

int camera_read(int fd, unsigned int frames, unsigned int *ret_frames, void *data, size_t size,
		size_t *ret_length)
{
	unsigned char *frame;
	size_t length = 0;
	unsigned int i = 0;
	int err, tries = 0;
	ssize_t n;

	err = frame_size(fd, &length);
	if (err)
		return err;
	frame = calloc(1, length);
	if (!frame)
		return -ENOMEM;
	while (!err && i < frames) {
		n = read(fd, frame, length);
		if (n < 0 && errno == EBUSY && ++tries < BUSY_TRIES)
			wait_a_little();
		else if (n < 0)
			err = -errno;
		else if (!n || !is_picture(frame, (size_t)n))
			err = -ENODATA;
		else
			*ret_frames = ++i;
	}
	if (!err && data) {
		*ret_length = length < size ? length : size;
		memcpy(data, frame, *ret_length);
	}
	free(frame);
	return err;
}
