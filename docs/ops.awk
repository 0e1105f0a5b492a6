# SPDX-License-Identifier: BSD-3-Clause
# Doxygen's input filter for include/starp/ops.def: each row becomes the documented prototype it stands for.

# Splits the arguments of a row at the commas outside of parentheses and strings.
function arguments(text, part,    i, c, n, depth, quoted)
{
    n = 1
    part[1] = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"") quoted = !quoted
        else if (!quoted && c == "(") depth++
        else if (!quoted && c == ")") depth--
        if (c == "," && !quoted && !depth) part[++n] = ""
        else part[n] = part[n] c
    }
    for (i = 1; i <= n; i++) gsub(/^[ \t]+|[ \t]+$/, "", part[i])
    return n
}

function prototype(row,    part, k, doc, forms, operands, k_name)
{
    arguments(row, part)
    doc = substr(part[8], 2, length(part[8]) - 2)
    gsub(/&/, "\\&amp;", doc)
    gsub(/</, "\\&lt;", doc)
    gsub(/>/, "\\&gt;", doc)
    gsub(/[@#%\\]/, "\\\\&", doc)
    for (k = 1; k <= 4; k++) {
        if (part[3 + k] != "NO" && part[3 + k] != "BAD") forms = forms (forms ? ", " : "") class_name[k]
    }
    operands = "starp_array *a" (part[2] > 1 ? ", starp_array *b" : "") (part[2] > 2 ? ", starp_array *c" : "")
    printf "/** %s\n * Computed in: %s. Result: %s. Deferred. */\nstarp_array *starp_%s(%s);\n", doc, forms, result[part[3]], part[1], operands
}

BEGIN {
    split("bool integer float complex", class_name, " ")
    result["SAME"] = "the operands' common dtype"
    result["BOOL"] = "bool"
    result["REAL"] = "the real counterpart of the operands' dtype"
    result["SELECT"] = "the common dtype of the second and third operand; the first is bool"
    print "/** @addtogroup elementwise\n * @{ */"
}
/^STARP_OP\(/ { row = ""; inside = 1 }
inside { row = row $0 " " }
inside && /"\)[ \t]*$/ {
    sub(/^STARP_OP\(/, "", row)
    sub(/\)[ \t]*$/, "", row)
    prototype(row)
    inside = 0
}
END { print "/** @} */" }
