# check.sh - for integration tests in bash: one line a check, a summary, and
# the exit status. To be sourced.

CHECK_PASSED=0
CHECK_FAILED=0

check_pass() {
	CHECK_PASSED=$((CHECK_PASSED + 1))
	echo "ok   $1"
}

check_fail() { # NAME GOT WANT
	CHECK_FAILED=$((CHECK_FAILED + 1))
	printf 'FAIL %s\n     got:  %s\n     want: %s\n' "$1" "$2" "$3"
}

check_equal() { # NAME GOT WANT
	if [ "$2" = "$3" ]; then check_pass "$1"; else check_fail "$@"; fi
}

check_match() { # NAME GOT GLOB
	# shellcheck disable=SC2254 # the pattern is meant
	case $2 in
	$3) check_pass "$1" ;;
	*) check_fail "$@" ;;
	esac
}

# Does COMMAND succeed within SECONDS?
check_within() { # NAME SECONDS COMMAND...
	local name=$1
	shift
	if lab_wait "$@"; then
		check_pass "$name"
	else
		check_fail "$name" "not within $1 s" "${*:2}"
	fi
}

check_skip() { # REASON
	echo "skipped: $1"
	exit 77
}

check_end() {
	echo "$CHECK_PASSED checks passed, $CHECK_FAILED failed"
	[ "$CHECK_FAILED" -eq 0 ]
}
