# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts share: messages, the cache directory, names of architectures.
# Sourced, never run; defines functions only and changes nothing by itself.

# cw_usage FILE: print the comment block at the top of FILE (what --help shows).
cw_usage() {
	awk 'NR == 1 && /^#!/ || /SPDX-License-Identifier/ { next }
		!/^#/ { exit }
		started || NF > 1 { started = 1; sub(/^# ?/, ""); print }' "$1"
}

cw_name() {
	basename "$0"
}

# Messages go to stderr, so that stdout stays what the script is asked for.
cw_log() {
	printf '%s: %s\n' "$(cw_name)" "$*" >&2
}

# cw_die [-STATUS] MESSAGE: say why and leave, with 3 ("could not run") unless told.
cw_die() {
	local status=3

	if [[ $1 =~ ^-[0-9]+$ ]]; then
		status=${1#-}
		shift
	fi
	cw_log "$*"
	exit "$status"
}

cw_usage_error() {
	cw_die -2 "$* (try --help)"
}

# cw_need_value OPTION NUMBER-OF-ARGUMENTS-LEFT
cw_need_value() {
	(($2 >= 2)) || cw_usage_error "$1 needs a value"
}

# cw_need_number OPTION VALUE
cw_need_number() {
	[[ $2 =~ ^[1-9][0-9]*$ ]] || cw_usage_error "$1 needs a positive number, not '$2'"
}

need_root() {
	((EUID == 0)) || cw_die "must be root; run: sudo $0"
}

# need_program PROGRAM STAGE: STAGE is what scripts/deps calls the set that has PROGRAM.
need_program() {
	command -v "$1" >/dev/null ||
		cw_die "$1 is not installed; run: sudo scripts/deps $2"
}

# Top of the checkout.
cw_top() {
	local here

	here=$(dirname "${BASH_SOURCE[0]}")
	(cd "$here/.." && pwd)
}

# Downloads and what is made from them live here, outside the checkout. Safe to delete.
cw_cache() {
	local dir

	if ((EUID == 0)); then
		dir=${CAMWARDEN_CACHE:-/var/cache/camwarden}
	else
		dir=${CAMWARDEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/camwarden}
	fi
	mkdir -p "$dir" || cw_die "cannot make the cache directory $dir; set CAMWARDEN_CACHE"
	printf '%s\n' "$dir"
}

# cw_arch [NAME]: the kernel's name (uname -m) for NAME in any spelling.
cw_arch() {
	case ${1:-$(uname -m)} in
	x86_64 | x86-64 | amd64) echo x86_64 ;;
	aarch64 | arm64) echo aarch64 ;;
	*) cw_die -2 "architecture '$1' is not known; known are x86_64 and arm64" ;;
	esac
}

# cw_debian_arch [NAME]: Debian's name for the same.
cw_debian_arch() {
	case $(cw_arch "$@") in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) return 1 ;;
	esac
}

# The Debian mirror in apt's configuration. apt only tells it after an "apt-get update".
cw_mirror() {
	local uri

	if [[ -n ${CAMWARDEN_DEBIAN_MIRROR:-} ]]; then
		printf '%s\n' "$CAMWARDEN_DEBIAN_MIRROR"
		return
	fi
	# shellcheck disable=SC2016 # apt's field, not a variable
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' | sed -n 1p)
	[[ -n $uri ]] || cw_die "apt knows no Debian mirror;" \
		"run: apt-get update, or set CAMWARDEN_DEBIAN_MIRROR to the URL of one"
	printf '%s\n' "$uri"
}

# cw_apt_root DIRECTORY SUITE ARCH: make an apt of our own; write its configuration.
cw_apt_root() {
	local root=$1 suite=$2 arch=$3 keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[[ -e $keyring ]] ||
		cw_die "$keyring is missing; install the package debian-archive-keyring"
	mkdir -p "$root"/{lists/partial,cache/archives/partial,etc,empty}
	: >"$root/status"
	printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(cw_mirror)" "$suite" \
		>"$root/etc/sources.list"
	cat >"$root/etc/apt.conf" <<-END
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Default-Release "";
		APT::Update::Post-Invoke-Success {};
		APT::Sandbox::User "$(id -un)";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dir::Etc::sourcelist "$root/etc/sources.list";
		Dir::Etc::sourceparts "$root/empty";
		Dir::Etc::preferences "$root/none";
		Dir::Etc::preferencesparts "$root/empty";
		Dir::State::status "$root/status";
		Dir::State::lists "$root/lists";
		Dir::State::extended_states "$root/extended_states";
		Dir::Cache "$root/cache";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Dir::Log "$root";
	END
}

# cw_own_apt ROOT PROGRAM ARGUMENTS: run apt's PROGRAM on ROOT. The configuration is applied
# twice: APT_CONFIG is read first, and the machine's own may override parts of it.
cw_own_apt() {
	local root=$1 program=$2

	shift 2
	APT_CONFIG=$root/etc/apt.conf "$program" -c "$root/etc/apt.conf" "$@"
}
