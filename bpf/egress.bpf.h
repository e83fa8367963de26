/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who has touched a camera or a recording makes a connection to elsewhere: with what it may carry.
 * The first for each process, asset and address. Connections that others make to it are no egress:
 * such a peer is told as the origin of opens, if it came before them.
 */
#ifndef CW_EGRESS_BPF_H
#define CW_EGRESS_BPF_H

#include "hook.bpf.h"
#include "tell.bpf.h"

struct msghdr {
	void *msg_name;
} CW_RELOC;

#define SOCK_DGRAM_	 2
#define SOCK_RAW_	 3
#define IPPROTO_UDP_	 17
#define IPPROTO_UDPLITE_ 136

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

/* The type of a socket. Datagrams of ICMP or L2TP have no ports, and count as raw ones. */
static __always_inline __u32 egress_way(struct sock *sk)
{
	__u16 type = BPF_CORE_READ(sk, sk_type);
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	return type == SOCK_DGRAM_ && protocol != IPPROTO_UDP_ && protocol != IPPROTO_UDPLITE_ ?
	       SOCK_RAW_ : type;
}

static __always_inline bool egress_elsewhere(struct telling *p)
{
	const __u32 *w = (const __u32 *)p->conn.peer;

	/* UDP sends nothing to port 0. A resolver connects to it, to learn its own address. */
	if (p->way == SOCK_RAW_)
		p->conn.peer_port = 0; /* anything, or a protocol */
	else if (!p->conn.peer_port)
		return false;
	/* To no address is to this machine. */
	return (w[0] || w[1] || w[2] || w[3]) && !conn_loopback(&p->conn);
}

/*
 * The family that a message goes to which names none. An IPv6 socket of UDP sends it to whom it is
 * connected to, as if no address were there; TCP takes no such address.
 */
static __always_inline __u16 egress_family(struct sock *sk, __u32 way)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return way == SOCK_RAW_ || (way == SOCK_DGRAM_ && family == AF_INET) ? family : 0;
}

static __noinline int egress_asked(struct socket *sock, const void *address, __u32 sends,
				   __u32 rung)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	__u32 way = egress_way(sk);
	struct cw_sockaddr to = {};
	struct telling *p;

	if (bpf_probe_read_kernel(&to, sizeof(to), address) || is_agent())
		return 0;
	if (!to.family && sends) /* in connect(2) it ends a connection */
		to.family = egress_family(sk, way);
	if (to.family != AF_INET && to.family != AF_INET6)
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
	p->way = way;
	if (egress_elsewhere(p))
		touches_tell(p);
	return 0;
}

/* TCP, and all that has a fixed peer. Since 5.7. Misses what is no IP, and the kernel's own. */
static __always_inline void on_socket_connect(enum cw_rung rung, struct socket *sock,
					      const void *address)
{
	if (touched_maybe(bpf_get_current_pid_tgid() >> 32))
		egress_asked(sock, address, false, rung);
}

HOOK(socket_connect, (struct socket *sock, void *address, int length), (sock, address))

/* UDP and raw sockets to whoever each message says, and TCP that connects by its first data. */
static __always_inline void on_socket_sendmsg(enum cw_rung rung, struct socket *sock,
					      struct msghdr *message)
{
	void *address;

	if (!touched_maybe(bpf_get_current_pid_tgid() >> 32))
		return;
	address = BPF_CORE_READ(message, msg_name);
	if (address)
		egress_asked(sock, address, true, rung);
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
	p->way = egress_way(sk);
	if ((p->conn.family == AF_INET || p->conn.family == AF_INET6) && egress_elsewhere(p))
		touches_tell(p);
	return 0;
}

#endif
