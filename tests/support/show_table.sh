# show_table.sh - the table of ./run: who sent what to whom, what the primary
# says, what the backup says, and why. To be sourced by bash.

TABLE_FORMAT='  %-17s %-25s %-22s %-22s %s\n'

table_head() {
	# shellcheck disable=SC2059 # the format is a constant
	printf "$TABLE_FORMAT" "from" "to" "the primary says" \
		"the backup says" "why"
}

# A reply in a few words: its codes and what they mean.
table_reply() {
	local code=${1%% *} rest=${1#* }
	case $1 in
	250*) echo "250 accepted" ;;
	421*no\ connection*) echo "(does not answer)" ;;
	550\ 5.1.1*) echo "550 5.1.1 unknown" ;;
	554\ 5.7.1*) echo "554 5.7.1 no relaying" ;;
	*) echo "$code ${rest:0:18}" ;;
	esac
}

table_row() { # SENDER RECIPIENT PRIMARY-REPLY BACKUP-REPLY WHY
	# shellcheck disable=SC2059 # the format is a constant
	printf "$TABLE_FORMAT" "${1:-<> (a bounce)}" "$2" \
		"$(table_reply "$3")" "$(table_reply "$4")" "$5"
}

SPF_FORMAT='  %-15s %-20s %-10s %s\n'

spf_head() {
	# shellcheck disable=SC2059 # the format is a constant
	printf "$SPF_FORMAT" "client" "from" "SPF" "the backup says"
}

spf_row() { # CLIENT SENDER REPLY RESULT
	local words=${3%%\\n*}
	case $words in 250*) words="250 accepted" ;; esac
	# shellcheck disable=SC2059 # the format is a constant
	printf "$SPF_FORMAT" "$1" "$2" "$4" "${words:0:70}"
}
