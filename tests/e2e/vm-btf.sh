#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: a kernel that does not describe its types is watched by those of a small file:
# every capability falls by itself, to kprobes where nothing better is asked for, and on each rung
# one access is one event.
#
# limit: 360
# long

exec env CW_HIDE_TYPES=yes CW_BOOTED=kprobe bash "$(dirname "$0")/vm-rungs.sh"
