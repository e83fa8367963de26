// SPDX-License-Identifier: Apache-2.0
/*
 * Standard input as a file that can be read more than once: what comes through a pipe goes to a
 * file without a name, which is gone with the process.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cmd.h"
#include "spool.h"
#include "traces.h"
#include "trace/format.h"

#define CHUNK (64u << 10)

static int read_chunk(uint8_t *chunk, size_t *ret_len)
{
	size_t len = 0;

	while (len < CHUNK) {
		ssize_t n = read(STDIN_FILENO, chunk + len, CHUNK - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	*ret_len = len;
	return 0;
}

static int write_chunk(int fd, const uint8_t *chunk, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, chunk + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* An eighth of what is free there stays so, whatever comes. */
static uint64_t room_in(int fd)
{
	struct statvfs st;

	return fstatvfs(fd, &st) ? UINT64_MAX : (uint64_t)st.f_bavail * st.f_frsize / 8 * 7;
}

/* What is no trace is not worth any room. */
static bool is_trace(const uint8_t *chunk, size_t len)
{
	struct cw_trace_head head;

	return len >= CW_TRACE_HEAD_SIZE && cw_trace_head_get(chunk, &head) != -EBADMSG;
}

static int copy_stdin(int fd, uint64_t *ret_bytes)
{
	cw_auto_free uint8_t *chunk = malloc(CHUNK);
	uint64_t room = room_in(fd);
	size_t len = 0;
	int e = chunk ? 0 : -ENOMEM;

	*ret_bytes = 0;
	do {
		if (!e)
			e = read_chunk(chunk, &len);
		if (!e && !*ret_bytes && !is_trace(chunk, len))
			e = -EBADMSG;
		if (!e && *ret_bytes + len > room)
			e = -ENOSPC;
		if (!e)
			e = write_chunk(fd, chunk, len);
		*ret_bytes += e ? 0 : len;
	} while (!e && len == CHUNK);
	return e;
}

int cw_spool_stdin(const char *verb)
{
	const char *dir = getenv("TMPDIR");
	cw_auto_close int fd = -1;
	uint64_t bytes = 0;
	struct stat st;
	char what[160];
	int e;

	if (!fstat(STDIN_FILENO, &st) && S_ISREG(st.st_mode))
		return 0;
	dir = dir && *dir ? dir : "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	e = fd < 0 ? -errno : copy_stdin(fd, &bytes);
	if (!e && (lseek(fd, 0, SEEK_SET) || dup2(fd, STDIN_FILENO) < 0))
		e = -errno;
	if (!e)
		return 0;
	if (e == -EBADMSG) {
		cw_traces_message(verb, "-", CW_TRACES_NO_TRACE);
		return CW_EXIT_FAILED;
	}
	snprintf(what, sizeof(what), "standard input is read more than once and is kept here "
		 "meanwhile: %s after %llu bytes; TMPDIR names another directory", strerror(-e),
		 (unsigned long long)bytes);
	cw_traces_message(verb, dir, what);
	return CW_EXIT_FAILED;
}
