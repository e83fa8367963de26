// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that a case needs beside its own: a child that uses what it inherited, and a
 * holder that has the target before the case gets it. They end with the case.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

#define SECRET_MAX 4096
#define SECRET_TAG 64	/* the tag before it, by which it is found in a core dump */

pid_t child_start(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

int child_run(const struct attack *a, int (*fn)(const struct attack *a, int fd), int fd)
{
	int status;
	pid_t pid;

	a->result->from_pid = getpid();
	pid = child_start();
	if (pid < 0)
		return attack_fail(a, "fork");
	if (!pid)
		_exit(-fn(a, fd) & 0xff);
	if (waitpid(pid, &status, 0) != pid)
		return attack_fail(a, "waitpid");
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	errno = EINTR;
	return attack_fail(a, "child %d killed by signal %d", (int)pid, WTERMSIG(status));
}

int holder_start(const struct attack *a, struct holder *h, hold_fn hold)
{
	int pair[2], status;
	ssize_t n;
	char end;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return attack_fail(a, "socketpair");
	h->pid = child_start();
	if (h->pid < 0)
		return attack_fail(a, "fork");
	if (!h->pid) {
		close(pair[0]);
		a->result->held.pid = getpid();
		status = hold(a, pair[1]);
		if (send(pair[1], &status, sizeof(status), MSG_NOSIGNAL) == sizeof(status) &&
		    !status)
			while (recv(pair[1], &end, 1, 0) < 0 && errno == EINTR)
				;
		_exit(0);
	}
	close(pair[1]);
	h->sock = pair[0];
	a->result->from_pid = h->pid;
	/* What hold sent by itself is one byte with a descriptor; it stays for the case. */
	n = recv(h->sock, &status, sizeof(status), MSG_PEEK);
	if (n == 1)
		return 0;
	if (n == (ssize_t)sizeof(status) && !status)
		return recv(h->sock, &status, sizeof(status), 0) < 0 ? -errno : 0;
	errno = n == (ssize_t)sizeof(status) ? -status : ECHILD;
	return attack_fail(a, "the holder cannot get the target");
}

int holder_go_on(const struct attack *a, struct holder *h)
{
	char word = 0;
	int status;

	if (recv(h->sock, &word, 1, 0) == 1 && send(h->sock, &word, 1, MSG_NOSIGNAL) == 1 &&
	    recv(h->sock, &status, sizeof(status), 0) == (ssize_t)sizeof(status)) {
		if (!status)
			return 0;
		errno = -status;
	}
	return attack_fail(a, "the holder cannot get the target");
}

void holder_stop(struct holder *h)
{
	close(h->sock);
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
}

int hold_open(const struct attack *a, int sock)
{
	int fd = open(a->target, (a->camera ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	(void)sock;
	if (fd < 0)
		return -errno;
	a->result->held.fd = fd;
	return 0;
}

int hold_and_send(const struct attack *a, int sock)
{
	int err = hold_open(a, sock);

	return err ? err : send_fd(sock, a->result->held.fd);
}

static const char *secret_tag(pid_t pid)
{
	return text_of("camwarden-secret-%d", (int)pid);
}

bool find_secret(const struct held *held, const void *data, size_t length)
{
	const char *tag = secret_tag(held->pid), *p = data, *end = p + length;

	while ((p = memmem(p, (size_t)(end - p), tag, strlen(tag) + 1))) {
		if ((size_t)(end - p) >= SECRET_TAG + held->length &&
		    checksum(p + SECRET_TAG, held->length) == held->sum)
			return true;
		p++;
	}
	return false;
}

int hold_secret(const struct attack *a, int sock)
{
	struct held *held = &a->result->held;
	unsigned int frames;
	char *secret = calloc(1, SECRET_TAG + SECRET_MAX);
	ssize_t n;
	int err = secret ? hold_open(a, sock) : -ENOMEM;

	if (err)
		return err;
	strcpy(secret, secret_tag(held->pid));
	secret += SECRET_TAG;
	if (a->camera) {
		err = camera_read(held->fd, 1, &frames, secret, SECRET_MAX, &held->length);
		if (err)
			return err;
	} else {
		n = read(held->fd, secret, SECRET_MAX);
		if (n < 1)
			return n ? -errno : -ENODATA;
		held->length = (size_t)n;
	}
	held->address = (uint64_t)(uintptr_t)secret;
	held->sum = checksum(secret, held->length);
	return 0;
}

int hold_secret_later(const struct attack *a, int sock)
{
	char word = 0;

	if (send(sock, &word, 1, MSG_NOSIGNAL) != 1 || recv(sock, &word, 1, 0) != 1)
		return -EPIPE;
	return hold_secret(a, sock);
}

int hold_frame(const struct attack *a, int sock)
{
	struct held *held = &a->result->held;
	static struct camera camera;
	int number, err = hold_open(a, sock);

	if (err)
		return err;
	camera = (struct camera){.fd = held->fd, .memory = V4L2_MEMORY_MMAP, .map = true};
	err = camera_start(&camera);
	if (err)
		return err;
	number = camera_take(&camera);
	if (number < 0)
		return number;
	held->length = camera.buffer[number].length;
	if (held->length > SECRET_MAX)
		held->length = SECRET_MAX;
	held->address = (uint64_t)(uintptr_t)camera.buffer[number].start;
	held->sum = checksum(camera.buffer[number].start, held->length);
	return 0;
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int send_fd(int sock, int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union control control;
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	return sendmsg(sock, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int receive_fd(int sock)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union control control;
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	if (!CMSG_FIRSTHDR(&message) || control.header.cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	return fd;
}
