/* SPDX-License-Identifier: Apache-2.0 */
/* Looking a key up.  The places a domain's suffixes hash to are fetched together
 * before the first is read: in a large table each is a cache miss, and waiting for
 * them one by one would be most of the time a look-up takes. */
#include "base/hash.h"
#include "intel/intel_int.h"
#include "intel/wide.h"

#include <assert.h>

enum { SUFFIXES_AT_ONCE = 8 };

static intel_ref find_exact(const struct intel_set *set, const struct intel_side *side,
                            enum intel_kind kind, str bytes)
{
    if (side->kind[kind] == 0)
        return 0;
    str identity = intel_key_identity(kind, bytes);
    return intel_shelf_find(&side->shelf, intel_hash(kind, identity, set->seed), kind, identity);
}

static intel_ref find_address(const struct intel_set *set, const struct intel_side *side, str bytes)
{
    intel_ref ref = find_exact(set, side, INTEL_IP, bytes);
    if (ref || side->kind[INTEL_RANGE] == 0)
        return ref;
    return intel_ranges_find(bytes.n == 4 ? &side->v4 : &side->v6, bytes);
}

/* A range itself or one around it. */
static intel_ref find_range(const struct intel_set *set, const struct intel_side *side, str bytes)
{
    char wider[17];
    memcpy(wider, bytes.p, bytes.n);
    for (unsigned bits = (uint8_t)bytes.p[0] + 1; bits-- > 0;) {
        wider[0] = (char)bits;
        if (bits < (uint8_t)bytes.p[0]) /* clear the bit that is now the host's */
            wider[1 + bits / 8] = (char)(wider[1 + bits / 8] & ~(0x80 >> bits % 8));
        intel_ref ref = find_exact(set, side, INTEL_RANGE, (str){wider, bytes.n});
        if (ref)
            return ref;
    }
    return 0;
}

/* An entry that stands for the whole name only does not count for its subdomains. */
static bool covers(const struct intel_side *side, intel_ref ref, bool whole)
{
    return whole || !(intel_entry_flags(intel_shelf_at(&side->shelf, ref)) & INTEL_EXACT);
}

/* Where the suffixes of `name` with two or more labels begin; returns how many. */
static size_t suffixes_of(str name, uint8_t start[static INTEL_LABELS_MAX])
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < name.n; i += WIDE) {
        unsigned dots = wide_bits(wide_is(wide_load(name.p + i, name.n - i), '.'));
        for (; dots && n < INTEL_LABELS_MAX; dots &= dots - 1) {
            start[n++] = (uint8_t)at;
            at = i + (unsigned)__builtin_ctz(dots) + 1;
        }
    }
    return n;
}

static intel_ref find_domain(const struct intel_set *set, const struct intel_side *side, str name)
{
    uint8_t start[INTEL_LABELS_MAX];
    uint64_t hash[SUFFIXES_AT_ONCE];
    size_t count = side->kind[INTEL_DOMAIN] ? suffixes_of(name, start) : 0;
    for (size_t from = 0; from < count; from += SUFFIXES_AT_ONCE) {
        size_t n = count - from < SUFFIXES_AT_ONCE ? count - from : SUFFIXES_AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            hash[i] = intel_hash(INTEL_DOMAIN, str_from(name, start[from + i]), set->seed);
            __builtin_prefetch(intel_shelf_bucket(&side->shelf, hash[i]));
        }
        for (size_t i = 0; i < n; i++) {
            size_t at = start[from + i];
            intel_ref ref =
                intel_shelf_find(&side->shelf, hash[i], INTEL_DOMAIN, str_from(name, at));
            if (ref && covers(side, ref, at == 0))
                return ref;
        }
    }
    return 0;
}

static intel_ref find_host(const struct intel_set *set, const struct intel_side *side, str host)
{
    char address[16];
    char last = host.n ? host.p[host.n - 1] : 0;
    bool maybe_address = (last >= '0' && last <= '9') || str_find(host, ':') < host.n;
    size_t n = maybe_address ? intel_ip_bytes(host, address) : 0;
    return n ? find_address(set, side, (str){address, n}) : find_domain(set, side, host);
}

intel_ref intel_look(const struct intel_set *set, const struct intel_side *side,
                     const struct intel_key *key)
{
    assert(set->frozen);
    str bytes = {key->byte, key->n};
    intel_ref ref;
    switch (key->kind) {
    case INTEL_IP:
        return find_address(set, side, bytes);
    case INTEL_RANGE:
        return find_range(set, side, bytes);
    case INTEL_DOMAIN:
        return find_domain(set, side, bytes);
    case INTEL_URL:
        ref = find_exact(set, side, INTEL_URL, bytes);
        return ref ? ref : find_host(set, side, intel_url_host(bytes));
    case INTEL_EMAIL:
        ref = find_exact(set, side, INTEL_EMAIL, bytes);
        if (ref || side == &set->good) /* a good provider has bad customers */
            return ref;
        return find_domain(set, side, str_from(bytes, str_find(bytes, '@') + 1));
    default:
        return find_exact(set, side, key->kind, bytes);
    }
}

/* By the domain whose indicator `ref` is: it may itself be a known-good name of which only
 * the whole is listed, and then it is no indicator for its subdomains either. */
static bool domain_is_allowed(const struct intel_set *set, const struct intel_key *key,
                              intel_ref ref)
{
    const struct intel_entry *e = intel_shelf_at(&set->bad.shelf, ref);
    str bytes = {key->byte, key->n};
    if (intel_entry_kind(e) != INTEL_DOMAIN)
        return false;
    if (find_domain(set, &set->good, intel_entry_bytes(e)))
        return true;
    return key->kind == INTEL_EMAIL &&
           find_domain(set, &set->good, str_from(bytes, str_find(bytes, '@') + 1));
}

bool intel_is_allowed(const struct intel_set *set, const struct intel_key *key, intel_ref ref)
{
    if (intel_look(set, &set->good, key) || (ref && domain_is_allowed(set, key, ref)))
        return true;
    if (!set->patterns)
        return false;
    char buf[INTEL_TEXT_MAX];
    str text = intel_key_text(key->kind, (str){key->byte, key->n}, buf);
    return intel_patterns_match(set->patterns, key->kind, text);
}

intel_ref intel_judge(const struct intel_set *set, const struct intel_key *key)
{
    intel_ref ref = intel_look(set, &set->bad, key);
    return ref && !intel_is_allowed(set, key, ref) ? ref : 0;
}

void intel_describe(const struct intel_set *set, intel_ref ref, struct indicator *out)
{
    const struct intel_entry *e = intel_shelf_at(&set->bad.shelf, ref);
    const struct intel_meta *m = &set->metas.meta.at[e->meta];
    const struct intel_techniques *t = &set->metas.techniques.at[m->techniques];
    out->kind = intel_entry_kind(e);
    out->value = intel_key_text(out->kind, intel_entry_bytes(e), out->text);
    out->source = set->metas.text.at[m->source];
    out->description = set->metas.text.at[m->description];
    out->confidence_01 = m->confidence_01;
    out->expires_ms = m->expires_ms;
    out->technique = t->at;
    out->technique_count = t->count;
}

bool intel_find(const struct intel_set *set, str value, struct indicator *out, bool *allowed)
{
    assert(set->frozen);
    struct intel_key key;
    if (allowed)
        *allowed = false;
    if (!intel_key_parse(value, INTEL_KIND_COUNT, &key))
        return false;
    intel_ref ref = intel_look(set, &set->bad, &key);
    if (!ref && !allowed)
        return false;
    bool good = intel_is_allowed(set, &key, ref);
    if (allowed)
        *allowed = good;
    if (!ref || good)
        return false;
    intel_describe(set, ref, out);
    return true;
}
