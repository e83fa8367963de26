// SPDX-License-Identifier: Apache-2.0
/* Goal: a cheap hook is taken only where the kernel says that nothing can interrupt a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "source/preempt.h"

static void says(const char *version, const char *mode, bool preemptible)
{
	assert_int_equal(cw_preempt_parse(version, mode), preemptible);
}

static void test_modes(void **state)
{
	(void)state;
	says("#1 SMP Debian 6.1.1-1", NULL, false);
	says("#1 SMP PREEMPT Debian 6.1.1-1", NULL, true);
	says("#1 SMP PREEMPT_RT Debian 6.1.1-1", NULL, true);
	says("#1 SMP PREEMPT_LAZY Debian 7.3-1", NULL, true);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "(none) voluntary full\n", false);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "none (voluntary) full\n", false);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "none voluntary (full)\n", true);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "full (lazy)\n", true);
}

static void test_unknown(void **state)
{
	(void)state;
	says("#1 SMP PREEMPT_DYNAMIC Debian", NULL, true);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "", true);
	says("#1 SMP PREEMPT_DYNAMIC Debian", "something else\n", true);
	/* What was chosen at build time is not put in question by a file that is not its own. */
	says("#1 SMP PREEMPT_RT Debian", "(none)\n", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
