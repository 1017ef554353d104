#!/usr/bin/env bash
# The completion of backupmxctl offers what the program has.
# completion_test.sh BACKUPMXCTL COMPLETION-FILE
ctl=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/check.sh"
. "$2" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

offered() { # WORD...: what is offered for the last one, sorted
	COMP_WORDS=("$ctl" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_backupmxctl 2>&1
	printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
}

cat >"$work/two.conf" <<CONF
state_dir = "$work"
domain "one.test" { call_ahead = true }
domain "two.test" { call_ahead = true }
domain "*" { call_ahead = true }
CONF

commands=$("$ctl" -h | sed -n 's/^  \([a-z]*\) .*/\1/p' | xargs)
check_match "the program has commands" "$commands" '*bounces*status*'
check_equal "nothing typed: options and all commands" "$(offered '')" \
	"$(printf '%s\n' -c -h -V $commands | sort | xargs)"
for command in $commands; do
	check_match "$command is offered for its first letter" \
		" $(offered "${command:0:1}") " "* $command *"
done
check_equal "no such command" "$(offered zz)" ""
check_equal "options only" "$(offered -)" "$(printf '%s\n' -c -h -V | sort | xargs)"
check_equal "words of config" "$(offered config '')" "check dump"
check_equal "config dump" "$(offered config dump --)" "--all"
check_equal "words of cache" "$(offered cache d)" "dump"
check_equal "lookup knows --json" "$(offered lookup -)" "--json"
check_equal "domains of the file that -c names" \
	"$(offered -c "$work/two.conf" list '')" "--json one.test two.test"
check_equal "a domain's first letters" \
	"$(offered -c "$work/two.conf" rollback t)" "two.test"
check_equal "a file behind -c" "$(offered -c "$work/tw")" "$work/two.conf"
check_equal "a configuration that is not there" \
	"$(offered -c "$work/none" list '')" "--json"
# Whatever a command says it takes is offered: its usage names the options.
for command in $commands; do
	for option in $("$ctl" "$command" --nonsense x y z 2>&1 >/dev/null |
		grep 'usage: ' | grep -o -e '--[a-z-]*' | sort -u); do
		check_match "$command offers $option" \
			" $(offered "$command" dump "$option") " "* $option *"
	done
done
check_match "doctor offers -v" " $(offered doctor -) " '* -v *'
check_equal "names of checks" "$(offered check re)" redis
check_equal "days of report" "$(offered report --date '')" "all today yesterday"
mkdir "$work/postfix-b"
check_equal "a folder behind --config-dir" \
	"$(offered status --config-dir "$work/pos")" "$work/postfix-b"
check_equal "no domain where a value belongs" \
	"$(offered -c "$work/two.conf" load --from '')" ""
check_equal "domains of status" \
	"$(offered -c "$work/two.conf" status o)" "one.test"
check_match "it is bound to the program's name" "$(complete -p backupmxctl)" \
	'*-F _backupmxctl backupmxctl'
check_end
