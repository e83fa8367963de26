// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the cases: each in a child with its own process group and a time limit, one line of
 * JSON for each, and puts back afterwards what the case changed. The runner itself never
 * opens the target.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attacks.h"

#define LIMIT_SECONDS 10
#define FRAMES_A_SECOND 5	/* more time when many are asked for */
#define EXTRA_SECONDS 5
#define DEFAULT_TARGET "/dev/video0"

enum {
	EXIT_REACHED = 0,
	EXIT_MISSED = 1,
	EXIT_USAGE = 2,
};

static const struct attack_case *const tables[] = {
	cases_syscalls, cases_names, cases_mounts, cases_descriptors, cases_bytes,
	cases_code, cases_changes, cases_disk, cases_stream, cases_devices, cases_monitor,
};

static const char *const needs_names[] = {"any", "camera", "file", "agent", "agent"};

_Static_assert(ARRAY_SIZE(needs_names) == NEEDS_AGENT_ALONE + 1, "a name for each");

struct options {
	const char *target, *dir, *outside, *make;
	unsigned int frames;
	int use_fd, result_fd;
	int agent;
	bool list, all, exec;
	char **cases;
	int n_cases;
};

static const char usage_text[] =
	"Usage: attacks [OPTION…] CASE…\n"
	"       attacks [OPTION…] --all\n"
	"       attacks --list\n"
	"       attacks --make FILE\n"
	"\n"
	"Get at the target by every route that is known, for tests of what watches it.\n"
	"Prints one line of JSON for each case and leaves the target as it was.\n"
	"\n"
	"  --target PATH   camera node, or a file with a line that starts \"" ATTACK_MARKER "\";\n"
	"                  default: " DEFAULT_TARGET "\n"
	"  --dir DIR       where new objects are made; default: the target's directory\n"
	"  --outside DIR   directory on the same file system that is not watched; default: a\n"
	"                  new one beside DIR\n"
	"  --agent PID     the camwarden that is to be attacked; cases that end it, or disturb\n"
	"                  others on this machine, are not in --all\n"
	"  --frames N      frames to capture; default: 10\n"
	"  --all           every case; those for another kind of target are skipped\n"
	"  --list          name, row of the catalogue, need and purpose of every case\n"
	"  --make FILE     make a file with a marker\n"
	"\n"
	"Exit status: 0 every case got there, was refused as it should be, or was skipped with\n"
	"a reason; 1 a case did not get there; 2 wrong usage.\n";

static const struct option long_options[] = {
	{"target", required_argument, NULL, 't'},
	{"dir", required_argument, NULL, 'd'},
	{"outside", required_argument, NULL, 'o'},
	{"agent", required_argument, NULL, 'g'},
	{"frames", required_argument, NULL, 'f'},
	{"make", required_argument, NULL, 'm'},
	{"all", no_argument, NULL, 'a'},
	{"list", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	/* After exec by a case; see continue_case. */
	{"use-fd", required_argument, NULL, 'u'},
	{"result-fd", required_argument, NULL, 'r'},
	{0},
};

static int usage_error(const char *message, const char *what)
{
	fprintf(stderr, "attacks: %s%s; see attacks --help\n", message, what);
	return EXIT_USAGE;
}

/* A number up to maximum, or -1. */
static int number_of(const char *text, int maximum)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text && !*end && n >= 0 && n <= maximum ? (int)n : -1;
}

/* Returns 0, or an exit status plus one. */
static int parse(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){.target = DEFAULT_TARGET, .frames = 10, .use_fd = -1,
			      .result_fd = -1};
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 't': o->target = optarg; break;
		case 'd': o->dir = optarg; break;
		case 'o': o->outside = optarg; break;
		case 'm': o->make = optarg; break;
		case 'a': o->all = true; break;
		case 'l': o->list = true; break;
		case 'u': o->exec = true; o->use_fd = atoi(optarg); break;
		case 'r': o->result_fd = atoi(optarg); break;
		case 'g': o->agent = number_of(optarg, 1 << 30); break;
		case 'f':
			c = number_of(optarg, 100000);
			if (c < 1)
				return 1 + usage_error("--frames: not a number of frames: ",
						       optarg);
			o->frames = (unsigned int)c;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 1 + EXIT_REACHED;
		default:
			return 1 + EXIT_USAGE;
		}
	}
	o->cases = argv + optind;
	o->n_cases = argc - optind;
	if (!o->list && !o->all && !o->make && !o->exec && !o->n_cases)
		return 1 + usage_error("no case", "");
	return 0;
}

static const struct attack_case *find_case(const char *name)
{
	const struct attack_case *c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (c = tables[i]; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
		}
	}
	return NULL;
}

static void list_cases(void)
{
	const struct attack_case *c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (c = tables[i]; c->name; c++)
			printf("%-17s %2d  %-7s %s\n", c->name, c->row, needs_names[c->needs],
			       c->what);
	}
}

static int make_file(const char *path)
{
	static char filler[8192];
	unsigned long long number = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool bad;

	if (getrandom(&number, sizeof(number), 0) < 0)
		number = (unsigned long long)getpid();
	memset(filler, '.', sizeof(filler));
	bad = fd < 0 || write_marker(fd, text_of("%016llx", number)) ||
	      write(fd, filler, sizeof(filler)) != sizeof(filler) || fsync(fd) || close(fd);
	if (bad)
		fprintf(stderr, "attacks: cannot make %s: %s\n", path, strerror(errno));
	return bad ? EXIT_MISSED : EXIT_REACHED;
}

static void print_string(const char *key, const char *text, bool none)
{
	const unsigned char *p;

	if (none) {
		printf(",\"%s\":null", key);
		return;
	}
	printf(",\"%s\":\"", key);
	for (p = (const unsigned char *)text; *p; p++) {
		/* The only other text than ASCII is names that are not UTF-8. */
		if (*p >= 0x7f || *p < 0x20)
			printf("\\\\x%02x", *p);
		else if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void print_device(const char *key, dev_t dev, bool known)
{
	if (known)
		printf(",\"%s\":\"%u:%u\"", key, major(dev), minor(dev));
	else
		printf(",\"%s\":null", key);
}

static void print_result(const struct attack_case *c, const struct result *r)
{
	bool device = S_ISCHR(r->mode) || S_ISBLK(r->mode);

	printf("{\"case\":\"%s\",\"row\":%d,\"pid\":%d,\"tid\":%d", c->name, c->row, (int)r->pid,
	       (int)r->tid);
	if (r->from_pid && r->from_pid != r->pid)
		printf(",\"from_pid\":%d", (int)r->from_pid);
	else
		printf(",\"from_pid\":null");
	printf(",\"reached\":%s,\"denied\":%s,\"benign\":%s", r->reached ? "true" : "false",
	       r->denied ? "true" : "false", r->benign ? "true" : "false");
	print_string("how", r->how, !r->how[0] || r->skipped[0]);
	print_string("object", r->object, !r->object[0]);
	print_device("dev", r->dev, r->known);
	printf(r->known ? ",\"ino\":%llu" : ",\"ino\":null", (unsigned long long)r->ino);
	print_device("rdev", r->rdev, r->known && device);
	printf(",\"result\":%d,\"frames\":%u,\"objects\":%u", r->error, r->frames,
	       r->reached && !r->objects ? 1 : r->objects);
	print_string("skipped", r->skipped, !r->skipped[0]);
	puts("}");
	fflush(stdout);
}

/* Device nodes must work there, so not every temporary directory will do. */
static char *make_tmp(void)
{
	static const char *const places[] = {"/run", "/tmp", "/var/tmp"};
	struct statvfs fs;
	char *path;
	size_t i;

	for (i = 0; i < 2 * ARRAY_SIZE(places); i++) {
		const char *place = places[i % ARRAY_SIZE(places)];

		if (i < ARRAY_SIZE(places) &&
		    (statvfs(place, &fs) || fs.f_flag & (ST_NODEV | ST_RDONLY)))
			continue;
		path = text_of("%s/attacks-XXXXXX", place);
		if (mkdtemp(path))
			return path;
		free(path);
	}
	return NULL;
}

static const char *make_outside(const struct attack *a)
{
	char *path = text_of("%s/..", a->dir), *real = realpath(path, NULL);
	struct stat dir, parent;

	free(path);
	if (!real || !strcmp(real, a->dir) || stat(a->dir, &dir) || stat(real, &parent) ||
	    dir.st_dev != parent.st_dev)
		return NULL;
	path = text_of("%s/attacks-XXXXXX", strcmp(real, "/") ? real : "");
	free(real);
	return mkdtemp(path);
}

static int set_target(struct attack *a, const struct options *o)
{
	char *real = realpath(o->target, NULL);

	if (!real || stat(real, &a->stat)) {
		a->target = a->base = o->target;
		a->parent = a->dir = ".";
		return 0;
	}
	if (!S_ISCHR(a->stat.st_mode) && !S_ISREG(a->stat.st_mode))
		return usage_error("neither a device nor a file: ", o->target);
	a->exists = true;
	a->camera = S_ISCHR(a->stat.st_mode);
	a->target = real;
	a->parent = dirname(text_of("%s", real));
	a->base = basename(text_of("%s", real));
	a->dir = o->dir ? realpath(o->dir, NULL) : a->parent;
	if (!a->dir)
		return usage_error("--dir: no directory ", o->dir);
	a->outside = o->outside ? realpath(o->outside, NULL) : NULL;
	if (o->outside && !a->outside)
		return usage_error("--outside: no directory ", o->outside);
	return 0;
}

/* Nothing else is ever attacked. */
static bool is_agent(pid_t pid)
{
	char *path = text_of("/proc/%d/exe", (int)pid), exe[PATH_MAX];
	ssize_t n = pid > 1 ? readlink(path, exe, sizeof(exe) - 1) : -1;

	free(path);
	if (n < 0)
		return false;
	exe[n] = '\0';
	return !strcmp(basename(exe), "camwarden");
}

/* Cases for other devices do without the target. */
static bool does_not_fit(const struct attack *a, const struct attack_case *c)
{
	size_t i;

	if (c->needs >= NEEDS_AGENT) {
		if (!is_agent(a->agent))
			attack_skip(a, "needs --agent, the process of a camwarden");
		else if (c->needs == NEEDS_AGENT_ALONE && a->all)
			attack_skip(a, "only by its name");
		return a->result->skipped[0];
	}
	for (i = 0; cases_devices[i].name; i++) {
		if (c == &cases_devices[i] && strcmp(c->name, "denied-nobody"))
			return false;
	}
	if (!a->exists)
		attack_skip(a, "no target: there is no %s", a->target);
	else if (c->needs == NEEDS_CAMERA && !a->camera)
		attack_skip(a, "needs a camera");
	else if (c->needs == NEEDS_FILE && a->camera)
		attack_skip(a, "needs a file");
	return a->result->skipped[0];
}

static unsigned int time_limit(const struct attack *a)
{
	unsigned int longer = a->frames / FRAMES_A_SECOND;

	return longer > LIMIT_SECONDS ? longer : LIMIT_SECONDS;
}

/* What the runner keeps over all its cases. */
struct run {
	sigset_t signals;	/* which it waits for */
	sigset_t mask;		/* as it was before */
	int stopped;		/* by this signal */
};

static void case_process(const struct attack *a, const struct attack_case *c,
			 const sigset_t *mask)
{
	int err;

	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(time_limit(a));
	a->result->pid = a->result->tid = getpid();
	err = c->run(a);
	/* A child may have died after it had said that it was there. */
	if (err && !a->result->error)
		a->result->error = err;
	_exit(err ? 1 : 0);
}

/* Returns SIGCHLD when the case has ended, another signal that the runner got, or -1. */
static int wait_for_end(pid_t pid, const sigset_t *signals, unsigned int seconds,
			int *ret_status)
{
	const struct timespec limit = {.tv_sec = seconds};
	int got;

	do {
		got = sigtimedwait(signals, NULL, &limit);
		/* SIGCHLD may be left over from the case before. */
	} while ((got < 0 && errno == EINTR) ||
		 (got == SIGCHLD && !waitpid(pid, ret_status, WNOHANG)));
	return got;
}

/* Returns the signal that the runner got meanwhile, or 0. */
static int wait_for_case(const struct attack *a, pid_t pid, const sigset_t *signals)
{
	struct result *r = a->result;
	int got, status = 0;

	got = wait_for_end(pid, signals, time_limit(a) + EXTRA_SECONDS, &status);
	kill(-pid, SIGKILL);
	if (got == SIGCHLD && WIFEXITED(status)) {
		if (WEXITSTATUS(status))
			r->reached = r->denied = false;
		return 0;
	}
	r->reached = r->denied = false;
	r->error = -ETIMEDOUT;
	/* It may be stopped, and stays where it is if it sleeps in a driver. */
	if (got != SIGCHLD && wait_for_end(pid, signals, EXTRA_SECONDS, &status) < 0)
		fprintf(stderr, "attacks: process %d does not end, even killed\n", (int)pid);
	if (got > 0 && got != SIGCHLD)
		snprintf(r->how, sizeof(r->how), "ended by signal %d", got);
	else if (got == SIGCHLD && WTERMSIG(status) != SIGALRM)
		snprintf(r->how, sizeof(r->how), "killed by signal %d", WTERMSIG(status));
	else
		snprintf(r->how, sizeof(r->how), "no end after %u seconds", time_limit(a));
	return got < 0 || got == SIGCHLD ? 0 : got;
}

static bool run_case(struct attack *a, const struct attack_case *c, struct run *run)
{
	struct result *r = a->result;
	char *tmp = NULL;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	if (!does_not_fit(a, c)) {
		a->tmp = tmp = make_tmp();
		pid = tmp ? fork() : -1;
		if (!pid)
			case_process(a, c, &run->mask);
		/* Both do it, so that it is done whoever comes first. */
		if (pid > 0)
			setpgid(pid, pid);
		if (pid > 0)
			run->stopped = wait_for_case(a, pid, &run->signals);
		else
			attack_fail(a, "cannot start");
		undo_all(r);
		if (tmp)
			remove_tree(tmp);
		free(tmp);
		a->tmp = NULL;
	}
	print_result(c, r);
	return r->reached || r->denied || r->skipped[0];
}

static bool run_all(struct attack *a, struct run *run)
{
	const struct attack_case *c;
	bool good = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (c = tables[i]; c->name && !run->stopped; c++)
			good &= run_case(a, c, run);
	}
	return good;
}

/* The signals that end the runner wait until a case is undone, and are given again at last. */
static void hold_signals(struct run *run)
{
	sigemptyset(&run->signals);
	sigaddset(&run->signals, SIGCHLD);
	sigaddset(&run->signals, SIGINT);
	sigaddset(&run->signals, SIGTERM);
	sigaddset(&run->signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &run->signals, &run->mask);
}

static struct result *map_result(int fd)
{
	void *memory = mmap(NULL, sizeof(struct result), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* What a case does after exec: use the descriptor that came with it, or open the target. */
static int continue_case(struct attack *a, const struct options *o)
{
	int fd = o->use_fd;

	a->result = map_result(o->result_fd);
	if (!a->result)
		return usage_error("--result-fd: not of a case", "");
	if (fd < 0)
		fd = open(a->target, O_RDONLY | O_CLOEXEC);
	return -attack_prove_opened(a, fd, a->target, "open") & 0xff;
}

static int run_cases(struct attack *a, const struct options *o)
{
	bool good = true, own_outside = false;
	struct run run = {.stopped = 0};
	int i;

	for (i = 0; i < o->n_cases; i++) {
		if (!find_case(o->cases[i]))
			return usage_error("no case ", o->cases[i]);
	}
	a->result_fd = memfd_create("attacks-result", MFD_CLOEXEC);
	if (a->result_fd < 0 || ftruncate(a->result_fd, sizeof(struct result)))
		return usage_error("no memory", "");
	a->result = map_result(a->result_fd);
	if (!a->result)
		return usage_error("no memory", "");
	hold_signals(&run);
	if (a->exists && !a->camera && !a->outside) {
		a->outside = make_outside(a);
		own_outside = a->outside;
	}
	if (o->all)
		good = run_all(a, &run);
	for (i = 0; i < o->n_cases && !run.stopped; i++)
		good &= run_case(a, find_case(o->cases[i]), &run);
	if (own_outside)
		remove_tree(a->outside);
	sigprocmask(SIG_SETMASK, &run.mask, NULL);
	if (run.stopped)
		raise(run.stopped);
	return good ? EXIT_REACHED : EXIT_MISSED;
}

int main(int argc, char **argv)
{
	struct attack a = {.result_fd = -1};
	struct options o;
	int status = parse(argc, argv, &o);

	if (status)
		return status - 1;
	if (o.list) {
		list_cases();
		return EXIT_REACHED;
	}
	if (o.make)
		return make_file(o.make);
	a.frames = o.frames;
	a.agent = o.agent;
	a.all = o.all;
	status = set_target(&a, &o);
	if (status)
		return status;
	return o.exec ? continue_case(&a, &o) : run_cases(&a, &o);
}
