// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "procfs.h"

#define TCP_ESTABLISHED 1 /* include/net/tcp_states.h */
#define TCP_CLOSE_WAIT	8
#define TCP_LISTEN	10
#define SOCKETS_MAX	65536
#define UNIX98_PTY	136 /* Documentation/admin-guide/devices.txt: eight majors of them */
#define TTY_MAJOR	4

struct socket {
	uint64_t ino;
	struct cw_conn conn;
	unsigned int state;
};

struct cw_procfs {
	struct socket *sockets;
	size_t n;
	size_t room;
};

/* ---- files ---- */

/* Up to the buffer's size less one; the length, 0: it cannot be read. Adds a NUL. */
static size_t read_file(uint32_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	cw_auto_close int fd = -1;
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < size - 1 && (n = read(fd, ret + len, size - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	return len;
}

char *cw_procfs_link(uint32_t pid, const char *name)
{
	char path[96], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	return strdup(target);
}

static uint32_t read_number(uint32_t pid, const char *name)
{
	char text[32];

	return read_file(pid, name, text, sizeof(text)) ? (uint32_t)strtoul(text, NULL, 10) :
							  CW_NO_UID;
}

/* ---- connections ---- */

/* An address of /proc/net/tcp: words of four bytes in the machine's order. */
static bool read_address(const char *hex, uint8_t addr[16], unsigned int *ret_len, uint16_t *port)
{
	const char *colon = strchr(hex, ':');
	size_t len = colon ? (size_t)(colon - hex) / 8 : 0;

	if (len != 1 && len != 4)
		return false;
	for (size_t i = 0; i < len; i++) {
		char word[9] = { 0 };
		uint32_t n;

		memcpy(word, hex + 8 * i, 8);
		n = (uint32_t)strtoul(word, NULL, 16);
		memcpy(addr + 4 * i, &n, 4);
	}
	*ret_len = (unsigned int)len * 4;
	*port = (uint16_t)strtoul(colon + 1, NULL, 16);
	return true;
}

static int add_socket(struct cw_procfs *p, const struct socket *s)
{
	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 64;
		struct socket *grown = realloc(p->sockets, room * sizeof(*grown));

		if (!grown || room > SOCKETS_MAX)
			return -ENOMEM;
		p->sockets = grown;
		p->room = room;
	}
	p->sockets[p->n++] = *s;
	return 0;
}

static void read_sockets(struct cw_procfs *p, const char *path)
{
	cw_auto_fclose FILE *f = fopen(path, "re");
	char line[512], local[64], peer[64];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long ino;
		unsigned int len;
		struct socket s = { 0 };

		if (sscanf(line, " %*u: %63s %63s %x %*s %*s %*s %*s %*s %llu", local, peer,
			   &s.state, &ino) != 4 ||
		    !read_address(local, s.conn.peer, &len, &s.conn.local_port) ||
		    !read_address(peer, s.conn.peer, &len, &s.conn.peer_port))
			continue;
		s.ino = ino;
		s.conn.family = len == 4 ? AF_INET : AF_INET6;
		s.conn.seeded = 1;
		if (add_socket(p, &s))
			return;
	}
}

int cw_procfs_new(struct cw_procfs **ret_procfs)
{
	struct cw_procfs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	read_sockets(p, "/proc/net/tcp");
	read_sockets(p, "/proc/net/tcp6");
	*ret_procfs = p;
	return 0;
}

void cw_procfs_free(struct cw_procfs *p)
{
	if (!p)
		return;
	free(p->sockets);
	free(p);
}

static const struct socket *find_socket(const struct cw_procfs *p, uint64_t ino)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sockets[i].ino == ino)
			return &p->sockets[i];
	return NULL;
}

static bool is_listened_to(const struct cw_procfs *p, uint16_t port)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sockets[i].state == TCP_LISTEN && p->sockets[i].conn.local_port == port)
			return true;
	return false;
}

struct held_sockets {
	const struct socket *connection; /* the first that came in, or that is its standard input */
	bool outbound;
	bool listens;
};

static void take_socket(const struct cw_procfs *p, const struct socket *s, unsigned long fd,
			struct held_sockets *h)
{
	bool in;

	h->listens = h->listens || s->state == TCP_LISTEN;
	if (h->connection || (s->state != TCP_ESTABLISHED && s->state != TCP_CLOSE_WAIT))
		return;
	in = is_listened_to(p, s->conn.local_port);
	if (!in && fd > 2)
		return;
	h->connection = s;
	h->outbound = !in;
}

static void look_at_sockets(const struct cw_procfs *p, uint32_t pid, struct held_sockets *ret)
{
	char path[64], name[64], target[64];
	struct dirent *d;
	DIR *dir;

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		const struct socket *s;
		unsigned long long ino;
		ssize_t n;

		snprintf(name, sizeof(name), "%.20s", d->d_name);
		n = readlinkat(dirfd(dir), name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		s = sscanf(target, "socket:[%llu]", &ino) == 1 ? find_socket(p, ino) : NULL;
		if (s)
			take_socket(p, s, strtoul(name, NULL, 10), ret);
	}
	if (dir)
		closedir(dir);
}

/*
 * As the agent works it out for what was there before it: who holds a connection to a port on which
 * another process listens was spawned for it, and so were its descendants.
 */
static void find_connection(const struct cw_procfs *p, struct cw_proc *proc)
{
	struct held_sockets h;

	for (uint32_t i = 0; i <= proc->task.n_lineage; i++) {
		uint32_t pid = i ? proc->task.lineage[i - 1].tgid : proc->task.tgid;

		look_at_sockets(p, pid, &h);
		if (h.listens || !h.connection)
			continue;
		proc->task.conn = h.connection->conn;
		proc->task.conn.outbound = h.outbound;
		proc->task.conn.via_tgid = pid;
		proc->via = cw_procfs_link(pid, "exe");
		return;
	}
}

/* ---- the process ---- */

struct stat_line {
	char comm[CW_COMM_SIZE];
	uint32_t ppid;
	unsigned int tty;
	unsigned int flags;
	uint64_t start_ns;
};

/* The name may hold anything, brackets too: it ends with the last one. */
static int read_stat(uint32_t pid, struct stat_line *ret)
{
	char text[1024], *from, *to;
	unsigned long long ticks;
	long hz = sysconf(_SC_CLK_TCK);
	int tty;

	if (!read_file(pid, "stat", text, sizeof(text)))
		return -ESRCH;
	from = strchr(text, '(');
	to = strrchr(text, ')');
	if (!from || !to ||
	    sscanf(to + 1, " %*c %u %*d %*d %d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		   "%*d %llu", &ret->ppid, &tty, &ret->flags, &ticks) != 4 || hz <= 0)
		return -ESRCH;
	*to = '\0';
	snprintf(ret->comm, sizeof(ret->comm), "%s", from + 1);
	ret->tty = (unsigned int)tty;
	ret->start_ns = ticks * (CW_NSEC_PER_SEC / (uint64_t)hz);
	return 0;
}

static void set_tty(struct cw_task *t, unsigned int tty)
{
	unsigned int major = major(tty), minor = minor(tty);

	if (major >= UNIX98_PTY && major < UNIX98_PTY + 8)
		snprintf(t->tty, sizeof(t->tty), "pts/%u", (major - UNIX98_PTY) * 256 + minor);
	else if (major == TTY_MAJOR && minor < 64)
		snprintf(t->tty, sizeof(t->tty), "tty%u", minor);
	else if (tty)
		snprintf(t->tty, sizeof(t->tty), "%u:%u", major, minor);
}

static void read_status(uint32_t pid, struct cw_proc *proc, struct cw_actor *a)
{
	char text[8192], *at;
	unsigned long long caps;

	read_file(pid, "status", text, sizeof(text));
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at, "\nUid: %u %u", &a->uid, &a->euid) != 2)
		a->uid = a->euid = CW_NO_UID;
	at = strstr(text, "\nGid:");
	if (!at || sscanf(at, "\nGid: %u", &a->gid) != 1)
		a->gid = CW_NO_UID;
	at = strstr(text, "\nCapEff:");
	if (at && sscanf(at, "\nCapEff: %llx", &caps) == 1)
		a->cap_effective = caps;
	at = strstr(text, "\nNSpid:");
	for (at = at ? at + 7 : NULL; at && *at && *at != '\n'; at += strcspn(at, "\t\n"))
		proc->ns_pid = (uint32_t)strtoul(at, &at, 10);
}

static char *read_cgroup(uint32_t pid)
{
	char text[4096], *at;

	read_file(pid, "cgroup", text, sizeof(text));
	at = strncmp(text, "0::", 3) ? strstr(text, "\n0::") : text;
	if (!at)
		return NULL;
	at = strchr(at, '/');
	if (at)
		at[strcspn(at, "\n")] = '\0';
	return at ? strdup(at) : NULL;
}

static void read_argv(uint32_t pid, struct cw_proc *proc)
{
	char text[4096];
	size_t len = read_file(pid, "cmdline", text, sizeof(text)), at = 0;
	unsigned int n = 0;

	if (!len)
		return;
	proc->argv_data = malloc(len + 1);
	if (!proc->argv_data)
		return;
	memcpy(proc->argv_data, text, len + 1);
	for (; at < len && n < CW_ARGS_MAX; at += strlen(proc->argv_data + at) + 1)
		proc->argv[n++] = proc->argv_data + at;
	proc->argv_cut = at < len || len == sizeof(text) - 1;
}

static void read_exe(uint32_t pid, struct cw_proc *proc)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	struct stat st;
	size_t len;

	proc->exe = cw_procfs_link(pid, "exe");
	if (!proc->exe)
		return;
	/* A file may really be called so. */
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	len = strlen(proc->exe);
	if (len <= strlen(deleted) || strcmp(proc->exe + len - strlen(deleted), deleted) ||
	    stat(path, &st) || st.st_nlink)
		return;
	proc->exe[len - strlen(deleted)] = '\0';
	proc->task.flags |= CW_TASK_EXE_DELETED;
}

static void read_ancestors(struct cw_proc *proc)
{
	uint32_t pid = proc->task.ppid;
	struct stat_line s;

	for (uint32_t i = 0; i < CW_LINEAGE_MAX && pid && !read_stat(pid, &s); i++) {
		proc->task.lineage[i].tgid = pid;
		proc->task.lineage[i].start_ns = s.start_ns;
		proc->ancestor_exe[i] = cw_procfs_link(pid, "exe");
		proc->task.n_lineage = i + 1;
		pid = s.ppid;
	}
}

int cw_procfs_read(struct cw_procfs *p, uint32_t pid, bool conn, struct cw_proc *ret_proc,
		   struct cw_actor *ret_actor)
{
	struct stat_line s;
	int r = read_stat(pid, &s);

	if (r)
		return r;
	memset(ret_proc, 0, sizeof(*ret_proc));
	memset(ret_actor, 0, sizeof(*ret_actor));
	ret_actor->tgid = ret_actor->tid = ret_proc->task.tgid = pid;
	ret_actor->start_ns = ret_proc->task.start_ns = s.start_ns;
	ret_actor->task_flags = s.flags;
	memcpy(ret_actor->comm, s.comm, sizeof(s.comm));
	ret_actor->login_uid = read_number(pid, "loginuid");
	ret_actor->session = read_number(pid, "sessionid");
	ret_proc->task.ppid = s.ppid;
	ret_proc->task.flags = CW_TASK_SEEDED;
	ret_proc->known = true;
	set_tty(&ret_proc->task, s.tty);
	read_status(pid, ret_proc, ret_actor);
	read_exe(pid, ret_proc);
	ret_proc->cgroup = read_cgroup(pid);
	read_argv(pid, ret_proc);
	read_ancestors(ret_proc);
	if (conn)
		find_connection(p, ret_proc);
	return 0;
}

void cw_procfs_forget(struct cw_proc *proc)
{
	free(proc->exe);
	free(proc->cgroup);
	free(proc->argv_data);
	free(proc->via);
	free(proc->hop_exe);
	free(proc->unit);
	free(proc->container);
	free(proc->code_path);
	for (int i = 0; i < CW_LINEAGE_MAX; i++)
		free(proc->ancestor_exe[i]);
	memset(proc, 0, sizeof(*proc));
}
