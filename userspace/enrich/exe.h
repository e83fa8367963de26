/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of executables, once per (device, inode, size, mtime, ctime), bounded and least recently
 * used first out.
 */
#ifndef CW_EXE_H
#define CW_EXE_H

#include "base/sha256.h"

#define CW_EXE_CACHE_MAX 512
#define CW_EXE_SIZE_MAX	 (256ULL << 20)

struct cw_exe_cache;

/* `proc` is the mount of procfs, "/proc" live. */
int cw_exe_cache_new(const char *proc, struct cw_exe_cache **ret_cache);
void cw_exe_cache_free(struct cw_exe_cache *c);
/*
 * Hashes the executable of process `pid` by /proc/PID/exe (pid 0: not), else by `path` (absolute;
 * NULL: none), and only if it is the inode `ino`; a file that was replaced is never hashed in its
 * place. -ESTALE: neither is that inode any more, or it changed while it was read; -EFBIG: larger
 * than CW_EXE_SIZE_MAX; -EINVAL: not a regular file; another negative errno: it could not be read.
 */
int cw_exe_hash(struct cw_exe_cache *c, uint32_t pid, const char *path, uint64_t ino,
		char ret_hex[CW_SHA256_HEX]);
/*
 * The same, and the file must also be on the device that the kernel gave. Prefer it: inode numbers
 * of a tmpfs can be chosen, so that one alone is no proof. File systems without a device of their
 * own (major 0: btrfs, overlayfs, tmpfs) show another minor to stat(), so among those only the
 * inode is compared.
 */
int cw_exe_hash_on(struct cw_exe_cache *c, uint32_t pid, const char *path, uint32_t dev_major,
		   uint32_t dev_minor, uint64_t ino, char ret_hex[CW_SHA256_HEX]);
/* Bytes of executables read so far: tells whether the cache works. */
uint64_t cw_exe_hashed_bytes(const struct cw_exe_cache *c);

#endif
