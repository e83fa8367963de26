// SPDX-License-Identifier: Apache-2.0
#include "cmd.h"
int cw_cmd_verify(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return CW_EXIT_USAGE;
}
