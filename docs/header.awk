# SPDX-License-Identifier: BSD-3-Clause
# Doxygen's input filter for the public headers: hides the macros that are only there for other macros (their names end
# with an underscore, or they expand ops.def and the dtype table), and gives each name of `int a, b; /**< text */` the text.

/^#(define|undef) (STARP_API|STARP_[A-Z_]*_|STARP_PROTO_[0-9]|STARP_OP|STARP_DTYPES|X)($|[ (])/ { hidden = 1 }
hidden { hidden = /\\$/; print ""; next }

/^ +[a-z0-9_]+ [a-z0-9_]+(, [a-z0-9_]+)+; +\/\*\*<.*\*\/$/ {
    match($0, /;.*/)
    text = substr($0, RSTART)
    n = split(substr($0, 1, RSTART - 1), name, ",")
    sub(/^ +/, "", name[1])
    type = name[1]
    sub(/ .*/, "", type)
    sub(/^[^ ]+/, "", name[1])
    for (i = 1; i <= n; i++) printf "%s%s%s%s", type, name[i], text, i < n ? " " : "\n"
    next
}
{ print }
