// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"
#include "policy/compiled.h"

_Static_assert(sizeof(((struct cw_policy *)NULL)->sha256) == CW_SHA256_HEX, "room for the hash");

void cw_policy_free(struct cw_policy *p)
{
	if (!p)
		return;
	cw_buf_free(&p->why);
	if (!p->view) {
		cw_policy_usage_free(p->usage);
		cw_policy_arena_free(&p->arena);
	}
	free(p);
}

void cw_policy_freep(struct cw_policy **p)
{
	cw_policy_free(*p);
}

/* The policy with its own copy of name and text, not compiled yet. */
static int new_policy(const char *name, const char *text, size_t len, struct cw_policy **ret_policy)
{
	cw_auto_policy struct cw_policy *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->name = cw_policy_copy(&p->arena, name, strlen(name));
	p->text = cw_policy_copy(&p->arena, text, len);
	p->len = len;
	if (!p->name || !p->text)
		return -ENOMEM;
	r = cw_sha256(p->text, p->len, p->sha256);
	if (r)
		return r;
	*ret_policy = CW_TAKE_PTR(p);
	return 0;
}

static bool any_limited(const struct cw_policy *p)
{
	for (size_t i = 0; i < p->n_grants; i++)
		if (p->grants[i].limited)
			return true;
	return false;
}

int cw_policy_parse(const char *name, const char *text, size_t len, struct cw_buf *errors,
		    struct cw_policy **ret_policy)
{
	cw_auto_policy struct cw_policy *p = NULL;
	struct cw_policy_faults faults = { 0 };
	int r;

	if (len > CW_POLICY_SIZE_MAX) {
		cw_policy_fault_at(&faults, 0, 0,
				   "the policy is larger than 1 MiB; expected at most that");
		r = faults.error ? faults.error : -EINVAL;
	} else {
		r = new_policy(name, text, len, &p);
		if (!r)
			r = cw_policy_compile(p, &faults);
		if (!r && any_limited(p))
			r = cw_policy_usage_new(p, &p->usage);
	}
	cw_policy_faults_write(&faults, name, errors);
	cw_policy_faults_free(&faults);
	if (r)
		return r;
	*ret_policy = CW_TAKE_PTR(p);
	return 0;
}

int cw_policy_load(const char *path, struct cw_buf *errors, struct cw_policy **ret_policy)
{
	cw_auto_free char *text = NULL;
	size_t len = 0;
	int r = cw_policy_file_read(path, &text, &len);

	if (r) {
		if (errors)
			cw_buf_printf(errors, "%s: cannot be read: %s; expected a policy\n", path,
				      strerror(-r));
		return r;
	}
	return cw_policy_parse(path, text, len, errors, ret_policy);
}

int cw_policy_view(const struct cw_policy *p, struct cw_policy **ret_view)
{
	struct cw_policy *view = p->usage ? NULL : malloc(sizeof(*view));

	if (!view)
		return p->usage ? -EINVAL : -ENOMEM;
	*view = *p;
	view->why = (struct cw_buf){ 0 };
	view->view = true;
	*ret_view = view;
	return 0;
}

const char *cw_policy_name(const struct cw_policy *p)
{
	return p->name;
}

const char *cw_policy_sha256(const struct cw_policy *p)
{
	return p->sha256;
}

const char *cw_policy_text(const struct cw_policy *p, size_t *ret_len)
{
	*ret_len = p->len;
	return p->text;
}

bool cw_policy_has_limits(const struct cw_policy *p)
{
	return any_limited(p);
}

size_t cw_policy_n_assets(const struct cw_policy *p)
{
	return p->n_assets;
}

size_t cw_policy_n_grants(const struct cw_policy *p)
{
	return p->n_grants;
}

const struct cw_policy_asset *cw_policy_asset(const struct cw_policy *p, size_t i)
{
	return i < p->n_assets ? &p->assets[i].pub : NULL;
}

const struct cw_policy_asset *cw_policy_asset_of(const struct cw_policy *p,
						 const struct cw_asset *asset)
{
	return cw_policy_asset(p, cw_policy_match_asset(p, asset));
}

const struct cw_policy_grant *cw_policy_grant(const struct cw_policy *p, size_t i)
{
	return i < p->n_grants ? &p->grants[i].pub : NULL;
}
