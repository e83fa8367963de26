// SPDX-License-Identifier: Apache-2.0
#include "trace/zip.h"

#ifdef CW_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif
#ifdef CW_ISAL
#include <isa-l.h>
#endif

/* ---- packing ---- */

#ifdef CW_ISAL

#define TEXT(version)	 #version
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

struct cw_zip {
	struct isal_zstream z;
	uint8_t level[ISAL_DEF_LVL1_SMALL];
};

const char *cw_zip_packer(void)
{
	return "ISA-L " VERSION(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
}

int cw_zip_new(struct cw_zip **ret_zip)
{
	struct cw_zip *z = calloc(1, sizeof(*z)); /* not all that it reads is set by its init */

	if (!z)
		return -ENOMEM;
	*ret_zip = z;
	return 0;
}

void cw_zip_free(struct cw_zip *z)
{
	free(z);
}

/* What does not get smaller is stored, in pieces of at most 64 KiB with 5 bytes before each. */
size_t cw_zip_bound(struct cw_zip *z, size_t len)
{
	(void)z;
	return len + len / 4096 + 64;
}

size_t cw_zip_pack(struct cw_zip *zip, const void *raw, size_t len, void *out, size_t cap)
{
	struct isal_zstream *z = &zip->z;

	isal_deflate_stateless_init(z);
	z->gzip_flag = IGZIP_ZLIB;
	z->level = 1;
	z->level_buf = zip->level;
	z->level_buf_size = sizeof(zip->level);
	z->next_in = (uint8_t *)(uintptr_t)raw;
	z->avail_in = (uint32_t)len;
	z->next_out = out;
	z->avail_out = (uint32_t)cap;
	z->end_of_stream = 1;
	return isal_deflate_stateless(z) == COMP_OK ? z->total_out : 0;
}

#elif defined(CW_LIBDEFLATE)

/* The struct has no members: what it points to is the library's. */
static struct libdeflate_compressor *deflater(struct cw_zip *z)
{
	return (struct libdeflate_compressor *)z;
}

const char *cw_zip_packer(void)
{
	return "libdeflate " LIBDEFLATE_VERSION_STRING;
}

int cw_zip_new(struct cw_zip **ret_zip)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);

	if (!c)
		return -ENOMEM;
	*ret_zip = (struct cw_zip *)c;
	return 0;
}

void cw_zip_free(struct cw_zip *z)
{
	libdeflate_free_compressor(deflater(z));
}

size_t cw_zip_bound(struct cw_zip *z, size_t len)
{
	return libdeflate_zlib_compress_bound(deflater(z), len);
}

size_t cw_zip_pack(struct cw_zip *z, const void *raw, size_t len, void *out, size_t cap)
{
	return libdeflate_zlib_compress(deflater(z), raw, len, out, cap);
}

#else

struct cw_zip {
	z_stream z;
};

const char *cw_zip_packer(void)
{
	return "zlib " ZLIB_VERSION;
}

int cw_zip_new(struct cw_zip **ret_zip)
{
	struct cw_zip *z = calloc(1, sizeof(*z));

	if (!z || deflateInit(&z->z, Z_BEST_SPEED) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*ret_zip = z;
	return 0;
}

void cw_zip_free(struct cw_zip *z)
{
	if (z)
		deflateEnd(&z->z);
	free(z);
}

size_t cw_zip_bound(struct cw_zip *z, size_t len)
{
	return deflateBound(&z->z, len);
}

size_t cw_zip_pack(struct cw_zip *zip, const void *raw, size_t len, void *out, size_t cap)
{
	z_stream *z = &zip->z;

	deflateReset(z);
	z->next_in = (Bytef *)(uintptr_t)raw;
	z->avail_in = (uInt)len;
	z->next_out = out;
	z->avail_out = (uInt)cap;
	return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}
#endif

/* ---- unpacking, checksums ---- */

#ifdef CW_LIBDEFLATE

/* The struct has no members: what it points to is the library's. */
static struct libdeflate_decompressor *inflater(struct cw_unzip *u)
{
	return (struct libdeflate_decompressor *)u;
}

const char *cw_zip_unpacker(void)
{
	return "libdeflate " LIBDEFLATE_VERSION_STRING;
}

int cw_unzip_new(struct cw_unzip **ret_unzip)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

	if (!d)
		return -ENOMEM;
	*ret_unzip = (struct cw_unzip *)d;
	return 0;
}

void cw_unzip_free(struct cw_unzip *u)
{
	libdeflate_free_decompressor(inflater(u));
}

int cw_unzip_unpack(struct cw_unzip *u, const void *packed, size_t packed_len, void *out,
		    size_t len)
{
	size_t in = 0;

	if (libdeflate_zlib_decompress_ex(inflater(u), packed, packed_len, out, len, &in, NULL) ||
	    in != packed_len)
		return -EPROTO;
	return 0;
}

uint32_t cw_zip_crc(const void *data, size_t len)
{
	return libdeflate_crc32(0, data, len);
}

#else

struct cw_unzip {
	z_stream z;
};

const char *cw_zip_unpacker(void)
{
	return "zlib " ZLIB_VERSION;
}

int cw_unzip_new(struct cw_unzip **ret_unzip)
{
	struct cw_unzip *u = calloc(1, sizeof(*u));

	if (!u || inflateInit(&u->z) != Z_OK) {
		free(u);
		return -ENOMEM;
	}
	*ret_unzip = u;
	return 0;
}

void cw_unzip_free(struct cw_unzip *u)
{
	if (u)
		inflateEnd(&u->z);
	free(u);
}

int cw_unzip_unpack(struct cw_unzip *u, const void *packed, size_t packed_len, void *out,
		    size_t len)
{
	z_stream *z = &u->z;

	inflateReset(z);
	z->next_in = (Bytef *)(uintptr_t)packed;
	z->avail_in = (uInt)packed_len;
	z->next_out = out;
	z->avail_out = (uInt)len;
	if (inflate(z, Z_FINISH) != Z_STREAM_END || z->avail_in || z->total_out != len)
		return -EPROTO;
	return 0;
}

uint32_t cw_zip_crc(const void *data, size_t len)
{
	return (uint32_t)crc32(crc32(0, NULL, 0), data, (uInt)len);
}
#endif
