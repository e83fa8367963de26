# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# People and services for tests in a virtual machine: real users, a real sshd with a client in
# another network, a login on a console, real cron and at, recorders as services. Sourced by what
# runs inside the guest of scripts/vm (tests/e2e/vm-*.sh, tests/vm/demo), as root, beside
# tests/e2e/lib.bash; changes users, network and control groups of the machine it runs on, and
# therefore refuses to run elsewhere.
#
#   people_setup [USER…]          users with homes, keys, membership in video and audio (alice)
#   network_setup                 network namespace "office", 10.77.0.2 -> 10.77.0.1
#   sshd_start                    sshd on 10.77.0.1:22, a service; needs the two above
#   ssh_as USER COMMAND           over ssh from 10.77.0.2, without a terminal
#   ssh_tty_as USER COMMAND       the same with a terminal
#   console_as USER COMMAND [TTY] agetty and login on a virtual console (tty1)
#   cron_run USER COMMAND         a job of /etc/cron.d, run by cron at once
#   atd_start                     then "echo COMMAND | at now" works
#   service_start UNIT USER COMMAND…  in the unit's control group, as the child of process 1
#   service_stop UNIT             SIGTERM to all of it, and wait for its end
#   service_pids UNIT
#
# ssh_as, ssh_tty_as and console_as print COMMAND's output and return its status.

[[ -e /run/vm/settings ]] || {
	echo "people.sh: this is not a guest of scripts/vm" >&2
	exit 3
}

PEOPLE=/run/people
PEOPLE_HUB=10.77.0.1
PEOPLE_OFFICE=10.77.0.2

# Device nodes as udev leaves them: the guest has no udev.
people_devices() {
	local node

	for node in /dev/video* /dev/media* /dev/vbi* /dev/radio* /dev/v4l-subdev*; do
		[[ ! -c $node ]] || { chgrp video "$node" && chmod 0660 "$node"; }
	done
	[[ ! -d /dev/snd ]] || { chgrp -R audio /dev/snd && chmod 0660 /dev/snd/[!b]*; }
	[[ ! -c /dev/tty1 ]] || chmod 0620 /dev/tty[1-9]
}

# A user with a password that cannot be typed, a key for ssh and the right to use sudo.
people_add() {
	local user=$1 home=/home/$1

	useradd --create-home --shell /bin/bash --groups video,audio --password '*' "$user"
	mkdir -p "$home/.ssh" "$PEOPLE/keys" "$PEOPLE/console"
	[[ -e $PEOPLE/keys/$user ]] ||
		ssh-keygen -q -t ed25519 -N '' -C "$user@office" -f "$PEOPLE/keys/$user"
	cp "$PEOPLE/keys/$user.pub" "$home/.ssh/authorized_keys"
	# console_as leaves a command here for the shell that login starts.
	cat >"$home/.bash_profile" <<-END
		! mv $PEOPLE/console/$user{,.taken} 2>/dev/null ||
			exec $PEOPLE/console/$user.taken
	END
	chmod 0700 "$home/.ssh"
	chown -R "$user:" "$home"
	printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >"/etc/sudoers.d/people-$user"
	chmod 0440 "/etc/sudoers.d/people-$user"
}

people_setup() {
	local user

	mkdir -p "$PEOPLE"
	people_devices
	for user in "${@:-alice}"; do
		people_add "$user"
	done
	chmod 0711 "$PEOPLE"
	chmod 0733 "$PEOPLE/console"
}

network_setup() {
	modprobe veth
	ip netns add office
	ip link add hub type veth peer name office netns office
	ip address add "$PEOPLE_HUB/24" dev hub
	ip link set hub up
	ip -n office address add "$PEOPLE_OFFICE/24" dev office
	ip -n office link set office up
	ip -n office link set lo up
}

sshd_start() {
	ssh-keygen -q -t ed25519 -N '' -C hub -f "$PEOPLE/host_key"
	printf '%s %s\n' "$PEOPLE_HUB" "$(<"$PEOPLE/host_key.pub")" >"$PEOPLE/known_hosts"
	cat >"$PEOPLE/sshd_config" <<-END
		ListenAddress $PEOPLE_HUB
		HostKey $PEOPLE/host_key
		PidFile $PEOPLE/sshd.pid
		KexAlgorithms curve25519-sha256
		UsePAM yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PrintMotd no
		UseDNS no
		AcceptEnv LANG LC_*
	END
	mkdir -p /run/sshd
	# Returns when it listens: it leaves for the background only then.
	(service_enter ssh.service
	exec env -i PATH="$PATH" /usr/sbin/sshd -f "$PEOPLE/sshd_config" -E "$PEOPLE/sshd.log")
}

# people_ssh USER OPTION COMMAND
people_ssh() {
	nsenter --net=/run/netns/office ssh -q "$2" -i "$PEOPLE/keys/$1" \
		-o UserKnownHostsFile="$PEOPLE/known_hosts" -o BatchMode=yes -o IdentitiesOnly=yes \
		"$1@$PEOPLE_HUB" "$3"
}

ssh_as() {
	people_ssh "$1" -T "$2" </dev/null
}

ssh_tty_as() {
	people_ssh "$1" -tt "$2" </dev/null
}

# The shell that login starts finds the command by its profile, so that nothing has to be typed at
# a moment when login would throw it away.
console_as() {
	local user=$1 command=$2 tty=${3:-tty1} file=$PEOPLE/console/$1 status

	mkfifo "$file.out"
	chmod 0666 "$file.out"
	{
		printf '#!/bin/bash\nexec >%q 2>&1\n(%s\n)\n' "$file.out" "$command"
		printf 'echo $? >%q\n' "$file.status"
	} >"$file.new"
	: >"$file.status"
	chmod 0666 "$file.status"
	chmod 0755 "$file.new"
	mv "$file.new" "$file"
	(service_enter "getty@$tty.service"
	exec setsid env -i PATH="$PATH" TERM=linux \
		agetty --noclear --nohostname --noissue --autologin "$user" "$tty" linux) \
		</dev/null >/dev/null 2>&1 &
	cat "$file.out"
	wait $! || true
	status=$(<"$file.status")
	rm -f "$file" "$file.out" "$file.status" "$file.taken"
	return "${status:-255}"
}

# cron runs @reboot jobs when it starts, through the same code as any other job.
cron_run() {
	local user=$1 command=$2

	service_stop cron.service
	printf 'SHELL=/bin/bash\nPATH=%s\n@reboot %s %s\n' "$PATH" "$user" "${command//%/\\%}" \
		>/etc/cron.d/people
	chmod 0644 /etc/cron.d/people
	rm -f /run/crond.reboot /run/crond.pid
	service_start cron.service root /usr/sbin/cron -f
}

atd_start() {
	service_start atd.service root /usr/sbin/atd -f -b 1
	wait_until 10 test -e /run/atd.pid
}

service_cgroup() {
	printf '/sys/fs/cgroup/system.slice/%s\n' "$1"
}

# Move the calling process into the control group of UNIT.
service_enter() {
	local group

	group=$(service_cgroup "$1")
	mkdir -p "$group"
	printf '%s\n' "$BASHPID" >"$group/cgroup.procs"
}

service_start() {
	local unit=$1 user=$2

	shift 2
	: >"$PEOPLE/$unit.log"
	# Its parent ends at once, so that process 1 takes it over.
	(
		service_enter "$unit"
		setsid setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
			env -i PATH="$PATH" HOME="$(getent passwd "$user" | cut -d : -f 6)" \
			LANG=C.UTF-8 "$@" </dev/null >>"$PEOPLE/$unit.log" 2>&1 &
	)
}

service_pids() {
	cat "$(service_cgroup "$1")/cgroup.procs" 2>/dev/null || true
}

service_gone() {
	[[ -z $(service_pids "$1") ]]
}

service_stop() {
	local pids

	pids=$(service_pids "$1")
	[[ -n $pids ]] || return 0
	# shellcheck disable=SC2086 # a list of numbers
	kill $pids 2>/dev/null || true
	wait_until 10 service_gone "$1" || echo 1 >"$(service_cgroup "$1")/cgroup.kill"
}
