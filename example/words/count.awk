# ARGV: n, rank, texts. A word is what stands between blanks; upper and lower case are the same.

function log_line(text) { print "Log," text; fflush() }
function send(to, text) { print "Send," to "," text; fflush() }

function receive(source,    line) {
    print "Req," source; fflush()
    if ((getline line) <= 0) exit 1
    return line
}

# Words are kept in the order in which they were first seen: `for (word in counts)` goes through them in
# an order that may differ from one awk to the next, and what a rank sends must not.
function add(word, count) {
    if (!(word in counts)) order[++different] = word
    counts[word] += count
    total += count
}

# Most frequent first, then by letters; `"" ` makes awk compare two numbers as texts.
function comes_before(a, b) {
    if (counts[a] != counts[b]) return counts[a] > counts[b]
    return (a "") < (b "")
}

function sort_order(    i, j, word) {
    for (i = 2; i <= different; i++) {
        word = order[i]
        for (j = i - 1; j >= 1 && comes_before(word, order[j]); j--) order[j + 1] = order[j]
        order[j + 1] = word
    }
}

BEGIN {
    n = ARGV[1]; rank = ARGV[2]; texts = ARGC - 3
    ARGC = 1    # else getline would read files with the names of the arguments
    different = total = 0
    for (i = rank; i < texts; i += n) {
        words = split(tolower(ARGV[3 + i]), word)
        for (j = 1; j <= words; j++) add(word[j], 1)
    }
    if (rank > 0) {
        for (i = 1; i <= different; i++) send(0, counts[order[i]] " " order[i])
        send(0, "end")
        exit 0
    }
    for (other = 1; other < n; other++)
        while ((line = receive(other)) != "end") {
            blank = index(line, " ")
            add(substr(line, blank + 1), substr(line, 1, blank - 1))
        }
    sort_order()
    for (i = 1; i <= different; i++) log_line(counts[order[i]] " " order[i])
    log_line(total " words, " different " different")
    exit 0
}
