// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>

#include "base/sha256.h"

void cw_sha256_hex(const unsigned char digest[32], char ret_hex[CW_SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < (CW_SHA256_HEX - 1) / 2; i++) {
		ret_hex[2 * i] = digits[digest[i] >> 4];
		ret_hex[2 * i + 1] = digits[digest[i] & 15];
	}
	ret_hex[CW_SHA256_HEX - 1] = '\0';
}

int cw_sha256(const void *data, size_t len, char ret_hex[CW_SHA256_HEX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	cw_sha256_hex(digest, ret_hex);
	return 0;
}

static int digest_fd(EVP_MD_CTX *ctx, int fd, unsigned char ret_digest[EVP_MAX_MD_SIZE])
{
	unsigned char chunk[65536];
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t n;

	if (offset < 0)
		return -errno;
	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -EIO;
	while ((n = pread(fd, chunk, sizeof(chunk), offset)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		offset += n;
		if (EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
			return -EIO;
	}
	return EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1 ? 0 : -EIO;
}

int cw_sha256_fd(int fd, char ret_hex[CW_SHA256_HEX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int e = ctx ? digest_fd(ctx, fd, digest) : -ENOMEM;

	EVP_MD_CTX_free(ctx);
	if (!e)
		cw_sha256_hex(digest, ret_hex);
	return e;
}
