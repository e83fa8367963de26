/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who has touched a camera or a recording makes a connection to elsewhere: with what it may carry.
 * The first for each process, asset and address. What a server answers over a connection that it
 * accepted is no egress: its peer came for it, and is told with its opens.
 */
#ifndef CW_EGRESS_BPF_H
#define CW_EGRESS_BPF_H

#include "hook.bpf.h"
#include "tell.bpf.h"

struct msghdr {
	void *msg_name;
} CW_RELOC;

struct socket___type {
	short type;
} CW_RELOC;

#define SOCK_STREAM_ 1
#define SOCK_DGRAM_  2

/* struct sockaddr_in and _in6, as far as they are needed. */
struct cw_sockaddr {
	__u16 family;
	__u16 port; /* network order */
	union {
		__u8 v4[4];
		struct {
			__u32 flow;
			__u8 v6[16];
		};
	};
};

static __always_inline bool egress_elsewhere(const struct cw_conn *c)
{
	const __u32 *w = (const __u32 *)c->peer;

	/* To no address is to this machine. */
	return c->peer_port && (w[0] || w[1] || w[2] || w[3]) && !conn_loopback(c);
}

static __noinline int egress_asked(struct socket *sock, const void *address, __u32 rung)
{
	struct cw_sockaddr to = {};
	struct telling *p;

	if (bpf_probe_read_kernel(&to, sizeof(to), address) || is_agent() ||
	    (to.family != AF_INET && to.family != AF_INET6))
		return 0;
	p = telling_new(CW_OP_EGRESS, 0, rung);
	if (!p)
		return 0;
	p->conn.family = to.family;
	p->conn.peer_port = (__u16)(to.port << 8 | to.port >> 8);
	if (to.family == AF_INET)
		__builtin_memcpy(p->conn.peer, to.v4, sizeof(to.v4));
	else
		__builtin_memcpy(p->conn.peer, to.v6, sizeof(to.v6));
	p->way = BPF_CORE_READ((struct socket___type *)sock, type);
	if (egress_elsewhere(&p->conn))
		touches_tell(p);
	return 0;
}

/* TCP, and UDP with a fixed peer. Since 5.7. Misses what is no IP, and the kernel's own. */
static __always_inline void on_socket_connect(enum cw_rung rung, struct socket *sock,
					      const void *address)
{
	if (touched_maybe(bpf_get_current_pid_tgid() >> 32))
		egress_asked(sock, address, rung);
}

HOOK(socket_connect, (struct socket *sock, void *address, int length), (sock, address))

/* UDP to whoever each message says, and TCP that connects by its first data. */
static __always_inline void on_socket_sendmsg(enum cw_rung rung, struct socket *sock,
					      struct msghdr *message)
{
	void *address;

	if (!touched_maybe(bpf_get_current_pid_tgid() >> 32))
		return;
	address = BPF_CORE_READ(message, msg_name);
	if (address)
		egress_asked(sock, address, rung);
}

HOOK(socket_sendmsg, (struct socket *sock, struct msghdr *message, int size), (sock, message))

/* The end of connect(2): what the socket is connected to. */
__noinline int egress_of_fd(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = task_file(task, fd);
	struct telling *p;
	struct socket *sock;
	struct sock *sk;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK || is_agent())
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(sock, sk);
	p = sk ? telling_new(CW_OP_EGRESS, 0, CW_RUNG_TRACEPOINT) : NULL;
	if (!p)
		return 0;
	conn_fill(&p->conn, sk);
	p->conn.local_port = 0;
	p->way = BPF_CORE_READ((struct socket___type *)sock, type);
	if ((p->conn.family == AF_INET || p->conn.family == AF_INET6) && egress_elsewhere(&p->conn))
		touches_tell(p);
	return 0;
}

#endif
