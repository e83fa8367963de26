// SPDX-License-Identifier: Apache-2.0
#include "trace/zip.h"

#ifdef CW_LIBDEFLATE
#include <libdeflate.h>

/* The structs have no members: what they point to is the library's. */
static struct libdeflate_compressor *deflater(struct cw_zip *z)
{
	return (struct libdeflate_compressor *)z;
}

static struct libdeflate_decompressor *inflater(struct cw_unzip *u)
{
	return (struct libdeflate_decompressor *)u;
}

const char *cw_zip_library(void)
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
#include <zlib.h>

struct cw_zip {
	z_stream z;
};

struct cw_unzip {
	z_stream z;
};

const char *cw_zip_library(void)
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
