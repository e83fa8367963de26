// SPDX-License-Identifier: Apache-2.0
/* camwarden check: is a policy valid, and does it say what its author expects? Changes nothing. */
#include <sys/stat.h>
#include <time.h>

#include "cmd.h"
#include "policy/policy.h"

struct options {
	const char *policy;
	const char *cases;
	bool print_default;
};

static const char help[] =
	"Usage: camwarden check POLICY [--cases FILE]\n"
	"       camwarden check --print-default\n"
	"\n"
	"Validates a policy: prints every fault as FILE:LINE:COLUMN, or a summary.\n"
	"\n"
	"      --cases FILE     judge the events of FILE and compare with what it expects\n"
	"      --print-default  write the built-in policy of this machine to standard output\n"
	"  -h, --help           this text\n"
	"\n"
	"Exit status: 0 valid, all cases passed; 1 a case failed; 2 usage, or the policy or\n"
	"the cases are invalid; 3 a file could not be read.\n";

/* Writes what was gathered; a message is never cut by a reader that went away. */
static int put(FILE *f, const char *text)
{
	if (text && (fputs(text, f) == EOF || fflush(f) == EOF))
		return CW_EXIT_FAILED;
	return CW_EXIT_OK;
}

static int print_default(void)
{
	cw_auto_buf struct cw_buf yaml = { 0 };
	int r = cw_policy_default("/", &yaml);

	if (r) {
		fprintf(stderr, "camwarden check: the built-in policy cannot be made: %s\n",
			strerror(-r));
		return CW_EXIT_FAILED;
	}
	if (put(stdout, yaml.data)) {
		fprintf(stderr, "camwarden check: standard output cannot be written: %s\n",
			strerror(errno));
		return CW_EXIT_FAILED;
	}
	return CW_EXIT_OK;
}

static void warn(const struct cw_policy *p, unsigned int line, const char *name, const char *what,
		 const char *which)
{
	fprintf(stderr, "warning: %s:%u: '%s': %s%s\n", cw_policy_name(p), line, name, which, what);
}

static void warn_of_device(const struct cw_policy *p, const struct cw_policy_asset *a,
			   const char *path)
{
	struct stat st;

	if (stat(path, &st))
		warn(p, a->line, a->name, " does not exist on this machine", path);
	else if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		warn(p, a->line, a->name, " is not a device on this machine", path);
	else if (!lstat(path, &st) && S_ISLNK(st.st_mode) && !strstr(path, "/by-id/"))
		warn(p, a->line, a->name,
		     " is a link that events do not tell; name the device or its by-id link", path);
}

/* What is right as a policy, but hardly meant for this machine at this time. */
static void warn_of_assets(const struct cw_policy *p)
{
	for (size_t i = 0; i < cw_policy_n_assets(p); i++) {
		const struct cw_policy_asset *a = cw_policy_asset(p, i);
		struct stat st;

		if (a->path && stat(a->path, &st))
			warn(p, a->line, a->name, " does not exist on this machine", a->path);
		else if (a->path && a->kind == CW_ASSET_RECORDINGS && !S_ISDIR(st.st_mode))
			warn(p, a->line, a->name, " is not a folder on this machine", a->path);
		if (a->device)
			warn_of_device(p, a, a->device);
		if (a->by_id && a->by_id[0] == '/')
			warn_of_device(p, a, a->by_id);
	}
}

static void warn_of_grants(const struct cw_policy *p)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < cw_policy_n_grants(p); i++) {
		const struct cw_policy_grant *g = cw_policy_grant(p, i);

		if (g->until_ns <= (uint64_t)now.tv_sec * CW_NSEC_PER_SEC)
			warn(p, g->line, g->name, "has ended: its 'until' is in the past", "");
	}
}

static int load(const char *path, struct cw_policy **ret_policy)
{
	cw_auto_buf struct cw_buf errors = { 0 };
	int r = cw_policy_load(path, &errors, ret_policy);

	if (!r)
		return CW_EXIT_OK;
	put(stderr, errors.data);
	if (!errors.len)
		fprintf(stderr, "%s: cannot be checked: %s\n", path, strerror(-r));
	return r == -EINVAL && errors.len ? CW_EXIT_USAGE : CW_EXIT_FAILED;
}

static int run_cases(struct cw_policy *p, const char *file)
{
	cw_auto_buf struct cw_buf out = { 0 };
	unsigned int passed = 0, failed = 0;
	int r = cw_policy_run_cases(p, file, &out, &passed, &failed);

	put(stderr, out.data);
	if (r < 0)
		return r == -EINVAL && out.len ? CW_EXIT_USAGE : CW_EXIT_FAILED;
	printf("%s: %u of %u cases passed\n", file, passed, passed + failed);
	return r ? CW_EXIT_FLAGGED : CW_EXIT_OK;
}

static int check(const struct options *o)
{
	cw_auto_policy struct cw_policy *p = NULL;
	int r = load(o->policy, &p);

	if (r)
		return r;
	warn_of_assets(p);
	warn_of_grants(p);
	printf("%s: valid: %zu asset%s, %zu grant%s, sha256 %s\n", o->policy,
	       cw_policy_n_assets(p), cw_policy_n_assets(p) == 1 ? "" : "s", cw_policy_n_grants(p),
	       cw_policy_n_grants(p) == 1 ? "" : "s", cw_policy_sha256(p));
	if (o->cases)
		r = run_cases(p, o->cases);
	return fflush(stdout) == EOF && !r ? CW_EXIT_FAILED : r;
}

static int take(void *into, int option, const char *value)
{
	struct options *o = into;

	if (option == 'c')
		o->cases = value;
	else
		o->print_default = true;
	return 0;
}

int cw_cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cases", required_argument, NULL, 'c' },
		{ "print-default", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct cw_verb verb = { "check", help, ":h", options, take };
	struct options o = { 0 };
	int status = cw_read_options(&verb, &o, argc, argv);

	if (status != CW_GO_ON)
		return status;
	if (o.print_default)
		return optind < argc || o.cases ?
			       cw_usage_error("check", "--print-default stands alone", "") :
			       print_default();
	if (optind + 1 != argc)
		return cw_usage_error("check", optind < argc ? "more than one policy: " :
							       "a policy is needed",
				      optind < argc ? argv[optind + 1] : "");
	o.policy = argv[optind];
	return check(&o);
}
