// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: what is packed fits into what was asked for and is what every zlib unpacks,
 * whichever library does it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>
#include <cmocka.h>

#include "trace/format.h"
#include "trace/zip.h"

static void test_packing(void **state)
{
	static const size_t lens[] = { 0, 1, 100, 65535, 65536, 131072, CW_TRACE_RAW_MAX };
	uint8_t *raw = malloc(CW_TRACE_RAW_MAX), *back = malloc(CW_TRACE_RAW_MAX), *out;
	struct cw_unzip *u = NULL;
	struct cw_zip *z = NULL;
	uint32_t noise = 1;

	(void)state;
	assert_int_equal(cw_zip_new(&z), 0);
	assert_int_equal(cw_unzip_new(&u), 0);
	for (int hard = 0; hard < 2; hard++) {
		for (size_t i = 0; i < CW_TRACE_RAW_MAX; i++) {
			noise = noise * 1664525 + 1013904223;
			raw[i] = (uint8_t)(hard ? noise >> 24 : i % 16);
		}
		for (size_t i = 0; i < CW_ARRAY_SIZE(lens); i++) {
			size_t len = lens[i], bound = cw_zip_bound(z, len), n;
			uLongf got = CW_TRACE_RAW_MAX;

			out = malloc(bound);
			n = cw_zip_pack(z, raw, len, out, bound);
			assert_true(n > 0 && n <= bound && n <= CW_TRACE_PACKED_MAX);
			assert_true(hard || len < 100 || n < len / 4 + 64);
			assert_int_equal(uncompress(back, &got, out, n), Z_OK);
			assert_int_equal(got, len);
			assert_memory_equal(back, raw, len);
			memset(back, 0, len);
			assert_int_equal(cw_unzip_unpack(u, out, n, back, len), 0);
			assert_memory_equal(back, raw, len);
			assert_int_equal(cw_unzip_unpack(u, out, n - 1, back, len), -EPROTO);
			free(out);
		}
	}
	cw_unzip_free(u);
	cw_zip_free(z);
	free(raw);
	free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_packing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
