// SPDX-License-Identifier: Apache-2.0
/*
 * The file is seen through a window that moves forward: pipes and files are read the same way, and
 * only files can jump. A damaged header is left by searching the next valid one.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "trace/reader.h"
#include "trace/zip.h"

#define CHUNK	     (256u << 10)
#define INDEX_ENTRY  48u
#define INDEXES_MAX  (1u << 20)

struct cw_trace_reader {
	int fd;
	bool seekable, eof, failed;
	uint64_t start; /* of the trace in the file: standard input may not be at its head */
	uint64_t size;	/* 0: not known */
	cw_trace_problem_fn *problem;
	void *ctx;
	struct cw_trace_head head;
	uint8_t head_bytes[CW_TRACE_HEAD_SIZE];

	uint8_t *window; /* bytes [base, base + n) of the file */
	size_t n, cap;
	uint64_t base;

	uint64_t at;	   /* of the next block */
	uint64_t last_at;  /* of the last one */
	uint64_t done;	   /* behind the last block of events that was read */
	uint64_t sequence; /* of the last block, 0: none */
	uint64_t wall_ns;
	bool jumped; /* the next block need not follow the last */
	bool has_footer, told_end;
	struct cw_trace_footer footer;

	struct cw_trace_decoder *decoder;
	struct cw_trace_view block; /* the one that events come from; bytes may be gone */
	bool in_block, told_newer;

	/* A range, and the index blocks that have something of it. */
	bool ranged;
	uint64_t since_ns, until_ns;
	uint64_t *indexes; /* offsets, ascending; NULL: no index in use */
	size_t n_indexes, next_index;
	uint64_t *wanted; /* offsets of blocks, of one index block */
	size_t n_wanted, next_wanted;
};

static void tell(struct cw_trace_reader *r, enum cw_trace_fault fault, uint64_t offset,
		 uint64_t sequence, const char *what)
{
	struct cw_trace_problem p = { .fault = fault, .offset = offset, .sequence = sequence,
				      .wall_ns = r->wall_ns, .what = what };

	if (r->problem)
		r->problem(r->ctx, &p);
}

/* ---- the window ---- */

static bool room_for(struct cw_trace_reader *r, size_t len)
{
	size_t cap = len < CHUNK ? CHUNK : len;
	uint8_t *window;

	if (cap <= r->cap)
		return true;
	window = realloc(r->window, cap);
	if (!window)
		return false;
	r->window = window;
	r->cap = cap;
	return true;
}

static void read_some(struct cw_trace_reader *r)
{
	ssize_t n;

	do
		n = r->seekable ? pread(r->fd, r->window + r->n, r->cap - r->n,
					(off_t)(r->start + r->base + r->n)) :
				  read(r->fd, r->window + r->n, r->cap - r->n);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		r->failed = true;
		tell(r, CW_TRACE_UNREADABLE, r->base + r->n, 0, strerror(errno));
	}
	if (n <= 0)
		r->eof = true;
	else
		r->n += (size_t)n;
}

/* Forgets what lies before `offset`. */
static void move_to(struct cw_trace_reader *r, uint64_t offset)
{
	size_t gone;

	if (r->seekable && (offset < r->base || offset > r->base + r->n)) {
		r->base = offset;
		r->n = 0;
		r->eof = false;
		return;
	}
	while (offset > r->base + r->n && !r->eof) {
		r->base += r->n;
		r->n = 0;
		if (!room_for(r, CHUNK))
			r->eof = r->failed = true;
		else
			read_some(r);
	}
	gone = offset - r->base < r->n ? (size_t)(offset - r->base) : r->n;
	if (gone)
		memmove(r->window, r->window + gone, r->n - gone);
	r->n -= gone;
	r->base += gone;
}

/*
 * The bytes from `offset` on, which must not lie before an earlier one unless the file can seek;
 * returns how many there are, at most `len`.
 */
static size_t view(struct cw_trace_reader *r, uint64_t offset, size_t len, const uint8_t **ret)
{
	if (offset < r->base || offset + len > r->base + r->n) {
		/* Few bytes move: a window holds many blocks, and only its end is left. */
		move_to(r, offset);
		if (!room_for(r, len > CHUNK ? len + CHUNK : len))
			r->eof = r->failed = true;
		while (r->base == offset && r->n < len && !r->eof)
			read_some(r);
	}
	if (offset < r->base || offset >= r->base + r->n)
		return 0;
	*ret = r->window + (offset - r->base);
	return r->base + r->n - offset < len ? (size_t)(r->base + r->n - offset) : len;
}

/* ---- blocks ---- */

/* The next offset, behind `from`, at which a valid header stands; false: there is none. */
static bool find_header(struct cw_trace_reader *r, uint64_t from, uint64_t *ret_offset)
{
	struct cw_trace_block_head h;
	const uint8_t *p, *hit;

	for (uint64_t at = from + 1;;) {
		size_t n = view(r, at, CHUNK, &p), i = 0;

		if (n < CW_TRACE_BLOCK_SIZE)
			return false;
		while ((hit = memmem(p + i, n - i - CW_TRACE_BLOCK_SIZE + 4,
				     CW_TRACE_BLOCK_MAGIC, 4))) {
			i = (size_t)(hit - p);
			if (!cw_trace_block_head_get(hit, &h)) {
				*ret_offset = at + i;
				return true;
			}
			if (++i + CW_TRACE_BLOCK_SIZE > n)
				break;
		}
		at += n - CW_TRACE_BLOCK_SIZE + 1;
	}
}

/* At r->at stands no header. 1: go on there, 0: that is the end. */
static int leave_damage(struct cw_trace_reader *r, const uint8_t *p, size_t n)
{
	uint64_t next;
	char what[160];

	if (n >= CW_TRACE_FOOTER_SIZE && !cw_trace_footer_get(p, &r->footer)) {
		r->has_footer = true;
		r->at += CW_TRACE_FOOTER_SIZE;
		return 1;
	}
	if (find_header(r, r->at, &next)) {
		snprintf(what, sizeof(what), "%llu bytes are no block; reading goes on behind them",
			 (unsigned long long)(next - r->at));
		tell(r, CW_TRACE_DAMAGED, r->at, 0, what);
		r->at = next;
		return 1;
	}
	r->told_end = true;
	tell(r, n < CW_TRACE_BLOCK_SIZE ? CW_TRACE_TORN : CW_TRACE_DAMAGED, r->at, 0,
	     n < CW_TRACE_BLOCK_SIZE ? "the file ends within the header of a block" :
				       "the rest of the file is no block");
	return 0;
}

static void check_order(struct cw_trace_reader *r, const struct cw_trace_block_head *h)
{
	char what[160];

	if (!r->jumped && h->sequence != r->sequence + 1) {
		snprintf(what, sizeof(what), h->sequence > r->sequence ?
			 "block %llu follows block %llu: those between are missing" :
			 "block %llu follows block %llu: not the order they were written in",
			 (unsigned long long)h->sequence, (unsigned long long)r->sequence);
		tell(r, CW_TRACE_MISSING, r->at, h->sequence, what);
	}
	r->sequence = h->sequence;
	r->last_at = r->at;
	r->jumped = false;
}

/* Reads at an offset past the window, which stays where it is. */
static bool read_at(const struct cw_trace_reader *r, uint64_t offset, void *out, size_t len)
{
	offset += r->start;
	return offset <= INT64_MAX && pread(r->fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* No byte is at r->at: is that the end as a writer makes it? */
static void check_end(struct cw_trace_reader *r)
{
	uint8_t before;

	if (r->has_footer || r->told_end)
		return;
	r->told_end = true;
	if (r->seekable ? !read_at(r, r->at - 1, &before, 1) : r->at > r->base + r->n)
		tell(r, CW_TRACE_TORN, r->last_at, r->sequence, "the file ends within this block");
	else
		tell(r, CW_TRACE_TORN, r->at, 0, "the end is missing: power cut, kill or "
		     "truncation, or this is still being written");
}

/* The header of the block at r->at; 1, 0: the end. */
static int next_header(struct cw_trace_reader *r, struct cw_trace_block_head *ret_head)
{
	for (;;) {
		const uint8_t *p = NULL;
		size_t n = view(r, r->at, CW_TRACE_BLOCK_SIZE, &p);

		if (r->failed)
			return -EIO;
		if (!n) {
			check_end(r);
			return 0;
		}
		if (r->has_footer) {
			tell(r, CW_TRACE_DAMAGED, r->at, 0, "something stands behind the end");
			r->has_footer = false;
		}
		if (n == CW_TRACE_BLOCK_SIZE && !cw_trace_block_head_get(p, ret_head))
			return 1;
		if (!leave_damage(r, p, n))
			return r->failed ? -EIO : 0;
	}
}

int cw_trace_reader_block(struct cw_trace_reader *r, struct cw_trace_view *ret_view)
{
	struct cw_trace_block_head h;
	const uint8_t *p = NULL;
	size_t len;
	int e = next_header(r, &h);

	if (e <= 0)
		return e;
	check_order(r, &h);
	len = CW_TRACE_BLOCK_SIZE + h.packed;
	if (view(r, r->at, len, &p) < len) {
		r->told_end = true;
		tell(r, CW_TRACE_TORN, r->at, h.sequence, "the file ends within this block");
		r->at = r->base + r->n;
		return r->failed ? -EIO : 0;
	}
	*ret_view = (struct cw_trace_view){ .head = h, .bytes = p, .len = len };
	ret_view->head.offset = r->at;
	ret_view->whole = cw_zip_crc(p + CW_TRACE_BLOCK_SIZE, h.packed) == h.crc;
	if (!ret_view->whole)
		tell(r, CW_TRACE_DAMAGED, r->at, h.sequence,
		     "the content of this block is damaged and left out");
	else if (h.wall_max)
		r->wall_ns = h.wall_max;
	r->at += len;
	return 1;
}

int cw_trace_reader_inflate(struct cw_trace_reader *r, const struct cw_trace_view *v,
			    const uint8_t **ret_raw)
{
	int e = cw_trace_decoder_inflate(r->decoder, &v->head, v->bytes + CW_TRACE_BLOCK_SIZE,
					 ret_raw);

	if (e == -EPROTO)
		cw_trace_reader_decoded(r, &v->head, e, 0);
	return e;
}

bool cw_trace_reader_footer(const struct cw_trace_reader *r, struct cw_trace_footer *ret_footer)
{
	if (r->has_footer)
		*ret_footer = r->footer;
	return r->has_footer;
}

/* ---- the index ---- */

/* Times that contradict each other tell nothing. */
static bool is_wanted(const struct cw_trace_reader *r, uint64_t wall_min, uint64_t wall_max,
		      uint32_t flags)
{
	return (flags & CW_TRACE_HAS_POLICY) || wall_min > wall_max ||
	       (cw_is_before(wall_min, r->until_ns) && wall_max >= r->since_ns);
}

static void drop_index(struct cw_trace_reader *r)
{
	free(r->indexes);
	free(r->wanted);
	r->indexes = r->wanted = NULL;
	r->n_indexes = r->next_index = r->n_wanted = r->next_wanted = 0;
}

/* From the footer back: the index blocks that have something wanted. False: there is no index. */
static bool load_indexes(struct cw_trace_reader *r)
{
	uint8_t t[CW_TRACE_BLOCK_SIZE];
	struct cw_trace_block_head h;
	struct cw_trace_footer f;
	size_t cap = 0;

	if (!r->seekable || r->size < CW_TRACE_HEAD_SIZE + CW_TRACE_FOOTER_SIZE ||
	    !read_at(r, r->size - CW_TRACE_FOOTER_SIZE, t, CW_TRACE_FOOTER_SIZE) ||
	    cw_trace_footer_get(t, &f) || !f.index)
		return false;
	for (uint64_t at = f.index, before = r->size; at; before = at, at = h.seq_first) {
		if (at >= before || r->n_indexes == INDEXES_MAX ||
		    !read_at(r, at, t, sizeof(t)) || cw_trace_block_head_get(t, &h) ||
		    h.type != CW_TRACE_BLOCK_INDEX)
			return false;
		if (!is_wanted(r, h.wall_min, h.wall_max, h.flags))
			continue;
		if (r->n_indexes == cap) {
			uint64_t *more = realloc(r->indexes, (cap ? 2 * cap : 64) * sizeof(*more));

			if (!more)
				return false;
			r->indexes = more;
			cap = cap ? 2 * cap : 64;
		}
		r->indexes[r->n_indexes++] = at;
	}
	for (size_t i = 0; i < r->n_indexes / 2; i++) {
		uint64_t other = r->indexes[r->n_indexes - 1 - i];

		r->indexes[r->n_indexes - 1 - i] = r->indexes[i];
		r->indexes[i] = other;
	}
	return true;
}

void cw_trace_reader_range(struct cw_trace_reader *r, uint64_t since_ns, uint64_t until_ns)
{
	drop_index(r);
	r->ranged = true;
	r->since_ns = since_ns;
	r->until_ns = until_ns;
	r->wanted = malloc(CW_TRACE_INDEX_ENTRIES * sizeof(*r->wanted));
	if (!r->wanted || !load_indexes(r))
		drop_index(r);
	else if (!r->indexes)
		r->indexes = calloc(1, sizeof(*r->indexes)); /* of nothing, but an index */
}

void cw_trace_reader_all(struct cw_trace_reader *r)
{
	r->ranged = false;
	drop_index(r);
}

/* The wanted blocks of the next index block. False: it is not usable, and the index goes. */
static bool load_wanted(struct cw_trace_reader *r)
{
	struct cw_trace_view v;
	const uint8_t *raw;

	r->n_wanted = r->next_wanted = 0;
	r->at = r->indexes[r->next_index++];
	r->jumped = true;
	if (cw_trace_reader_block(r, &v) != 1 || v.head.type != CW_TRACE_BLOCK_INDEX || !v.whole ||
	    cw_trace_reader_inflate(r, &v, &raw))
		return false;
	for (size_t i = 0; (i + 1) * INDEX_ENTRY <= v.head.raw && i < CW_TRACE_INDEX_ENTRIES; i++) {
		const uint8_t *p = raw + i * INDEX_ENTRY;

		if (is_wanted(r, cw_get_le(p + 24, 8), cw_get_le(p + 32, 8),
			      (uint32_t)cw_get_le(p + 44, 4)))
			r->wanted[r->n_wanted++] = cw_get_le(p, 8);
	}
	return true;
}

static void leave_index(struct cw_trace_reader *r)
{
	tell(r, CW_TRACE_DAMAGED, r->at, 0,
	     "the index is damaged; all blocks are looked at instead");
	drop_index(r);
	r->jumped = true;
	r->at = r->done;
}

/* Moves r->at to the next wanted block by the index. 1; 0: there is no further one. */
static int seek_wanted(struct cw_trace_reader *r)
{
	while (r->next_wanted == r->n_wanted) {
		if (r->next_index == r->n_indexes)
			return 0;
		if (!load_wanted(r)) {
			leave_index(r);
			return 1;
		}
	}
	/* No block is read twice, whatever an index says. */
	if (r->wanted[r->next_wanted] < r->done) {
		leave_index(r);
		return 1;
	}
	r->jumped = true;
	r->at = r->wanted[r->next_wanted++];
	return 1;
}

/* ---- events ---- */

/* Without an index: the payload of a block that nobody wants is not even read. */
static int skip_unwanted(struct cw_trace_reader *r)
{
	struct cw_trace_block_head h;
	int e;

	while ((e = next_header(r, &h)) == 1) {
		if (h.type == CW_TRACE_BLOCK_EVENTS &&
		    is_wanted(r, h.wall_min, h.wall_max, h.flags))
			return 1;
		check_order(r, &h);
		r->at += CW_TRACE_BLOCK_SIZE + h.packed;
	}
	return e;
}

int cw_trace_reader_events(struct cw_trace_reader *r, struct cw_trace_view *ret_view)
{
	int e;

	for (;;) {
		if (r->ranged && r->indexes && !seek_wanted(r))
			return 0;
		if (r->ranged && !r->indexes && (e = skip_unwanted(r)) <= 0)
			return e;
		e = cw_trace_reader_block(r, ret_view);
		if (e <= 0)
			return e;
		r->done = r->at;
		if (ret_view->whole && ret_view->head.type == CW_TRACE_BLOCK_EVENTS)
			return 1;
	}
}

void cw_trace_reader_decoded(struct cw_trace_reader *r, const struct cw_trace_block_head *h,
			     int error, uint64_t unknown)
{
	if (error)
		tell(r, CW_TRACE_DAMAGED, h->offset, h->sequence, error == -EPROTO ?
		     "the content of this block cannot be decompressed and is left out" :
		     "this block is malformed; its rest is left out");
	if (!unknown || r->told_newer)
		return;
	r->told_newer = true;
	tell(r, CW_TRACE_NEWER, h->offset, h->sequence,
	     "this trace has records of a later version of camwarden; they are passed over");
}

static int next_events_block(struct cw_trace_reader *r)
{
	int e;

	for (;;) {
		e = cw_trace_reader_events(r, &r->block);
		if (e <= 0)
			return e;
		e = cw_trace_decoder_begin(r->decoder, &r->head, &r->block.head,
					   r->block.bytes + CW_TRACE_BLOCK_SIZE, NULL);
		if (!e) {
			r->in_block = true;
			return 1;
		}
		if (e != -EPROTO)
			return e;
		cw_trace_reader_decoded(r, &r->block.head, e, 0);
	}
}

int cw_trace_reader_next(struct cw_trace_reader *r, struct cw_event *ret_event,
			 struct cw_trace_policy *ret_policy)
{
	int e;

	for (;;) {
		if (r->in_block) {
			e = cw_trace_decoder_next(r->decoder, ret_event, ret_policy);
			if (e > 0)
				return e;
			cw_trace_reader_decoded(r, &r->block.head, e,
						cw_trace_decoder_unknown(r->decoder));
			r->in_block = false;
		}
		e = next_events_block(r);
		if (e <= 0)
			return e;
	}
}

/* ---- opening ---- */

const struct cw_trace_head *cw_trace_reader_head(const struct cw_trace_reader *r)
{
	return &r->head;
}

const uint8_t *cw_trace_reader_head_bytes(const struct cw_trace_reader *r)
{
	return r->head_bytes;
}

uint64_t cw_trace_reader_at(const struct cw_trace_reader *r, uint64_t *ret_size)
{
	*ret_size = r->size;
	return r->at;
}

void cw_trace_reader_free(struct cw_trace_reader *r)
{
	if (!r)
		return;
	if (r->fd > STDIN_FILENO)
		close(r->fd);
	drop_index(r);
	cw_trace_decoder_free(r->decoder);
	free(r->window);
	free(r);
}

static int open_input(struct cw_trace_reader *r, const char *path)
{
	struct stat st;
	off_t start;

	r->fd = cw_streq(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	r->seekable = S_ISREG(st.st_mode);
	if (!r->seekable)
		return 0;
	start = lseek(r->fd, 0, SEEK_CUR);
	if (start < 0)
		return -errno;
	r->start = (uint64_t)start;
	r->size = st.st_size > start ? (uint64_t)(st.st_size - start) : 0;
	return 0;
}

static int read_head(struct cw_trace_reader *r)
{
	const uint8_t *p = NULL;
	int e;

	if (view(r, 0, CW_TRACE_HEAD_SIZE, &p) < CW_TRACE_HEAD_SIZE)
		return r->failed ? -EIO : -EBADMSG;
	e = cw_trace_head_get(p, &r->head);
	if (e)
		return e;
	memcpy(r->head_bytes, p, CW_TRACE_HEAD_SIZE);
	r->at = r->done = CW_TRACE_HEAD_SIZE;
	if (r->head.damaged)
		tell(r, CW_TRACE_DAMAGED, 0, 0, "the header of the file is damaged: what it says "
		     "of hub, boot and time may be wrong");
	if (r->head.minor > CW_TRACE_MINOR)
		tell(r, CW_TRACE_NEWER, 0, 0,
		     "this trace was written by a later version of camwarden; what is not known "
		     "of it is passed over");
	r->told_newer = r->head.minor > CW_TRACE_MINOR;
	return 0;
}

int cw_trace_reader_open(const char *path, cw_trace_problem_fn *problem, void *ctx,
			 struct cw_trace_reader **ret_reader)
{
	struct cw_trace_reader *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->fd = -1;
	r->problem = problem;
	r->ctx = ctx;
	e = cw_trace_decoder_new(&r->decoder);
	if (!e)
		e = open_input(r, path);
	if (!e)
		e = read_head(r);
	if (e) {
		cw_trace_reader_free(r);
		return e;
	}
	*ret_reader = r;
	return 0;
}

int cw_trace_last_hash(const char *path, uint8_t ret_hash[CW_TRACE_HASH])
{
	struct cw_trace_reader *r = NULL;
	struct cw_trace_view v;
	int e = cw_trace_reader_open(path, NULL, NULL, &r);

	if (e)
		return e;
	if (EVP_Digest(r->head_bytes, sizeof(r->head_bytes), ret_hash, NULL, EVP_sha256(),
		       NULL) != 1)
		e = -EIO;
	while (!e && cw_trace_reader_block(r, &v) == 1)
		if (v.whole &&
		    EVP_Digest(v.bytes, v.len, ret_hash, NULL, EVP_sha256(), NULL) != 1)
			e = -EIO;
	cw_trace_reader_free(r);
	return e;
}

static int hash_block(const struct cw_trace_reader *r, uint64_t offset, size_t len,
		      uint8_t ret_hash[CW_TRACE_HASH])
{
	uint8_t *bytes = malloc(len);
	int e = 0;

	if (!bytes)
		return -ENOMEM;
	if (!read_at(r, offset, bytes, len) ||
	    EVP_Digest(bytes, len, ret_hash, NULL, EVP_sha256(), NULL) != 1)
		e = -EIO;
	free(bytes);
	return e;
}

int cw_trace_survey(const char *path, struct cw_trace_survey *ret_survey)
{
	uint8_t t[CW_TRACE_BLOCK_SIZE];
	struct cw_trace_reader *r = NULL;
	struct cw_trace_survey s = { .wall_min = UINT64_MAX };
	struct cw_trace_block_head h;
	struct cw_trace_footer f;
	uint64_t at = CW_TRACE_HEAD_SIZE, last = 0;
	size_t len = CW_TRACE_HEAD_SIZE;
	int e = cw_trace_reader_open(path, NULL, NULL, &r);

	if (!e && r->head.damaged) /* nobody may delete it for what may be wrong */
		e = -EBADMSG;
	if (e) {
		cw_trace_reader_free(r);
		return e;
	}
	s.head = r->head;
	s.bytes = r->size;
	while (read_at(r, at, t, sizeof(t)) && !cw_trace_block_head_get(t, &h) &&
	       at + sizeof(t) + h.packed <= r->size) {
		last = at;
		len = sizeof(t) + h.packed;
		at += len;
		if (h.type != CW_TRACE_BLOCK_EVENTS)
			continue;
		s.events += h.events;
		s.flagged |= h.flags & CW_TRACE_HAS_FLAG;
		s.wall_min = h.wall_min < s.wall_min ? h.wall_min : s.wall_min;
		s.wall_max = h.wall_max > s.wall_max ? h.wall_max : s.wall_max;
	}
	/* An end that is missing or damaged may have had one. */
	s.flagged |= r->head.minor < 1 || !read_at(r, at, t, CW_TRACE_FOOTER_SIZE) ||
		     cw_trace_footer_get(t, &f);
	if (!s.events)
		s.wall_min = s.wall_max = r->head.wall_ns;
	e = hash_block(r, last, len, s.last);
	cw_trace_reader_free(r);
	if (!e)
		*ret_survey = s;
	return e;
}
