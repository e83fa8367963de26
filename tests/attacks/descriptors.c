// SPDX-License-Identifier: Apache-2.0
/*
 * A descriptor that the process at the data never opened, or opened by another descriptor:
 * O_PATH, /proc, sockets, pidfds, fork and exec. Also the program that runs after exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

static int run_opath(const struct attack *a)
{
	int path = open(a->target, O_PATH | O_CLOEXEC), fd;

	if (path < 0)
		return attack_fail(a, "open O_PATH");
	fd = open(text_of("/proc/self/fd/%d", path), O_RDONLY | O_CLOEXEC);
	close(path);
	return attack_prove_opened(a, fd, a->target, "reopen O_PATH of");
}

static int run_proc_fd(const struct attack *a)
{
	struct holder holder;
	const char *path;
	int err;

	if (holder_start(a, &holder, hold_open))
		return a->result->error;
	path = text_of("/proc/%d/fd/%d", (int)holder.pid, a->result->held.fd);
	err = attack_prove_opened(a, open(path, O_RDONLY | O_CLOEXEC), path, "open");
	holder_stop(&holder);
	return err;
}

static int run_scm_rights(const struct attack *a)
{
	struct holder holder;
	int fd, err;

	if (holder_start(a, &holder, hold_and_send))
		return a->result->error;
	fd = receive_fd(holder.sock);
	errno = fd < 0 ? -fd : 0;
	err = attack_prove_opened(a, fd < 0 ? -1 : fd, a->target, "receive");
	holder_stop(&holder);
	return err;
}

static int run_pidfd_getfd(const struct attack *a)
{
	struct holder holder;
	int pidfd, fd, err;

	if (holder_start(a, &holder, hold_open))
		return a->result->error;
	pidfd = (int)syscall(SYS_pidfd_open, holder.pid, 0);
	fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, a->result->held.fd, 0);
	if (fd < 0)
		err = attack_cannot(a, "pidfd_getfd");
	else
		err = attack_prove_opened(a, fd, a->target, "pidfd_getfd");
	close(pidfd);
	holder_stop(&holder);
	return err;
}

static int inherit(const struct attack *a, int (*use)(const struct attack *a, int fd))
{
	int err, fd = open(a->target, a->camera ? O_RDWR : O_RDONLY);

	if (fd < 0)
		return attack_fail(a, "open");
	err = child_run(a, use, fd);
	close(fd);
	return err;
}

static int use_read(const struct attack *a, int fd)
{
	int err;

	if (!a->camera)
		return attack_prove(a, fd, a->target);
	err = camera_read(fd, 1, &a->result->frames, NULL, 0, NULL);
	errno = -err;
	return err ? attack_fail(a, "read frame") :
		     attack_reached(a, &a->stat, a->target, "read frame");
}

static int use_after_exec(const struct attack *a, int fd)
{
	execl("/proc/self/exe", "attacks", "--use-fd", text_of("%d", fd), "--result-fd",
	      text_of("%d", dup(a->result_fd)), "--target", a->target, (char *)NULL);
	return attack_fail(a, "exec");
}

static int run_fork_read(const struct attack *a)
{
	return inherit(a, use_read);
}

static int use_ioctl(const struct attack *a, int fd)
{
	return attack_prove(a, fd, a->target);
}

static int run_fork_ioctl(const struct attack *a)
{
	return inherit(a, use_ioctl);
}

static int run_exec(const struct attack *a)
{
	return inherit(a, use_after_exec);
}

/* This program out of memory, so that no file of it is to be found. */
static int exec_memfd(const struct attack *a, int memfd)
{
	char *const arguments[] = {"attacks", "--use-fd", "-1", "--result-fd",
				   text_of("%d", dup(a->result_fd)), "--target",
				   text_of("%s", a->target), NULL};
	char *const none[] = {NULL};

	fexecve(memfd, arguments, none);
	return attack_fail(a, "exec of a memfd");
}

static int run_exec_memfd(const struct attack *a)
{
	int memfd = memfd_create("nothing-to-see", MFD_CLOEXEC);
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), err;
	struct stat st;

	if (memfd < 0 || self < 0 || fstat(self, &st))
		return attack_cannot(a, "memfd_create");
	while (sendfile(memfd, self, NULL, (size_t)st.st_size) > 0)
		;
	close(self);
	err = child_run(a, exec_memfd, memfd);
	/* The child has it from nobody. */
	a->result->from_pid = 0;
	return err;
}

/* The child opens into a table of descriptors that is ours too, and is gone before we use it. */
static int run_shared_table(const struct attack *a)
{
	struct result *r = a->result;
	int status;
	pid_t pid;

	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return attack_fail(a, "clone");
	if (!pid)
		_exit(-hold_open(a, -1) & 0xff);
	r->from_pid = pid;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return attack_fail(a, "waitpid");
	errno = WEXITSTATUS(status);
	return attack_prove_opened(a, errno ? -1 : r->held.fd, a->target, "open by the child of");
}

/* Answers one system call of the other process with a descriptor. */
static int supervise(const struct attack *a, int listener)
{
	struct seccomp_notif call;
	struct seccomp_notif_addfd add;
	struct seccomp_notif_resp answer;
	int err = hold_open(a, -1);

	memset(&call, 0, sizeof(call));
	memset(&add, 0, sizeof(add));
	memset(&answer, 0, sizeof(answer));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return -errno;
	answer.id = add.id = call.id;
	add.srcfd = (uint32_t)a->result->held.fd;
	add.newfd_flags = O_CLOEXEC;
	answer.error = err;
	if (!err) {
		answer.val = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
		if (answer.val < 0)
			answer.error = -errno;
	}
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ? -errno : 0;
}

static int run_seccomp(const struct attack *a)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {ARRAY_SIZE(code), code};
	int listener, fd;
	pid_t pid;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return attack_fail(a, "no_new_privs");
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		return errno == EINVAL ? attack_skip(a, "seccomp has no listeners") :
					 attack_cannot(a, "seccomp");
	pid = child_start();
	if (pid < 0)
		return attack_fail(a, "fork");
	if (!pid)
		_exit(-supervise(a, listener) & 0xff);
	a->result->from_pid = pid;
	close(listener);
	fd = (int)syscall(SYS_getsid, 0);
	waitpid(pid, NULL, 0);
	if (fd < 0)
		return errno == EINVAL ? attack_skip(a, "seccomp cannot add descriptors") :
					 attack_fail(a, "descriptor from a seccomp supervisor");
	return attack_prove_opened(a, fd, a->target, "descriptor of");
}

const struct attack_case cases_descriptors[] = {
	{"opath", 6, NEEDS_ANY, "O_PATH, reopened by /proc/self/fd", run_opath},
	{"proc-fd", 7, NEEDS_ANY, "open of another process's /proc/PID/fd", run_proc_fd},
	{"scm-rights", 14, NEEDS_ANY, "descriptor received over a socket", run_scm_rights},
	{"pidfd-getfd", 15, NEEDS_ANY, "descriptor taken with pidfd_getfd", run_pidfd_getfd},
	{"seccomp", 0, NEEDS_ANY, "descriptor put into the process by a seccomp supervisor",
	 run_seccomp},
	{"shared-table", 16, NEEDS_ANY, "opened by a process that shares its descriptors (clone)",
	 run_shared_table},
	{"fork-read", 16, NEEDS_ANY, "child reads by an inherited descriptor", run_fork_read},
	{"fork-ioctl", 16, NEEDS_CAMERA, "child's ioctl on an inherited descriptor",
	 run_fork_ioctl},
	{"exec", 17, NEEDS_ANY, "descriptor kept over exec", run_exec},
	{"exec-memfd", 23, NEEDS_ANY, "opened by a program that is only in a memfd",
	 run_exec_memfd},
	{0},
};
