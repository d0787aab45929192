/* SPDX-License-Identifier: Apache-2.0 */
/* scheme://user@host:port/path?query, in one spelling: scheme and host in lower
 * case, no default port, a path at least "/", no fragment (it is never sent).  The
 * user part is kept: it is how phishing hides the host.  Path and query are taken
 * byte for byte, since servers may tell them apart. */
#include "codec/ip.h"
#include "intel/intel_int.h"

enum { SCHEME_MAX = 16 };

struct out {
    char *p;
    size_t n;
    bool full;
};

static void put(struct out *o, str s)
{
    if (s.n > INTEL_VALUE_MAX - o->n) {
        o->full = true;
        return;
    }
    memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
}

/* Length of the scheme, 0 when there is none: "://" further on belongs to a query. */
static size_t scheme_size(str in)
{
    size_t colon = str_find(in, ':');
    if (colon > str_find(in, '/'))
        return 0;
    return str_starts(str_from(in, colon), STR("://")) ? colon : 0;
}

/* Cut "scheme://" off *in and write it in lower case, "http" when there is none. */
static bool put_scheme(struct out *o, str *in)
{
    size_t colon = scheme_size(*in);
    if (colon == 0)
        put(o, STR("http://"));
    if (colon == 0)
        return true;
    if (colon > SCHEME_MAX)
        return false;
    char scheme[SCHEME_MAX];
    for (size_t i = 0; i < colon; i++) {
        char c = scheme[i] = ascii_lower(in->p[i]);
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
    }
    put(o, (str){scheme, colon});
    put(o, STR("://"));
    *in = str_from(*in, colon + 3);
    return true;
}

static bool put_host(struct out *o, str host)
{
    char address[16], text[IP_TEXT_MAX];
    if (str_starts(host, STR("["))) {
        struct ip ip;
        if (!str_ends(host, STR("]")) || !ip_parse(host, &ip))
            return false;
        str t = {text, ip_format(&ip, text)};
        put(o, ip.v6 ? STR("[") : STR(""));
        put(o, t);
        put(o, ip.v6 ? STR("]") : STR(""));
        return true;
    }
    char last = host.n ? host.p[host.n - 1] : 0;
    if (last >= '0' && last <= '9' && intel_ip_bytes(host, address) == 4) {
        put(o, host);
        return true;
    }
    char name[256];
    size_t n = intel_domain_lower(host, 1, name);
    put(o, (str){name, n});
    return n > 0;
}

static bool is_default_port(str scheme, uint64_t port)
{
    return (port == 80 && str_starts(scheme, STR("http:"))) ||
           (port == 443 && str_starts(scheme, STR("https:"))) ||
           (port == 21 && str_starts(scheme, STR("ftp:")));
}

static bool put_port(struct out *o, str port)
{
    uint64_t number;
    if (port.n == 0)
        return true;
    if (port.n > 5 || !str_to_u64(port, &number) || number > 65535)
        return false;
    if (is_default_port((str){o->p, o->n}, number))
        return true;
    char text[8];
    int n = snprintf(text, sizeof text, ":%u", (unsigned)number);
    put(o, (str){text, (size_t)n});
    return true;
}

/* Where the parts of user@host:port end. */
struct authority {
    size_t n;    /* all of it */
    size_t host; /* where the host begins */
    size_t port; /* the colon before the port, or n */
};

static struct authority authority_of(str in)
{
    struct authority a = {.port = SIZE_MAX};
    for (; a.n < in.n; a.n++) {
        char c = in.p[a.n];
        if (c > ']' || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= '.'))
            continue; /* most characters, at once */
        if (c == '/' || c == '?' || c == '#')
            break;
        if (c == '@')
            a.host = a.n + 1;
        if (c == '@' || c == ']')
            a.port = SIZE_MAX;
        else if (c == ':' && a.port == SIZE_MAX)
            a.port = a.n;
    }
    if (a.port > a.n)
        a.port = a.n;
    return a;
}

static bool put_authority(struct out *o, str in, const struct authority *a)
{
    put(o, str_head(in, a->host)); /* the user and the @ */
    str host = {in.p + a->host, a->port - a->host};
    return put_host(o, host) && put_port(o, str_from(str_head(in, a->n), a->port + 1));
}

/* Without a scheme, only what cannot be anything else: neither "and/or" nor "1.2.3.4/240". */
static bool bare_is_url(str in, size_t authority)
{
    uint64_t number;
    str host = str_head(in, authority);
    return authority < in.n && str_find(host, '.') < authority &&
           !str_to_u64(str_from(in, authority + 1), &number);
}

static size_t encode(str in, char out[static INTEL_VALUE_MAX])
{
    struct out o = {out, 0, false};
    bool bare = scheme_size(in) == 0;
    if (!put_scheme(&o, &in))
        return 0;
    struct authority a = authority_of(in);
    if (bare && !bare_is_url(in, a.n))
        return 0;
    if (!put_authority(&o, in, &a))
        return 0;
    str path = str_from(in, a.n);
    path = str_head(path, str_find(path, '#'));
    if (!str_starts(path, STR("/")))
        put(&o, STR("/"));
    put(&o, path);
    return o.full ? 0 : o.n;
}

str intel_url_host(str url)
{
    str rest = str_from(url, str_find(url, ':') + 3);
    struct authority a = authority_of(rest);
    str host = {rest.p + a.host, a.port - a.host};
    return str_starts(host, STR("[")) ? (str){host.p + 1, host.n - 2} : host;
}

const struct intel_kind_ops intel_ops_URL = {
    .name = "url",
    .noun = "URL",
    .encode = encode,
};
