/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One body, several programs. Most of what is watched is asked of security modules, and for each of
 * their hooks the kernel has a function that asks them, security_<hook>(), with the same arguments.
 * So the body on_<name>() serves
 *
 *   lsm__<name>     the hook itself: after the modules before us agreed
 *   entry__<name>   the same place, the function that the hook calls: for hooks that are hot. Two
 *                   thirds of the cost, because no answer is given; but where a program can be
 *                   interrupted by another process (CONFIG_PREEMPT), one that the other needs is
 *                   left out while the first runs, so there it is not used
 *   fexit__<name>   the end of the function: all of them agreed. Where BPF is no security module
 *   kprobe__<name>  its beginning: what they will say is not known. Where there are no trampolines
 *
 * In the last the pointers are numbers without a type, so a body reads by FIELD() and not by a
 * plain load. `rung` is a constant in each.
 */
#ifndef CW_HOOK_BPF_H
#define CW_HOOK_BPF_H

#include "kernel.bpf.h"

/* A plain load (no helper call) where the verifier knows the type of the pointer. */
#define FIELD(rung, p, field) \
	((rung) == CW_RUNG_KPROBE ? BPF_CORE_READ(p, field) : (p)->field)

#define CW_LIST(...) __VA_ARGS__

/* `params` are the hook's, in parentheses, types and names; `args` what the body gets of them. */
#define HOOK_LSM(name, hook, params, args)			\
	SEC("lsm/" #hook)					\
	int BPF_PROG(lsm__##name, CW_LIST params)		\
	{							\
		on_##name(CW_RUNG_LSM, CW_LIST args);		\
		return 0;					\
	}

#define HOOK_ENTRY(name, params, args)				\
	SEC("fentry/bpf_lsm_" #name)				\
	int BPF_PROG(entry__##name, CW_LIST params)		\
	{							\
		on_##name(CW_RUNG_LSM, CW_LIST args);		\
		return 0;					\
	}

/* All parameters of the function have to be there: its result stands behind the last. */
#define HOOK_FEXIT(name, function, params, args)		\
	SEC("fexit/" #function)					\
	int BPF_PROG(fexit__##name, CW_LIST params, int refused)	\
	{							\
		if (!refused)					\
			on_##name(CW_RUNG_FENTRY, CW_LIST args);	\
		return 0;					\
	}

#define HOOK_FENTRY(name, function, params, args)		\
	SEC("fentry/" #function)				\
	int BPF_PROG(fentry__##name, CW_LIST params)		\
	{							\
		on_##name(CW_RUNG_FENTRY, CW_LIST args);	\
		return 0;					\
	}

#define HOOK_KPROBE(name, function, params, args)		\
	SEC("kprobe/" #function)				\
	int BPF_KPROBE(kprobe__##name, CW_LIST params)		\
	{							\
		on_##name(CW_RUNG_KPROBE, CW_LIST args);	\
		return 0;					\
	}

#define HOOK(name, params, args)				\
	HOOK_LSM(name, name, params, args)			\
	HOOK_FEXIT(name, security_##name, params, args)		\
	HOOK_KPROBE(name, security_##name, params, args)

/* For functions without a result, whose hook has a name of its own. */
#define HOOK_VOID(name, hook, params, args)			\
	HOOK_LSM(name, hook, params, args)			\
	HOOK_FENTRY(name, security_##name, params, args)	\
	HOOK_KPROBE(name, security_##name, params, args)

#endif
