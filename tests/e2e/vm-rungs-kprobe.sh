#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: the same as vm-rungs.sh, on kprobes.
#
# vm: --no-lsm
# limit: 240

CW_BOOTED=fentry CW_RUNG=kprobe
# shellcheck source=tests/e2e/vm-rungs.sh
. "$(dirname "$0")/vm-rungs.sh"
