#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: what Debian 13 does otherwise than Debian 12 hides nobody: an OpenSSH whose
# sessions are another program than its listener, and systemd as process 1, which starts what
# somebody asks it for. What the kernel does not know then is not made up.
#
# vm: --suite trixie --init tests/vm/systemd --vivid n_devs=1 --no-sound
# limit: 360
# long

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/vm/people.sh
. tests/vm/people.sh
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

CW_START_LIMIT=120
CW_EVENT_LIMIT=30
RECORDINGS=/run/recordings

# A file of which one case only knows.
new_file() {
	FILE=$RECORDINGS/$1
	echo picture >"$FILE"
	mark_events
}

opened() {
	wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.comm == \"head\""
}

# is_alice EVENT FILTER…: she, from the office, by the program that serves her.
is_alice() {
	holds "$1" '.verdict.class == "remote"' '.origin.type == "remote"' \
		'.origin.login_user == "alice"' '.origin.session | type == "number"' \
		"(.origin.peer | startswith(\"$PEOPLE_OFFICE:\"))" '.origin.local_port == 22' \
		'.origin.via == "/usr/sbin/sshd"' '.origin.hop == null' '.origin.seeded == false' \
		'.process.ancestors | any(.exe == "/usr/lib/openssh/sshd-session")' "${@:2}"
}

two_programs() {
	mark_events
	ssh_as alice 'v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=10' >/dev/null 2>&1
	is_alice "$(wait_event '.kind == "open" and .asset.path == "/dev/video0"')" \
		'.process.user == "alice"' '.process.unit == "ssh.service"'
	is_alice "$(wait_event '.kind == "stream" and .detail.phase == "stop"')" \
		'.detail.frames == 10'
}

terminal() {
	new_file terminal
	ssh_tty_as alice "sudo head -c 1 $FILE" >/dev/null
	is_alice "$(opened)" '.process.uid == 0' '.origin.tty | startswith("pts/")'
}

orphan() {
	new_file orphan
	ssh_as alice "(tail --pid=\$\$ -f /dev/null; exec head -c 1 $FILE) >/dev/null 2>&1 &"
	is_alice "$(opened)"
}

manager_up() {
	[[ -S /run/systemd/private ]] && systemctl is-system-running
}

# Still a child of her shell, only in a control group of its own.
scope() {
	new_file scope
	ssh_as alice "sudo systemd-run --quiet --scope --unit=mine head -c 1 $FILE" >/dev/null
	is_alice "$(opened)" '.process.unit == "mine.scope"'
}

# Process 1 starts it: no login, no session and no connection is behind it, for the kernel. What is
# there is told: a service nobody granted, in a unit that systemd-run has made.
service() {
	new_file service
	ssh_as alice "sudo systemd-run --quiet --unit=hers head -c 1 $FILE"
	holds "$(opened)" '.verdict.decision == "flag"' '.verdict.class == "service"' \
		'.origin.type == "service"' '.origin.login_uid == null' '.origin.peer == null' \
		'.process.unit == "hers.service"' '.process.ancestors[0].pid == 1' \
		'.process.ancestors[0].exe | endswith("/systemd")'
}

# Who asks for a session in the unit gets a login, which the kernel knows.
service_with_login() {
	new_file login
	ssh_as alice "sudo systemd-run --quiet --uid=alice -p PAMName=sshd head -c 1 $FILE"
	holds "$(opened)" '.verdict.class == "employee"' '.origin.type == "login"' \
		'.origin.login_user == "alice"' '.origin.peer == null'
}

nothing_lost() {
	CW_MARK=0
	[[ $(count_events '.kind == "gap" or (.kind == "canary" and .detail.ok == false)') == 0 ]]
}

people_setup alice
network_setup
sshd_start
mkdir -p "$RECORDINGS"
cat >/run/policy.yaml <<END
version: 1
assets:
  camera:  {kind: camera}
  footage: {kind: recordings, path: $RECORDINGS}
END
wait_until 60 manager_up || echo "# systemd is not up: $(systemctl is-system-running 2>&1)"
cw_start "$@" --policy /run/policy.yaml || echo "# goes on, to show what fails"
scenario "sshd and sshd-session: the person, the peer and the listener" two_programs
scenario "sshd-session with a terminal, and sudo" terminal
scenario "what outlives its sshd-session" orphan
scenario "systemd-run --scope is still the person" scope
scenario "systemd-run: a service of process 1, in its unit" service
scenario "systemd-run with a login of its own: that login" service_with_login
scenario "nothing was lost" nothing_lost
stop_camwarden
scenarios_done
