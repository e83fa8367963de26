/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every case of the program "attacks" may use.
 *
 * A case is one way to get at the target. It runs in a process of its own, with a time limit.
 * What it found out goes into a struct result, in memory that it shares with the runner and
 * with the processes it starts. It never puts back what it changed: it says beforehand how
 * that is undone (undo_add), and the runner does it, also when the case was killed.
 *
 * Unless it says otherwise, a function returns 0 or a negative errno; a case returns 0 when
 * it reached the target, when it was refused as it should be, and when it was skipped.
 */
#ifndef ATTACKS_H
#define ATTACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define ATTACK_MARKER "camwarden-marker-"
#define ATTACK_NOBODY 65534
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))

enum attack_needs {
	NEEDS_ANY,
	NEEDS_CAMERA,
	NEEDS_FILE,
	NEEDS_AGENT,	   /* --agent */
	NEEDS_AGENT_ALONE, /* the same, and not with --all */
};

enum undo_kind {
	UNDO_REMOVE,	/* path, and all below it */
	UNDO_RENAME,	/* path back to text */
	UNDO_LENGTH,	/* of path, to number */
	UNDO_MODE,	/* of path, to number */
	UNDO_OWNER,	/* of path, to user number, group number2 */
	UNDO_XATTR,	/* remove text from path */
	UNDO_UNMOUNT,	/* path */
	UNDO_WRITE,	/* text to path */
};

#define UNDO_MAX 8
#define UNDO_PATH 512

struct undo {
	enum undo_kind kind;
	char path[UNDO_PATH];
	char text[UNDO_PATH];
	uint64_t number;
	uint64_t number2;
};

/* What a holder keeps in its memory, for the cases which look there. */
struct held {
	pid_t pid;
	int fd;
	uint64_t address;
	size_t length;
	uint64_t sum;		/* checksum() of it */
	uint64_t offset;	/* of the target's data on its block device */
};

struct result {
	bool reached;
	bool denied;		/* refused, and that was the point */
	bool benign;		/* nothing that a monitor should flag */
	pid_t pid;		/* process which got at the data */
	pid_t tid;
	pid_t from_pid;		/* process which had it first */
	int error;		/* 0 or negative errno */
	unsigned int frames;
	unsigned int objects;	/* reached; "object" is the first */
	bool known;		/* dev, ino and rdev are set */
	dev_t dev, rdev;
	ino_t ino;
	mode_t mode;
	char how[200];
	char object[600];
	char skipped[200];
	struct held held;
	unsigned int undos;
	struct undo undo[UNDO_MAX];
};

struct attack {
	const char *target;	/* absolute path */
	const char *parent;	/* directory of the target */
	const char *base;	/* name of the target in it */
	const char *dir;	/* where new objects are made: --dir, or the parent */
	const char *outside;	/* another directory on the same file system, or NULL */
	const char *tmp;	/* empty directory for this case; device nodes work there */
	struct stat stat;	/* of the target */
	bool camera;
	bool exists;
	unsigned int frames;
	pid_t agent;		/* 0: none */
	bool all;
	int result_fd;		/* memory of result, for a process after exec */
	struct result *result;
};

struct attack_case {
	const char *name;
	int row;		/* of the catalogue; 0: not in it */
	enum attack_needs needs;
	const char *what;
	int (*run)(const struct attack *a);
};

/* One table per family; the entry without a name is the last. */
extern const struct attack_case cases_names[];
extern const struct attack_case cases_mounts[];
extern const struct attack_case cases_syscalls[];
extern const struct attack_case cases_descriptors[];
extern const struct attack_case cases_bytes[];
extern const struct attack_case cases_code[];
extern const struct attack_case cases_changes[];
extern const struct attack_case cases_disk[];
extern const struct attack_case cases_stream[];
extern const struct attack_case cases_devices[];
extern const struct attack_case cases_monitor[];

/* result.c: what a case says */

/* Both return what the case is to return. */
int attack_fail(const struct attack *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));		/* with errno */
int attack_skip(const struct attack *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Skip if errno says that this kernel or file system cannot do it, else fail. */
int attack_cannot(const struct attack *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* This process has got at object, which is what st describes. */
int attack_reached(const struct attack *a, const struct stat *st, const char *object,
		   const char *how);
int attack_denied(const struct attack *a, const struct stat *st, const char *object, int error,
		  const char *how);
/* Get at the data of an open descriptor: read the marker, or ask the device what it is. */
int attack_prove(const struct attack *a, int fd, const char *object);
/* attack_prove and close; fd may be the -1 of the failed system call "what". */
int attack_prove_opened(const struct attack *a, int fd, const char *object, const char *what);

/* Memory that is never freed: cases are short. */
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool find_marker(const void *data, size_t length);
uint64_t checksum(const void *data, size_t length);
/* Looks for the marker from the start of a file. */
int read_marker(int fd);
/* Writes a marker of our own. */
int write_marker(int fd, const char *name);

/* A name in directory that nobody uses, which the runner will remove. */
char *attack_name(const struct attack *a, const char *directory, const char *suffix);
/* A new object of the target's kind: a file with a marker, or a node of the same device. */
int attack_plant(const struct attack *a, int dirfd, const char *path);

/* undo.c */
void undo_add(const struct attack *a, enum undo_kind kind, const char *path, const char *text,
	      uint64_t number, uint64_t number2);
void undo_all(struct result *r);
int remove_tree(const char *path);

/* process.c: other processes, all of them ours */
struct holder {
	pid_t pid;
	int sock;
};

typedef int (*hold_fn)(const struct attack *a, int sock);

/* A fork, the child of which ends with us. */
pid_t child_start(void);
/* Run fn in a child and wait for it; returns what fn returned. */
int child_run(const struct attack *a, int (*fn)(const struct attack *a, int fd), int fd);
/* Start a child that runs hold and then waits until holder_stop. */
int holder_start(const struct attack *a, struct holder *h, hold_fn hold);
/* To one that waits, as hold_secret_later does, and then for its result. */
int holder_go_on(const struct attack *a, struct holder *h);
void holder_stop(struct holder *h);
int hold_open(const struct attack *a, int sock);	/* the target, in held.fd */
int hold_and_send(const struct attack *a, int sock);	/* hand it over the socket too */
int hold_secret(const struct attack *a, int sock);	/* some of its data, on the heap */
int hold_secret_later(const struct attack *a, int sock); /* not before holder_go_on */
/* Whether data, a dump of the memory of hold_secret, has it. */
bool find_secret(const struct held *held, const void *data, size_t length);
int hold_frame(const struct attack *a, int sock);	/* a captured frame, in a mapped buffer */
int send_fd(int sock, int fd);
/* Returns the descriptor. */
int receive_fd(int sock);

/* camera.c: V4L2 capture */
#define CAMERA_BUFFERS 4

struct camera {
	int fd;
	unsigned int memory;	/* enum v4l2_memory */
	unsigned int buffers;
	bool map;		/* map the buffers here */
	struct {
		unsigned char *start;
		size_t length;
		unsigned int offset;
	} buffer[CAMERA_BUFFERS];
};

int camera_identify(int fd);
/* Waits a while for another user of the camera to go. */
int camera_start(struct camera *c);
/* Until a buffer is filled, which stays the driver's. */
int camera_wait(const struct camera *c);
/* Returns the number of the buffer that was filled. */
int camera_take(struct camera *c);
int camera_give(struct camera *c, unsigned int number);
void camera_stop(struct camera *c);
/* Captures frames by mapped or own memory. */
int camera_capture(int fd, unsigned int memory, unsigned int frames, unsigned int *ret_frames);
/* Captures frames by read(2); keeps the start of the last one. */
int camera_read(int fd, unsigned int frames, unsigned int *ret_frames, void *data, size_t size,
		size_t *ret_length);
bool is_picture(const void *data, size_t length);

/* ring.c: an io_uring for one request at a time */
struct io_uring_sqe;

struct ring {
	int fd;
	bool polled;
	void *sq, *cq;
	struct io_uring_sqe *sqes;
	unsigned int *sq_tail, *sq_mask, *sq_flags, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	void *cqes;
};

int ring_open(struct ring *r, unsigned int flags);
int ring_register_files(struct ring *r, const int *fds, unsigned int n);
/* Returns the request's result. */
int ring_do(struct ring *r, const struct io_uring_sqe *request);

#endif
