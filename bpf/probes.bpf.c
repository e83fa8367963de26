// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every program that camwarden attaches, in one object, so that they share maps and variables. Each
 * family has its own file. Which of them are loaded, the agent decides (userspace/source/ladder.c).
 */
#include "kernel.bpf.h"
#include "maps.bpf.h"
#include "lifecycle.bpf.h" /* fork, exec, exit, accept */
#include "egress.bpf.h"	   /* LSM, fentry, kprobe: connections of who touched something */
#include "mount.bpf.h"	   /* LSM, fentry, kprobe: mounts */
#include "peek.bpf.h"	   /* LSM, fentry, kprobe: who asks for the memory of others */
#include "open.bpf.h"	   /* LSM, fentry, kprobe: open, receive, use, map, close */
#include "buffer.bpf.h"	   /* fentry, kprobe: dma-bufs of a camera */
#include "code.bpf.h"	   /* LSM, fentry, kprobe: mappings; code that is not the process's own */
#include "memory.bpf.h"	   /* fentry, kprobe: who reads and writes the memory of others */
#include "clone.bpf.h"	   /* fentry, kprobe: copies */
#include "tree.bpf.h"	   /* LSM, fentry, kprobe: names and attributes */
#include "self.bpf.h"	   /* what is done to the agent */
#include "harden.bpf.h"	   /* and what of it is refused, on demand */
#include "stream.bpf.h"	   /* frames */
#include "descriptor.bpf.h" /* tracepoint rung: who holds what */
#include "syscall.bpf.h"   /* tracepoint rung: system calls */
#include "seed.bpf.h"	   /* what was there before */

char LICENSE[] SEC("license") = "Dual BSD/GPL";
