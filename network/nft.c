/*
 * The order of the rules is the argument:
 *   from the bridge, forwarded: IPv6 → refused; a foreign source address → dropped (no answer to a
 *   forged sender); back to the bridge (a neighbour) → refused; answers of known connections →
 *   pass; DNS → refused whatever its target; private ranges → refused though a name led there;
 *   handed-out addresses on allowed ports → pass; the rest → refused.
 *   A connection that would pass is counted against its source first; beyond the limit it is
 * refused. from the bridge, to the host: IPv6, forged → as above; answers → pass; DNS on the
 * gateway → pass; the rest → refused. to the bridge: answers only; nobody connects into a step.
 * Base chains accept by policy and only jump for our bridge: "drop" there would cut other bridges
 * off. They stand before the engine's (filter - 5): what is refused here is final, what passes is
 * still judged by the engine's rules. `update` in the accepting rule refreshes an address in use,
 * which the resolver's own "add" does not.
 */
#include "network/nft.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/proc.h"
#include "network/resolver.h"

#define NFT_PROGRAM "nft"
#define NFT_TIMEOUT_US (20 * USEC_PER_SEC)
/* Addresses nobody may be led to by a name: not the internet. */
#define NOT_INTERNET                                                                         \
	"0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, " \
	"192.0.0.0/24, 192.0.2.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, "       \
	"203.0.113.0/24, 224.0.0.0/3"

/* Connections of one job (its boxes share an address) that may be open at the same time. The
 * kernel's table of connections is one for the whole host. */
enum { CONNECTIONS_MAX = 1024, QUERIES_MAX = 4096 };

/* ---- script ---- */

/* Sets whose elements count: one for each source address, made by the first packet from it. */
static void add_counting_set(struct buf *out, const char *name)
{
	buf_addf(out, "\tset %s {\n\t\ttype ipv4_addr\n\t\tflags dynamic\n\t\tsize 65536\n\t}\n",
		name);
}

/* Ends a rule: what goes beyond `most` of its source is refused. */
static void add_limit(struct buf *out, const char *set, int most)
{
	buf_addf(out,
		"ct state new add @%s { ip saddr ct count over %d } counter name refused_limit "
		"goto refuse\n",
		set, most);
}

static void add_list(struct buf *out, const struct strv *items)
{
	buf_adds(out, "{ ");
	for (size_t i = 0; i < items->n; i++)
		buf_addf(out, "%s%s", i ? ", " : "", items->v[i]);
	buf_adds(out, " }");
}

/* Those of allow_private that are one address: only they may be one of the host's own. */
static void single_addresses(const struct strv *ranges, struct strv *ret)
{
	strv_each (range, ranges)
		if (!strchr(range, '/'))
			strv_add(ret, range);
}

/* Is the range part of another one? nft refuses overlaps. */
static bool is_covered(const struct strv *ranges, size_t index)
{
	struct ip_range one, other;

	if (!ip_range_parse(ranges->v[index], &one))
		BUG("range %s", ranges->v[index]);
	for (size_t i = 0; i < ranges->n; i++)
		if (i != index && ip_range_parse(ranges->v[i], &other) &&
			ip_range_overlaps(one, other) && other.bits < one.bits)
			return true;
	return false;
}

static void add_private(const struct network_plan *p, struct buf *out)
{
	CLEANUP(strv_release) struct strv opened = { 0 };
	const struct strv *ranges = &p->config->network.allow_private;

	for (size_t i = 0; i < ranges->n; i++)
		if (!is_covered(ranges, i))
			strv_add(&opened, ranges->v[i]);

	buf_adds(out, "\t\tip daddr { " NOT_INTERNET " } ");
	if (opened.n) {
		buf_adds(out, "ip daddr != ");
		add_list(out, &opened);
		buf_addc(out, ' ');
	}
	buf_adds(out, "counter name refused_private goto refuse\n");
}

/* Begins a rule: to an address that was handed out, on a port that is allowed. */
static void add_target(const struct network_plan *p, const struct strv *addresses, struct buf *out)
{
	buf_adds(out, "\t\t");
	if (addresses) {
		buf_adds(out, "ip daddr ");
		add_list(out, addresses);
		buf_addc(out, ' ');
	}
	buf_adds(out, "ip daddr @" NFT_SET " tcp dport ");
	add_list(out, &p->config->network.ports);
	buf_addc(out, ' ');
}

static void add_allowed(const struct network_plan *p, const struct strv *addresses, struct buf *out)
{
	add_target(p, addresses, out);
	add_limit(out, "connections", CONNECTIONS_MAX);
	add_target(p, addresses, out);
	buf_adds(
		out, "ct state new update @" NFT_SET " { ip daddr } counter name allowed accept\n");
}

/* What both ways out have in common: no IPv6, no forged sender. */
static void add_entry(const struct network_plan *p, const char *name, struct buf *out)
{
	buf_addf(out, "\tchain %s {\n", name);
	buf_adds(out, "\t\tmeta nfproto ipv6 counter name refused_ipv6 goto refuse\n");
	buf_addf(out, "\t\tip saddr != %s counter name refused_forged drop\n", p->subnet);
}

static void add_answers(struct buf *out)
{
	buf_adds(out, "\t\tct state invalid counter name refused_forged drop\n"
		      "\t\tct state established,related accept\n");
}

static void add_from_jobs(const struct network_plan *p, struct buf *out)
{
	add_entry(p, "from_jobs", out);
	buf_addf(out, "\t\toifname \"%s\" counter name refused_neighbour goto refuse\n", p->bridge);
	add_answers(out);
	buf_adds(out, "\t\tmeta l4proto { tcp, udp } th dport { 53, 853 } "
		      "counter name refused_dns goto refuse\n");
	add_private(p, out);
	if (p->config->network.ports.n)
		add_allowed(p, NULL, out);
	buf_adds(out, "\t\tcounter name refused_direct goto refuse\n\t}\n");
}

static void add_host_in(const struct network_plan *p, struct buf *out)
{
	CLEANUP(strv_release) struct strv opened = { 0 };

	single_addresses(&p->config->network.allow_private, &opened);
	add_entry(p, "host_in", out);
	add_answers(out);
	buf_addf(out, "\t\tip daddr %s tcp dport 53 ", p->gateway);
	add_limit(out, "dns_streams", RESOLVER_STREAMS_OF_ONE);
	buf_addf(out, "\t\tip daddr %s udp dport 53 ", p->gateway);
	add_limit(out, "queries", QUERIES_MAX);
	buf_addf(out,
		"\t\tip daddr %s meta l4proto { tcp, udp } th dport 53 counter name resolver "
		"accept\n",
		p->gateway);
	if (opened.n && p->config->network.ports.n)
		add_allowed(p, &opened, out);
	buf_adds(out, "\t\tcounter name refused_host goto refuse\n\t}\n");
}

static const char *const counters[] = { "allowed", "resolver", "refused_ipv6", "refused_forged",
	"refused_neighbour", "refused_dns", "refused_private", "refused_direct", "refused_host",
	"refused_inbound", "refused_limit" };

/* Everything but the table's comment, which holds the digest of this. */
static void add_content(const struct network_plan *p, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		buf_addf(out, "\tcounter %s { }\n", counters[i]);
	buf_adds(out, "\tset " NFT_SET " {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n"
		      "\t\ttimeout 1h\n\t\tsize 65536\n\t}\n");
	add_counting_set(out, "connections");
	add_counting_set(out, "queries");
	add_counting_set(out, "dns_streams");
	buf_adds(out, "\tchain forward {\n"
		      "\t\ttype filter hook forward priority filter - 5; policy accept;\n");
	buf_addf(out, "\t\tiifname \"%s\" jump from_jobs\n\t\toifname \"%s\" jump to_jobs\n\t}\n",
		p->bridge, p->bridge);
	buf_adds(out, "\tchain input {\n"
		      "\t\ttype filter hook input priority filter - 5; policy accept;\n");
	buf_addf(out, "\t\tiifname \"%s\" jump host_in\n\t}\n", p->bridge);
	add_from_jobs(p, out);
	buf_adds(out, "\tchain to_jobs {\n\t\tct state established,related accept\n"
		      "\t\tcounter name refused_inbound drop\n\t}\n");
	add_host_in(p, out);
	buf_adds(out, "\tchain refuse {\n"
		      "\t\tlimit rate 5/second burst 20 packets log prefix \"shithub-egress \"\n"
		      "\t\tmeta l4proto tcp reject with tcp reset\n"
		      "\t\treject with icmpx admin-prohibited\n\t}\n");
}

void nft_digest(const struct network_plan *p, char out[NETWORK_DIGEST_MAX])
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	unsigned char hash[SHA256_LEN];

	add_content(p, &text);
	for (size_t i = 0; i < p->names.n; i++)
		buf_addf(&text, "%s%s\n", p->names.v[i].below ? "*." : "", p->names.v[i].name);
	sha256(buf_cstr(&text), text.len, hash);
	hex_encode(hash, (NETWORK_DIGEST_MAX - 1) / 2, out);
}

void nft_script(const struct network_plan *p, struct buf *out)
{
	char digest[NETWORK_DIGEST_MAX];

	nft_digest(p, digest);
	/* nft has no "create or replace": adding an empty table makes deleting it succeed */
	buf_addf(out, "table inet %s\ndelete table inet %s\ntable inet %s {\n", p->table, p->table,
		p->table);
	buf_addf(out, "\tcomment \"shithubd-runner %s\"\n", digest);
	add_content(p, out);
	buf_adds(out, "}\n");
}

/* ---- the tool ---- */

static bool may_not_look(const char *words)
{
	return strstr(words, "Operation not permitted") != NULL;
}

/* nft's complaint is its first line, "Error: …"; the rest draws an arrow. */
static int tool_error(struct buf *words, int status, struct err *e)
{
	char text[PROC_STATUS_TEXT];
	char *line = words->len ? words->data : NULL;
	enum err_class class = may_not_look(buf_cstr(words)) ? ERR_AUTH : ERR_CONFLICT;

	if (strstr(buf_cstr(words), "No such file or directory"))
		class = ERR_NOT_FOUND;
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return err_set(e, class, NFT_PROGRAM ": %s", line ? line : proc_status_text(status, text));
}

static int nft_run(
	char *const *argv, const struct buf *input, struct loop *l, struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf words = BUF_INIT(KIB(16));
	struct proc_spec spec = { .argv = argv, .die_with_parent = true };
	struct err why = { 0 };
	int status = 0;

	/* a missing program is no missing table */
	if (proc_run(l, &spec, input ? input->data : NULL, input ? input->len : 0,
		    mono_add(mono_now(), NFT_TIMEOUT_US), out, &words, &status, &why) < 0)
		return err_set(e, ERR_IO, "nftables (package nftables): %s", why.text);
	if (status != 0)
		return tool_error(&words, status, e);
	return out && !buf_ok(out) ? err_set(e, ERR_LIMIT, NFT_PROGRAM ": its answer is too long")
				   : 0;
}

int nft_apply(const struct network_plan *p, struct loop *l, struct err *e)
{
	CLEAN_BUF struct buf script = BUF_INIT(MIB(1));
	char *argv[] = { (char *)NFT_PROGRAM, (char *)"-f", (char *)"-", NULL };

	nft_script(p, &script);
	if (!buf_ok(&script))
		return err_set(e, ERR_LIMIT, "firewall script of more than 1 MiB");
	return nft_run(argv, &script, l, NULL, e) < 0 ? err_wrap(e, "table %s", p->table) : 0;
}

int nft_list(const struct network_plan *p, struct loop *l, struct buf *out, struct err *e)
{
	char *argv[] = { (char *)NFT_PROGRAM, (char *)"--stateless", (char *)"--terse",
		(char *)"list", (char *)"table", (char *)"inet", (char *)p->table, NULL };

	return nft_run(argv, NULL, l, out, e);
}

int nft_remove(const struct network_plan *p, struct loop *l, struct err *e)
{
	CLEAN_BUF struct buf script = BUF_INIT(KIB(1));
	char *argv[] = { (char *)NFT_PROGRAM, (char *)"-f", (char *)"-", NULL };

	buf_addf(&script, "table inet %s\ndelete table inet %s\n", p->table, p->table);
	return nft_run(argv, &script, l, NULL, e) < 0 ? err_wrap(e, "table %s", p->table) : 0;
}

/* ---- counters ---- */

int nft_counters_read(
	const struct network_plan *p, struct loop *l, struct nft_counters *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));
	CLEAN_JSON struct json_doc *doc = NULL;
	char *argv[] = { (char *)NFT_PROGRAM, (char *)"--json", (char *)"list", (char *)"counters",
		(char *)"table", (char *)"inet", (char *)p->table, NULL };

	*ret = (struct nft_counters){ 0 };
	if (nft_run(argv, NULL, l, &text, e) < 0)
		return -1;
	doc = json_parse(buf_cstr(&text), text.len, NULL, e);
	if (!doc)
		return err_wrap(e, NFT_PROGRAM);
	json_array_each (item, json_get(json_root(doc), "nftables")) {
		const struct json_value *counter = json_get(item, "counter");
		const char *name = counter ? json_get_string(counter, "name") : NULL;
		CLEAN_STR char *packets =
			xasprintf("%" PRId64, (counter ? json_get_int(counter, "packets", 0) : 0));

		if (name)
			pairs_set(&ret->packets, name, packets);
	}
	return 0;
}

int64_t nft_counter(const struct nft_counters *c, const char *name)
{
	const char *text = pairs_get(&c->packets, name);
	int64_t n;

	return text && parse_i64(text, 0, INT64_MAX, &n) ? n : 0;
}

void nft_counters_release(struct nft_counters *c)
{
	pairs_release(&c->packets);
}
