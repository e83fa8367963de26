// SPDX-License-Identifier: Apache-2.0
/*
 * The directory: root.key (index, private seed; mode 0600, overwritten in place), links (one after
 * the other) and camwarden.pub (the first root's public key, for people to copy elsewhere). A link
 * is on disk before the root that signed it is destroyed; a link whose root still is in root.key
 * was never used and is made again.
 */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "trace/keys.h"

#define SEED	   32u
#define ROOT_SIZE  (8u + SEED)
#define CONTEXT	   16u
#define LINK_SIGNED (CW_TRACE_LINK_SIZE - CW_TRACE_SIGNATURE)
#define SEAL_SIGNED (CW_TRACE_SEAL_SIZE - CW_TRACE_SIGNATURE)

static const char link_context[CONTEXT + 1] = "camwarden link 1";
static const char seal_context[CONTEXT + 1] = "camwarden seal 1";

struct cw_trace_keys {
	EVP_PKEY *seal; /* of the next seal */
	uint64_t epoch;
	size_t n_links;
	uint8_t links[CW_TRACE_LINKS_MAX * CW_TRACE_LINK_SIZE];
};

/* ---- bytes ---- */

void cw_trace_link_put(const struct cw_trace_link *l, uint8_t out[CW_TRACE_LINK_SIZE])
{
	cw_put_le(out, l->index, 8);
	memcpy(out + 8, l->root, 32);
	memcpy(out + 40, l->next_root, 32);
	memcpy(out + 72, l->seal_key, 32);
	memcpy(out + 104, l->signature, 64);
}

void cw_trace_link_get(const uint8_t in[CW_TRACE_LINK_SIZE], struct cw_trace_link *ret_link)
{
	ret_link->index = cw_get_le(in, 8);
	memcpy(ret_link->root, in + 8, 32);
	memcpy(ret_link->next_root, in + 40, 32);
	memcpy(ret_link->seal_key, in + 72, 32);
	memcpy(ret_link->signature, in + 104, 64);
}

void cw_trace_seal_put(const struct cw_trace_seal *s, uint8_t out[CW_TRACE_SEAL_SIZE])
{
	cw_put_le(out, s->flags, 4);
	cw_put_le(out + 4, 0, 4);
	cw_put_le(out + 8, s->epoch, 8);
	cw_put_le(out + 16, s->sequence, 8);
	cw_put_le(out + 24, s->offset, 8);
	cw_put_le(out + 32, s->boot_ns, 8);
	cw_put_le(out + 40, s->wall_ns, 8);
	cw_put_le(out + 48, s->events, 8);
	memcpy(out + 56, s->hash, 32);
	memcpy(out + 88, s->key, 32);
	memcpy(out + 120, s->next_key, 32);
	memcpy(out + 152, s->signature, 64);
}

void cw_trace_seal_get(const uint8_t in[CW_TRACE_SEAL_SIZE], struct cw_trace_seal *ret_seal)
{
	ret_seal->flags = (uint32_t)cw_get_le(in, 4);
	ret_seal->epoch = cw_get_le(in + 8, 8);
	ret_seal->sequence = cw_get_le(in + 16, 8);
	ret_seal->offset = cw_get_le(in + 24, 8);
	ret_seal->boot_ns = cw_get_le(in + 32, 8);
	ret_seal->wall_ns = cw_get_le(in + 40, 8);
	ret_seal->events = cw_get_le(in + 48, 8);
	memcpy(ret_seal->hash, in + 56, 32);
	memcpy(ret_seal->key, in + 88, 32);
	memcpy(ret_seal->next_key, in + 120, 32);
	memcpy(ret_seal->signature, in + 152, 64);
}

/* ---- Ed25519 ---- */

static int new_key(EVP_PKEY **ret_key)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	if (!key)
		return -EIO;
	*ret_key = key;
	return 0;
}

static int public_of(const EVP_PKEY *key, uint8_t ret_public[CW_TRACE_KEY])
{
	size_t len = CW_TRACE_KEY;

	return EVP_PKEY_get_raw_public_key(key, ret_public, &len) == 1 && len == CW_TRACE_KEY ?
		       0 : -EIO;
}

static int sign(EVP_PKEY *key, const void *data, size_t len,
		uint8_t ret_signature[CW_TRACE_SIGNATURE])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = CW_TRACE_SIGNATURE;
	bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestSign(c, ret_signature, &n, data, len) == 1;

	EVP_MD_CTX_free(c);
	return ok ? 0 : -EIO;
}

static bool is_signed(const uint8_t public[CW_TRACE_KEY], const void *data, size_t len,
		      const uint8_t signature[CW_TRACE_SIGNATURE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, CW_TRACE_KEY);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = key && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestVerify(c, signature, CW_TRACE_SIGNATURE, data, len) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
	return ok;
}

bool cw_trace_link_is_signed(const struct cw_trace_link *l)
{
	uint8_t t[CONTEXT + CW_TRACE_LINK_SIZE];

	memcpy(t, link_context, CONTEXT);
	cw_trace_link_put(l, t + CONTEXT);
	return is_signed(l->root, t, CONTEXT + LINK_SIGNED, l->signature);
}

bool cw_trace_seal_is_signed(const struct cw_trace_seal *s)
{
	uint8_t t[CONTEXT + CW_TRACE_SEAL_SIZE];

	memcpy(t, seal_context, CONTEXT);
	cw_trace_seal_put(s, t + CONTEXT);
	return is_signed(s->key, t, CONTEXT + SEAL_SIGNED, s->signature);
}

/* ---- the directory ---- */

static int make_directory(const char *dir)
{
	char path[4096];
	size_t len = strlen(dir);

	if (!len || len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		char c = path[i];

		if (c != '/' && c)
			continue;
		path[i] = '\0';
		if (mkdir(path, i == len ? 0700 : 0755) && errno != EEXIST)
			return -errno;
		path[i] = c;
	}
	return 0;
}

static int write_at(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n = pwrite(fd, data, len, at);

	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	return fsync(fd) ? -errno : 0;
}

static int write_root(int fd, uint64_t index, const EVP_PKEY *key)
{
	uint8_t t[ROOT_SIZE];
	size_t len = SEED;
	int r = -EIO;

	cw_put_le(t, index, 8);
	if (EVP_PKEY_get_raw_private_key(key, t + 8, &len) == 1 && len == SEED)
		r = write_at(fd, t, sizeof(t), 0);
	OPENSSL_cleanse(t, sizeof(t));
	return r;
}

/*
 * -ENOENT: there is none yet. What a power cut left of the first one, a part or zeros in its place,
 * is none either.
 */
static int read_root(int fd, uint64_t *ret_index, EVP_PKEY **ret_key)
{
	static const uint8_t none[SEED];
	uint8_t t[ROOT_SIZE];
	ssize_t n = pread(fd, t, sizeof(t), 0);
	EVP_PKEY *key;

	if (n < 0)
		return -errno;
	if (n != sizeof(t) || !memcmp(t + 8, none, sizeof(none)))
		return -ENOENT;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, t + 8, SEED);
	*ret_index = cw_get_le(t, 8);
	OPENSSL_cleanse(t, sizeof(t));
	if (!key)
		return -EBADMSG;
	*ret_key = key;
	return 0;
}

static int write_public(int dir, const EVP_PKEY *key)
{
	int fd = openat(dir, "camwarden.pub", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FILE *f;
	bool ok;

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	ok = PEM_write_PUBKEY(f, key) == 1 && !fflush(f) && !fsync(fd);
	return fclose(f) || !ok ? -EIO : 0;
}

/* The first start: a root comes into being. Where links are, one was lost: -EBADMSG. */
static int first_root(int dir, int fd, int links, uint64_t *ret_index, EVP_PKEY **ret_key)
{
	EVP_PKEY *key = NULL;
	off_t end = lseek(links, 0, SEEK_END);
	int r = end < 0 ? -errno : end >= (off_t)CW_TRACE_LINK_SIZE ? -EBADMSG : new_key(&key);

	if (!r)
		r = write_public(dir, key);
	if (!r)
		r = write_root(fd, 0, key);
	if (r) {
		EVP_PKEY_free(key);
		return r;
	}
	*ret_index = 0;
	*ret_key = key;
	return 0;
}

/* Reads the last links, without one that was made but never used; *ret_end: where they end. */
static int read_links(struct cw_trace_keys *k, int fd, const uint8_t root[CW_TRACE_KEY],
		      uint64_t index, off_t *ret_end)
{
	off_t end = lseek(fd, 0, SEEK_END);
	struct cw_trace_link last;
	uint8_t t[CW_TRACE_LINK_SIZE];
	size_t n;

	if (end < 0)
		return -errno;
	end -= end % CW_TRACE_LINK_SIZE;
	while (end) {
		if (pread(fd, t, sizeof(t), end - (off_t)sizeof(t)) != (ssize_t)sizeof(t))
			return -EIO;
		cw_trace_link_get(t, &last);
		if (memcmp(last.root, root, CW_TRACE_KEY))
			break;
		end -= CW_TRACE_LINK_SIZE;
	}
	if (end ? memcmp(last.next_root, root, CW_TRACE_KEY) || last.index + 1 != index : index)
		return -EBADMSG;
	n = (size_t)end / CW_TRACE_LINK_SIZE;
	k->n_links = n < CW_TRACE_LINKS_MAX - 1 ? n : CW_TRACE_LINKS_MAX - 1;
	n = k->n_links * CW_TRACE_LINK_SIZE;
	if (pread(fd, k->links, n, end - (off_t)n) != (ssize_t)n)
		return -EIO;
	*ret_end = end;
	return 0;
}

/* Signs the link of this start, and puts `next` in the place of the root that signed. */
static int take_link(struct cw_trace_keys *k, int links, int root_fd, uint64_t index,
		     EVP_PKEY *root, EVP_PKEY *next)
{
	uint8_t t[CONTEXT + CW_TRACE_LINK_SIZE];
	struct cw_trace_link l = { .index = index };
	off_t end = 0;
	int r = public_of(root, l.root);

	if (!r)
		r = public_of(next, l.next_root);
	if (!r)
		r = public_of(k->seal, l.seal_key);
	if (!r)
		r = read_links(k, links, l.root, index, &end);
	if (r)
		return r;
	memcpy(t, link_context, CONTEXT);
	cw_trace_link_put(&l, t + CONTEXT);
	r = sign(root, t, CONTEXT + LINK_SIGNED, l.signature);
	if (r)
		return r;
	cw_trace_link_put(&l, t + CONTEXT);
	memcpy(k->links + k->n_links++ * CW_TRACE_LINK_SIZE, t + CONTEXT, CW_TRACE_LINK_SIZE);
	if (ftruncate(links, end))
		return -errno;
	r = write_at(links, t + CONTEXT, CW_TRACE_LINK_SIZE, end);
	return r ? r : write_root(root_fd, index + 1, next);
}

static int begin(struct cw_trace_keys *k, int dir, int root_fd, int links)
{
	EVP_PKEY *root = NULL, *next = NULL;
	uint64_t index = 0;
	int r;

	if (flock(root_fd, LOCK_EX))
		return -errno;
	r = read_root(root_fd, &index, &root);
	if (r == -ENOENT)
		r = first_root(dir, root_fd, links, &index, &root);
	if (!r)
		r = new_key(&next);
	if (!r)
		r = new_key(&k->seal);
	if (!r)
		r = take_link(k, links, root_fd, index, root, next);
	EVP_PKEY_free(root); /* cleanses */
	EVP_PKEY_free(next);
	return r;
}

int cw_trace_keys_open(const char *path, struct cw_trace_keys **ret_keys)
{
	cw_auto_close int dir = -1, root = -1, links = -1;
	struct cw_trace_keys *k;
	int r = make_directory(path);

	if (r)
		return r;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	root = openat(dir, "root.key", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (root < 0)
		return -errno;
	links = openat(dir, "links", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (links < 0)
		return -errno;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	r = begin(k, dir, root, links);
	if (r) {
		cw_trace_keys_free(k);
		return r;
	}
	fsync(dir);
	*ret_keys = k;
	return 0;
}

void cw_trace_keys_free(struct cw_trace_keys *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->seal);
	free(k);
}

const uint8_t *cw_trace_keys_links(const struct cw_trace_keys *k, size_t *ret_len)
{
	*ret_len = k->n_links * CW_TRACE_LINK_SIZE;
	return k->links;
}

int cw_trace_keys_seal(struct cw_trace_keys *k, struct cw_trace_seal *s)
{
	uint8_t t[CONTEXT + CW_TRACE_SEAL_SIZE];
	EVP_PKEY *next = NULL;
	int r = new_key(&next);

	if (r)
		return r;
	s->epoch = k->epoch;
	r = public_of(k->seal, s->key);
	if (!r)
		r = public_of(next, s->next_key);
	if (!r) {
		memcpy(t, seal_context, CONTEXT);
		cw_trace_seal_put(s, t + CONTEXT);
		r = sign(k->seal, t, CONTEXT + SEAL_SIGNED, s->signature);
	}
	if (r) {
		EVP_PKEY_free(next);
		return r;
	}
	EVP_PKEY_free(k->seal);
	k->seal = next;
	k->epoch++;
	return 0;
}

/* ---- public keys ---- */

bool cw_trace_key_read_hex(const char *s, uint8_t ret_key[CW_TRACE_KEY])
{
	if (strlen(s) != 2 * CW_TRACE_KEY || strspn(s, "0123456789abcdefABCDEF") != strlen(s))
		return false;
	for (unsigned int i = 0; i < CW_TRACE_KEY; i++) {
		char digits[3] = { s[2 * i], s[2 * i + 1], '\0' };

		ret_key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

int cw_trace_key_read(const char *from, uint8_t ret_key[CW_TRACE_KEY])
{
	cw_auto_fclose FILE *f = NULL;
	EVP_PKEY *key;
	int r = -EINVAL;

	if (cw_trace_key_read_hex(from, ret_key))
		return 0;
	f = fopen(from, "re");
	if (!f)
		return -errno;
	key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
		r = public_of(key, ret_key);
	EVP_PKEY_free(key);
	return r;
}
