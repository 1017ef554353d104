#!/bin/sh
# opensmtpd_filter.sh GREY_S BAD_HELO - a filter of OpenSMTPD (smtpd-filters,
# protocol 0.6) that refuses by the recipient's domain: grey.* at a sender's
# first try and until GREY_S later, helo.* when the client called itself
# BAD_HELO, null.* when the sender is <>. It has no commands but the shell's
# own. Sessions are remembered in variables named by their id.
grey_s=$1
bad_helo=$2

key() { # a name for a file or variable from $1: other characters are _
	rest=$1
	key=
	while [ -n "$rest" ]; do
		c=${rest%"${rest#?}"}
		rest=${rest#?}
		case $c in
		[A-Za-z0-9]) key=$key$c ;;
		*) key=${key}_ ;;
		esac
	done
}

# Seconds since the epoch are in each line, as TIME.FRACTION.
greylist() { # SENDER RECIPIENT NOW
	key "$1-$2"
	file=/grey/$key
	if [ -e "$file" ]; then
		read -r first <"$file"
		[ $(($3 - first)) -ge "$grey_s" ] && return 1
	else
		echo "$3" >"$file"
	fi
	return 0
}

judge_rcpt() { # SESSION RECIPIENT NOW; sets verdict
	eval "helo=\$helo_$1 sender=\$sender_$1"
	verdict=proceed
	case $2 in
	*@grey.*)
		greylist "$sender" "$2" "$3" &&
			verdict="reject|450 4.7.1 Greylisted, try again later"
		;;
	*@helo.*)
		[ "$helo" = "$bad_helo" ] &&
			verdict="reject|550 5.7.1 HELO name is not accepted"
		;;
	*@null.*)
		[ -z "$sender" ] &&
			verdict="reject|550 5.7.1 null sender is not accepted"
		;;
	esac
}

strip() { # <address> -> address in $address
	address=${1#<}
	address=${address%>}
}

while IFS='|' read -r stream version time _ event session rest; do
	case $stream$version in
	configready)
		echo "register|filter|smtp-in|helo"
		echo "register|filter|smtp-in|ehlo"
		echo "register|filter|smtp-in|mail-from"
		echo "register|filter|smtp-in|rcpt-to"
		echo "register|ready"
		;;
	filter*)
		token=${rest%%|*}
		# read drops a last separator: the empty sender has none
		case $rest in
		*'|'*) value=${rest#*|} ;;
		*) value= ;;
		esac
		verdict=proceed
		case $event in
		helo | ehlo) eval "helo_$session=\$value sender_$session=" ;;
		mail-from)
			strip "$value"
			eval "sender_$session=\$address"
			;;
		rcpt-to)
			strip "$value"
			judge_rcpt "$session" "$address" "${time%%.*}"
			;;
		esac
		echo "filter-result|$session|$token|$verdict"
		;;
	esac
done
