// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>

#include "cmd.h"
#include "trace/zip.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{ "run", cw_cmd_run, "monitor this machine, flag what nobody granted" },
	{ "record", cw_cmd_record, "write a trace of this machine, judge nothing" },
	{ "replay", cw_cmd_replay, "judge a trace: the verdicts of run, or another policy's" },
	{ "learn", cw_cmd_learn, "the least policy that would have allowed what a trace shows" },
	{ "diff", cw_cmd_diff, "which events of a trace two policies judge differently" },
	{ "export", cw_cmd_export, "the events of a trace for other tools: JSON, CSV, OCSF, ECS" },
	{ "query", cw_cmd_query, "who touched what, from traces; counted by person, day, ..." },
	{ "report", cw_cmd_report, "one page from traces: who, what, when, and what was not seen" },
	{ "verify", cw_cmd_verify, "is a trace whole, unchanged and sealed?" },
	{ "who", cw_cmd_who, "who holds a camera, a microphone or a recording right now" },
	{ "check", cw_cmd_check, "validate a policy and run its expectation cases" },
	{ "coverage", cw_cmd_coverage, "what this kernel lets be seen, and what not" },
};

static void usage(FILE *f)
{
	fputs("Usage: camwarden COMMAND [OPTION...]\n"
	      "\n"
	      "Watches who gets at the cameras, microphones and recordings of this machine.\n"
	      "\n", f);
	for (size_t i = 0; i < CW_ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].what);
	fputs("\n"
	      "camwarden COMMAND --help tells more; so does camwarden(1).\n"
	      "Exit status: 0 done, nothing flagged; 1 something was flagged; 2 usage or invalid\n"
	      "policy; 3 could not run.\n", f);
}

static int version(void)
{
	printf("camwarden %s (libbpf %u.%u; traces packed by %s, unpacked by %s)\n", CW_VERSION,
	       libbpf_major_version(), libbpf_minor_version(), cw_zip_packer(), cw_zip_unpacker());
	return CW_EXIT_OK;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (cw_streq(name, "--version"))
		return version();
	if (cw_streq(name, "--help") || cw_streq(name, "-h") || cw_streq(name, "help")) {
		usage(stdout);
		return CW_EXIT_OK;
	}
	for (size_t i = 0; i < CW_ARRAY_SIZE(commands); i++)
		if (cw_streq(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "camwarden: there is no command '%s'\n\n", name);
	usage(stderr);
	return CW_EXIT_USAGE;
}
