#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: the same as vm-rungs.sh, where BPF is no security module.
#
# vm: --no-lsm
# limit: 240

CW_BOOTED=fentry
# shellcheck source=tests/e2e/vm-rungs.sh
. "$(dirname "$0")/vm-rungs.sh"
