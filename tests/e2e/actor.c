// SPDX-License-Identifier: Apache-2.0
/*
 * Plays the others in end-to-end tests on the running kernel: programs that live for a millisecond,
 * servers of several makes, a client. Static, so that nothing but the named file is opened. Gets at
 * nothing but what its arguments name. Listens on, and connects to, 127.0.0.1 unless $ACTOR_ADDRESS
 * names another address of the test's own hosts.
 *
 *   actor open FILE [WORD…]        open, close, end
 *   actor touch FILE N             open and close N times
 *   actor flood N FILE             start N processes, one after the other: actor open FILE NUMBER
 *   actor crowd N EVERY FILE       fork N processes; every EVERY-th becomes: actor open FILE NUMBER
 *   actor refused FILE N           open it N times without success
 *   actor hold FILE                open, print "held", wait for the end of standard input
 *   actor hold-many FILE N         the same, N times over
 *   actor truncate FILE SIZE       truncate(2), by path
 *   actor mapped FILE              open, map, close, print "mapped", wait as above
 *   actor serve KIND CMD…          print the port, then serve connections for ever:
 *       fork      fork and exec CMD for each, as inetd would, but without its socket as stdio
 *       stdio     the same, with the connection as standard input and output
 *       thread    a thread for each, which forks and execs CMD
 *       http      open the file CMD itself and send it
 *       idle      keep the connection, and run CMD once the peer said nothing for 6 s
 *       send      send CMD as one line, read until the end, end
 *   actor connect PORT [stay]      connect, print "PORT" (ours), send a line, read to the end;
 *                                  stay: say nothing more, and read until the other ends
 *   actor tunnel PORT LOCAL        connect to PORT as above, wait for a line, then connect to LOCAL
 *                                  on 127.0.0.1 as "actor connect" does
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE_MS 6500 /* camwarden takes a peer for served that said something in the last 5 s */

extern char **environ;

static int die(const char *what)
{
	fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return die(path);
	close(fd);
	return 0;
}

static int open_often(const char *path, long n)
{
	for (long i = 0; i < n; i++)
		if (open_file(path))
			return 1;
	puts("done");
	return 0;
}

static int be_refused(const char *path, long n)
{
	for (long i = 0; i < n; i++)
		if (open(path, O_RDONLY) >= 0)
			return die("it could be opened");
	return 0;
}

static int flood(long n, char *path)
{
	for (long i = 0; i < n; i++) {
		char number[24];
		char *argv[] = { "actor", "open", path, number, NULL };
		int status;
		pid_t pid;

		snprintf(number, sizeof(number), "%ld", i);
		errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ);
		if (errno)
			return die("posix_spawn");
		if (waitpid(pid, &status, 0) < 0 || status)
			return die("child");
	}
	return 0;
}

/* Most of them live for some hundred microseconds and do nothing. */
static int crowd(long n, long every, char *path)
{
	char number[24];

	for (long i = 1; i <= n; i++) {
		pid_t pid = fork();
		int status;

		if (!pid && i % every)
			_exit(0);
		if (!pid) {
			snprintf(number, sizeof(number), "%ld", i);
			execl("/proc/self/exe", "actor", "open", path, number, NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			return die("child");
	}
	return 0;
}

static void wait_for_end(const char *word)
{
	char c;

	puts(word);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
}

static int hold(const char *path, int map)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return die(path);
	if (map) {
		if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
			return die("mmap");
		close(fd);
	}
	wait_for_end(map ? "mapped" : "held");
	return 0;
}

static int hold_many(const char *path, long n)
{
	struct rlimit limit = { .rlim_cur = (rlim_t)n + 16, .rlim_max = (rlim_t)n + 16 };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return die("setrlimit");
	for (long i = 0; i < n; i++)
		if (open(path, O_RDONLY) < 0)
			return die(path);
	wait_for_end("held");
	return 0;
}

/* ---- servers ---- */

static char **command;

static pid_t run(int stdio)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (stdio >= 0) {
		dup2(stdio, 0);
		dup2(stdio, 1);
	}
	execvp(command[0], command);
	_exit(127);
}

static void *serve_in_thread(void *arg)
{
	int c = (int)(long)arg;
	pid_t pid = run(-1);

	waitpid(pid, NULL, 0);
	close(c);
	return NULL;
}

static void serve_http(int c)
{
	char buf[4096];
	int fd;
	ssize_t n = read(c, buf, sizeof(buf));

	fd = open(command[0], O_RDONLY);
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (write(c, buf, (size_t)n) < 0)
			break;
	if (fd >= 0)
		close(fd);
	close(c);
}

static void serve_idle(int c)
{
	struct pollfd p = { .fd = c, .events = POLLIN };
	char buf[4096];

	while (poll(&p, 1, IDLE_MS) > 0)
		if (read(c, buf, sizeof(buf)) <= 0)
			return;
	waitpid(run(-1), NULL, 0);
	close(c);
}

static void serve_line(int c)
{
	char buf[4096];
	ssize_t n;

	dprintf(c, "%s\n", command[0]);
	while ((n = read(c, buf, sizeof(buf))) > 0)
		if (write(1, buf, (size_t)n) < 0)
			break;
	exit(0);
}

static void serve_one(const char *kind, int c)
{
	pthread_t t;

	if (!strcmp(kind, "thread")) {
		if (!pthread_create(&t, NULL, serve_in_thread, (void *)(long)c))
			pthread_detach(t);
	} else if (!strcmp(kind, "http")) {
		serve_http(c);
	} else if (!strcmp(kind, "idle")) {
		serve_idle(c);
	} else if (!strcmp(kind, "send")) {
		serve_line(c);
	} else {
		waitpid(run(strcmp(kind, "stdio") ? -1 : c), NULL, 0);
		close(c);
	}
}

static struct in_addr address(void)
{
	const char *text = getenv("ACTOR_ADDRESS");
	struct in_addr a = { .s_addr = htonl(INADDR_LOOPBACK) };

	if (text && inet_pton(AF_INET, text, &a) != 1)
		exit(die(text));
	return a;
}

static int serve(const char *kind, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = address() };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c;

	command = argv;
	if (s < 0 || bind(s, (struct sockaddr *)&a, len) || listen(s, 16) ||
	    getsockname(s, (struct sockaddr *)&a, &len))
		return die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	while ((c = accept4(s, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		serve_one(kind, c);
	return die("accept");
}

static int connect_to(struct in_addr to, int port, int stay)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
				 .sin_addr = to };
	socklen_t len = sizeof(a);
	char buf[4096];
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || connect(s, (struct sockaddr *)&a, len) ||
	    getsockname(s, (struct sockaddr *)&a, &len))
		return die("connect");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	if (!stay && write(s, "GET /\n", 6) < 0)
		return die("write");
	while (read(s, buf, sizeof(buf)) > 0)
		;
	return 0;
}

static int tunnel(int port, int local)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
				 .sin_addr = address() };
	struct in_addr here = { .s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char buf[256];

	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)) || read(s, buf, sizeof(buf)) < 0)
		return die("tunnel");
	return connect_to(here, local, 0);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(verb, "open"))
		return open_file(argv[2]);
	if (!strcmp(verb, "touch") && argc > 3)
		return open_often(argv[2], atol(argv[3]));
	if (!strcmp(verb, "refused") && argc > 3)
		return be_refused(argv[2], atol(argv[3]));
	if (!strcmp(verb, "flood") && argc > 3)
		return flood(atol(argv[2]), argv[3]);
	if (!strcmp(verb, "crowd") && argc > 4)
		return crowd(atol(argv[2]), atol(argv[3]), argv[4]);
	if (!strcmp(verb, "hold-many") && argc > 3)
		return hold_many(argv[2], atol(argv[3]));
	if (!strcmp(verb, "truncate") && argc > 3)
		return truncate(argv[2], atol(argv[3])) ? die(argv[2]) : 0;
	if (!strcmp(verb, "hold") || !strcmp(verb, "mapped"))
		return hold(argv[2], *verb == 'm');
	if (!strcmp(verb, "serve") && argc > 3)
		return serve(argv[2], argv + 3);
	if (!strcmp(verb, "connect"))
		return connect_to(address(), atoi(argv[2]), argc > 3);
	if (!strcmp(verb, "tunnel") && argc > 3)
		return tunnel(atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr, "actor: wrong usage; see the head of actor.c\n");
	return 2;
}
