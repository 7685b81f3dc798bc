/*
 * The rules half of the egress firewall: one nftables table of its own (family inet) that judges
 * what comes from the bridge, beside whatever rules the engine has. Forwarded packets reach only
 * addresses that the resolver handed out, on network.ports; the host itself answers DNS on the
 * gateway and nothing else. What is not allowed is rejected, not dropped, counted by rule (named
 * counters) and logged with a rate limit.
 *
 * The whole table goes in as one transaction: either the old one or the new one stands. Everything
 * here needs CAP_NET_ADMIN but the script, which is pure. Uses Debian's nft 1.0.6 language.
 */
#ifndef NETWORK_NFT_H
#define NETWORK_NFT_H

#include "base/buf.h"
#include "base/loop.h"
#include "network/plan.h"

#define NFT_SET "handed_out"

/* The script of `nft -f`. */
void nft_script(const struct network_plan *p, struct buf *out);
/* Of script and names, in the table's comment: tells the table of another configuration apart. */
void nft_digest(const struct network_plan *p, char out[NETWORK_DIGEST_MAX]);

int nft_apply(const struct network_plan *p, struct loop *l, struct err *e) CHECK_RESULT;
/* The table as the kernel has it, without what changes by use. ERR_NOT_FOUND: there is none;
 * ERR_AUTH: this process may not read it. */
int nft_list(
	const struct network_plan *p, struct loop *l, struct buf *out, struct err *e) CHECK_RESULT;
/* A missing table is no error. */
int nft_remove(const struct network_plan *p, struct loop *l, struct err *e) CHECK_RESULT;

/* Packets counted so far by the table's named counters; ERR_NOT_FOUND for an unknown name. */
struct nft_counters {
	struct pairs packets; /* name → decimal */
};
int nft_counters_read(const struct network_plan *p, struct loop *l, struct nft_counters *ret,
	struct err *e) CHECK_RESULT;
int64_t nft_counter(const struct nft_counters *c, const char *name); /* 0 when unknown */
void nft_counters_release(struct nft_counters *c);

#endif
