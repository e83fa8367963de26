// SPDX-License-Identifier: Apache-2.0
/*
 * What a case says about itself, and how it proves that it got at the data. A proof uses the
 * descriptor it is given and opens nothing, so that the only way in is the case's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/media.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks.h"

int attack_fail(const struct attack *a, const char *format, ...)
{
	struct result *r = a->result;
	int error = errno;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(r->how, sizeof(r->how), format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(r->how))
		snprintf(r->how + n, sizeof(r->how) - (size_t)n, ": %s", strerror(error));
	r->error = error ? -error : -EIO;
	return r->error;
}

int attack_skip(const struct attack *a, const char *format, ...)
{
	struct result *r = a->result;
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->skipped, sizeof(r->skipped), format, ap);
	va_end(ap);
	return 0;
}

int attack_cannot(const struct attack *a, const char *format, ...)
{
	char what[160];
	int error = errno;
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	errno = error;
	if (error != ENOSYS && error != EOPNOTSUPP && error != EPERM && error != EXDEV &&
	    error != ENODEV)
		return attack_fail(a, "%s", what);
	return attack_skip(a, "%s: %s", what, strerror(error));
}

static void note(const struct attack *a, const struct stat *st, const char *object,
		 const char *how)
{
	struct result *r = a->result;

	r->pid = getpid();
	r->tid = (pid_t)syscall(SYS_gettid);
	if (st) {
		r->known = true;
		r->dev = st->st_dev;
		r->ino = st->st_ino;
		r->rdev = st->st_rdev;
		r->mode = st->st_mode;
	}
	snprintf(r->object, sizeof(r->object), "%s", object);
	snprintf(r->how, sizeof(r->how), "%s", how);
}

int attack_reached(const struct attack *a, const struct stat *st, const char *object,
		   const char *how)
{
	note(a, st, object, how);
	a->result->reached = true;
	return 0;
}

int attack_denied(const struct attack *a, const struct stat *st, const char *object, int error,
		  const char *how)
{
	note(a, st, object, how);
	a->result->denied = true;
	a->result->error = error;
	return 0;
}

bool find_marker(const void *data, size_t length)
{
	return memmem(data, length, ATTACK_MARKER, strlen(ATTACK_MARKER)) != NULL;
}

uint64_t checksum(const void *data, size_t length)
{
	const unsigned char *p = data;
	uint64_t sum = 0xcbf29ce484222325;

	while (length--)
		sum = (sum ^ *p++) * 0x100000001b3;
	return sum;
}

int read_marker(int fd)
{
	static char data[65536];
	const size_t keep = strlen(ATTACK_MARKER) - 1;
	size_t have = 0;
	off_t offset = 0;
	ssize_t n;

	for (;;) {
		n = pread(fd, data + have, sizeof(data) - have, offset);
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		offset += n;
		have += (size_t)n;
		if (find_marker(data, have))
			return 0;
		/* It may lie across the border. */
		if (have > keep) {
			memmove(data, data + have - keep, keep);
			have = keep;
		}
	}
}

int write_marker(int fd, const char *name)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s%s\n", ATTACK_MARKER, name);

	if (write(fd, text, (size_t)n) != n)
		return errno ? -errno : -EIO;
	return 0;
}

static int prove_device(int fd, const char **ret_how)
{
	struct media_device_info info;

	*ret_how = "VIDIOC_QUERYCAP";
	if (!camera_identify(fd))
		return 0;
	memset(&info, 0, sizeof(info));
	*ret_how = "MEDIA_IOC_DEVICE_INFO";
	return ioctl(fd, MEDIA_IOC_DEVICE_INFO, &info) ? -errno : 0;
}

int attack_prove(const struct attack *a, int fd, const char *object)
{
	const char *how = "read marker";
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return attack_fail(a, "fstat");
	if (S_ISCHR(st.st_mode))
		err = prove_device(fd, &how);
	else
		err = read_marker(fd);
	if (err) {
		errno = -err;
		return attack_fail(a, "%s of %s", how, object);
	}
	return attack_reached(a, &st, object, how);
}

int attack_prove_opened(const struct attack *a, int fd, const char *object, const char *what)
{
	int err;

	if (fd < 0)
		return attack_fail(a, "%s %s", what, object);
	err = attack_prove(a, fd, object);
	close(fd);
	return err;
}

char *text_of(const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		fputs("attacks: out of memory\n", stderr);
		_exit(ENOMEM);
	}
	return text;
}

char *attack_name(const struct attack *a, const char *directory, const char *suffix)
{
	char *path = text_of("%s/attack-%d-%s", strcmp(directory, "/") ? directory : "",
			     (int)getpid(), suffix);

	undo_add(a, UNDO_REMOVE, path, NULL, 0, 0);
	return path;
}

int attack_plant(const struct attack *a, int dirfd, const char *path)
{
	int fd, err;

	if (a->camera)
		return mknodat(dirfd, path, S_IFCHR | 0600, a->stat.st_rdev) ? -errno : 0;
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_marker(fd, "planted");
	close(fd);
	return err;
}
