/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression and checksums of whole blocks: packed by ISA-L, else libdeflate, else zlib, unpacked
 * by libdeflate, else zlib; whichever were there when this was built. All write and read the same
 * streams, and zlib needs several times as long. Private to the trace module.
 */
#ifndef CW_TRACE_ZIP_H
#define CW_TRACE_ZIP_H

#include "base/base.h"

struct cw_zip;
struct cw_unzip;

int cw_zip_new(struct cw_zip **ret_zip);
void cw_zip_free(struct cw_zip *z);
/* How many bytes the stream of `len` bytes has at most. */
size_t cw_zip_bound(struct cw_zip *z, size_t len);
/* The length of the stream (RFC 1950); 0: `cap` is less than the bound, or memory was short. */
size_t cw_zip_pack(struct cw_zip *z, const void *raw, size_t len, void *out, size_t cap);

int cw_unzip_new(struct cw_unzip **ret_unzip);
void cw_unzip_free(struct cw_unzip *u);
/* -EPROTO: not one whole stream of exactly `len` bytes, with nothing behind it. Or -ENOMEM. */
int cw_unzip_unpack(struct cw_unzip *u, const void *packed, size_t packed_len, void *out,
		    size_t len);

/* Which library does it, and its version: "libdeflate 1.14". */
const char *cw_zip_packer(void);
const char *cw_zip_unpacker(void);

/* CRC-32 of zlib. */
uint32_t cw_zip_crc(const void *data, size_t len);

#endif
