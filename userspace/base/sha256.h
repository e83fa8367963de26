/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CW_SHA256_H
#define CW_SHA256_H

#include "base/base.h"

#define CW_SHA256_HEX 65 /* 64 hexadecimal digits and the NUL */

/* SHA-256 of a buffer (FIPS 180-4). -EIO: the library failed. */
int cw_sha256(const void *data, size_t len, char ret_hex[CW_SHA256_HEX]);
/* The same of a file from where it stands, and stays, to its end. Errors: also those of reading. */
int cw_sha256_fd(int fd, char ret_hex[CW_SHA256_HEX]);
/* 32 bytes as lower-case hexadecimal digits. */
void cw_sha256_hex(const unsigned char digest[32], char ret_hex[CW_SHA256_HEX]);

#endif
