// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: the same as that of test_zip.c, packed by the library that a build without
 * ISA-L has.
 */
#undef CW_ISAL
#include "trace/zip.c"

#include "test_zip.c"
