#!/usr/bin/env python3
"""milter_header.py FILE

Reads a delivered message's header with parsers that are not ours, Debian's
python3-authres and python3-spf, and prints what they understood on one line:

    spf=RESULT ip=CLIENT from=SENDER helo=HELO identity=ID receiver=NAME
    order=... auth=AUTHSERV:METHOD=RESULT:PROPERTY=VALUE,...

"spf=absent" when there is no Received-SPF; auth lists all
Authentication-Results fields from the top, and order says what stands above
the backup's own Received (S, A: our two fields), below the primary's.
"""
import email
import sys

try:
    import authres
    import spf
except ImportError as error:
    sys.exit(f"milter_header.py: {error}")


def unfold(value):
    return " ".join(value.split())


def received_spf(message):
    values = message.get_all("Received-SPF", [])
    if not values:
        return "spf=absent"
    if len(values) > 1:
        return f"spf=twice({len(values)})"
    query = spf.query("0.0.0.0", "", "")
    query.parse_header(unfold(values[0]))
    return (f"spf={query.result} ip={query.i} from={query.s} helo={query.h} "
            f"identity={query.ident} receiver={query.r}")


def auth_results(value):
    try:
        parsed = authres.AuthenticationResultsHeader.parse(
            "Authentication-Results: " + unfold(value))
    except authres.AuthResError as error:
        return f"unreadable({type(error).__name__})"
    results = []
    for result in parsed.results:
        properties = ",".join(f"{p.type}.{p.name}={p.value}"
                              for p in result.properties)
        results.append(f"{result.method}={result.result}:{properties}")
    return f"{parsed.authserv_id}:{';'.join(results)}"


def order(message):
    short = {"received-spf": "S", "authentication-results": "A"}
    found, hops = "", 0
    for name in (key.lower() for key in message.keys()):
        hops += name == "received"
        if hops == 2:
            break
        found += short.get(name, "")
    return found or "none"


def main(path):
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file)
    auth = " ".join(auth_results(v) for v in
                    message.get_all("Authentication-Results", []))
    print(f"{received_spf(message)} order={order(message)} "
          f"auth={auth or 'absent'}")


if __name__ == "__main__":
    main(sys.argv[1])
