# parts.awk: makes C out of the templates, so that a page is one function call a part and a name that
# is misspelled does not compile.
#
#   awk -v want=h -f parts.awk *.html      structs and prototypes
#   awk -v want=c -f parts.awk *.html      the functions
#
# A file holds parts, each behind a line `@@ name`; what stands before the first is for its readers.
# `html_NAME(h, &(struct html_NAME){ … })` writes a part. In it stand
#   {name}               a text; inside of href, src and action a URL
#   {name:int}           a number
#   {name:time}          a <time>, as far back as it is
#   {name:span}          microseconds as "1m 5s"; 0: nothing
#   {name:bytes}         "1.4 MB"
#   {name:mark}          the sign of a state
#   {?name} … {/}        only with a text that is not empty, a number or time that is not 0, a true bool
#   {!name} … {/}        only without
#
# How a value is escaped follows from where it stands and is nobody's choice: markup comes from these
# files alone (html.h). So that this holds, a value may stand in text or in a quoted attribute and
# nowhere else, a URL is one value from its beginning to its end, and style, scripts and handlers are refused.

function fail(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
	failed = 1
	exit 1
}

function c_text(s) {
	gsub(/\\/, "\\\\", s)
	gsub(/"/, "\\\"", s)
	gsub(/\n/, "\\n", s)
	return s
}

function indent(   s, i) {
	s = "\t"
	for (i = 0; i < depth; i++)
		s = s "\t"
	return s
}

function flush_markup() {
	if (markup != "")
		body = body indent() "html_markup(h, \"" c_text(markup) "\");\n"
	markup = ""
}

# Remembers what kind of member a name is; a bool as long as it is only asked for.
function member(name, kind) {
	if (name !~ /^[a-z][a-z0-9_]*$/)
		fail("name \"" name "\"")
	if (!(name in kinds)) {
		names[++n_names] = name
		kinds[name] = kind
	} else if (kinds[name] == "bool") {
		kinds[name] = kind
	} else if (kind != "bool" && kinds[name] != kind) {
		fail(name " is of two kinds: " kinds[name] " and " kind)
	}
}

function condition(name, negated) {
	member(name, "bool")
	flush_markup()
	# what kind it is may be known only later, so the test is written at the part's end
	body = body indent() "if (" (negated ? "!" : "") "@" name "@) {\n"
	depth++
}

function value(name, kind) {
	if (state == "tag")
		fail("{" name "} stands neither in text nor in a quoted attribute")
	if (kind ~ /^(time|mark|span|bytes)$/ && state != "text")
		fail("{" name ":" kind "} stands in an attribute")
	if (kind == "text" && state == "value" && attribute ~ /^(href|src|action|formaction)$/) {
		if (markup !~ /="$/)
			fail("a URL is one value: {" name "}")
		whole = 1
		kind = "url"
	}
	member(name, kind ~ /^(url|mark)$/ ? "text" : kind ~ /^(span|bytes)$/ ? "int" : kind)
	flush_markup()
	if (kind == "text" && state == "value")
		kind = "attribute"
	body = body indent() "html_" kind "(h, v->" name ");\n"
}

function placeholder(s,   colon) {
	if (s == "/") {
		if (depth < 1)
			fail("{/} without a beginning")
		flush_markup()
		depth--
		body = body indent() "}\n"
	} else if (s ~ /^[?!]/) {
		condition(substr(s, 2), substr(s, 1, 1) == "!")
	} else if ((colon = index(s, ":"))) {
		if (substr(s, colon + 1) !~ /^(int|time|mark|span|bytes)$/)
			fail("kind in {" s "}")
		value(substr(s, 1, colon - 1), substr(s, colon + 1))
	} else {
		value(s, "text")
	}
}

# One character of markup: where are we behind it?
function step(c) {
	if (whole && c != "\"")
		fail("a URL is one value, and this one goes on")
	whole = 0
	if (state == "text" && c == "<") {
		state = "tag"
		word = ""
		tag = ""
		has_source = 0
	} else if (state == "tag" && c == ">") {
		if (tag == "")
			tag = word
		if (tag == "script" && !has_source || tag == "style")
			fail("<" tag ">: scripts and styles are files of their own")
		state = "text"
	} else if (state == "tag" && c == "\"") {
		attribute = word
		sub(/=$/, "", attribute)
		if (attribute == "src")
			has_source = 1
		if (attribute == "style" || attribute ~ /^on/)
			fail("attribute " attribute ": scripts and styles are files of their own")
		state = "value"
	} else if (state == "tag" && c ~ /[ \n]/) {
		if (tag == "")
			tag = word
		word = ""
	} else if (state == "tag") {
		word = word c
	} else if (state == "value" && c == "\"") {
		state = "tag"
		word = ""
	}
	markup = markup c
}

function line(s,   i, c, end) {
	sub(/^[ \t]+/, "", s)
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "{") {
			end = index(substr(s, i), "}")
			if (!end)
				fail("{ without }")
			placeholder(substr(s, i + 1, end - 2))
			i += end - 1
		} else {
			step(c)
		}
	}
	step("\n")
}

function test_of(name) {
	if (kinds[name] == "text")
		return "html_given(v->" name ")"
	return kinds[name] == "time" ? "v->" name ".us" : "v->" name
}

function close_part(   i, types, text, name) {
	if (part == "")
		return
	if (state != "text" || depth)
		fail("part " part " ends inside of a tag or a condition")
	flush_markup()
	types["text"] = "const char *"
	types["int"] = "int64_t "
	types["bool"] = "bool "
	types["time"] = "struct wall "
	text = "struct html_" part " {\n"
	if (!n_names)
		text = text "\tbool nothing;\n"
	for (i = 1; i <= n_names; i++) {
		name = names[i]
		text = text "\t" types[kinds[name]] name ";\n"
		if (want == "c") {
			gsub("!@" name "@", "!" (kinds[name] == "bool" || kinds[name] == "int" ? "v->" name : "(" test_of(name) ")"), body)
			gsub("@" name "@", test_of(name), body)
		}
	}
	text = text "};\n"
	if (want == "h")
		printf "%svoid html_%s(struct html *h, const struct html_%s *v);\n\n", text, part, part
	else
		printf "void html_%s(struct html *h, const struct html_%s *v UNUSED)\n{\n%s}\n\n", part, part, body
}

function open_part(name) {
	close_part()
	if (name !~ /^[a-z][a-z0-9_]*$/ || (name in seen))
		fail("part \"" name "\"")
	seen[name] = 1
	part = name
	body = markup = ""
	state = "text"
	depth = n_names = whole = 0
	split("", names)
	split("", kinds)
}

BEGIN {
	if (want == "h")
		print "/* Made of coordinator/pages/html by parts.awk. */\n#pragma once\n#include \"coordinator/pages/html.h\"\n"
	else
		print "/* Made of coordinator/pages/html by parts.awk. */\n#include <pages/parts.h>\n#include \"coordinator/pages/markup.h\"\n"
}
FNR == 1 { close_part(); part = "" }
/^@@ / { open_part($2); next }
part != "" { line($0) }
END {
	if (failed)
		exit 1
	close_part()
}
