/* SPDX-License-Identifier: Apache-2.0 */
/* One libcurl handle a client, reused so that connections stay open between calls.  Every call
 * sets the handle up anew: nothing of an exchange outlives it but the connection. */
#include "net/client.h"

#include "base/mem.h"
#include "codec/ip.h"
#include "crypto/crypto.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>

enum {
    CONNECT_MS = 10000,
    KEEPALIVE_S = 15,
    PATH_MAX_BYTES = 64 * 1024,
    BEARER_MAX = 16 * 1024,
    HEADERS_MAX = 64,
    UPLOAD_ROOM = 256 * 1024
};

struct client {
    CURL *curl;
    struct curl_slist *headers; /* of the exchange under way; holds the token */
    char *base_url;             /* without a '/' at its end */
    char *ca_file;              /* or NULL */
    char *bearer;               /* or NULL */
    bool loopback;
    uint32_t timeout_ms;
    struct sbuf url, body, content_type, request_id;
    char why[CURL_ERROR_SIZE];
};

static void start_curl(void)
{
    /* Fails only for want of memory, or of the TLS library's own data. */
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(code == CURLE_OK);
    (void)code;
}

static char *copied(const char *z)
{
    size_t n = strlen(z) + 1;
    return memcpy(mem_zero(n), z, n);
}

static void wipe_and_free(char *z)
{
    if (z)
        crypto_wipe(z, strlen(z));
    mem_free(z);
}

static bool visible(const char *z)
{
    while (*z > ' ' && *z < 0x7f)
        z++;
    return *z == '\0';
}

/* ---- what is asked ---- */

static bool is_loopback(const char *host)
{
    const struct ip six = {.byte = {[15] = 1}, .v6 = true};
    struct ip ip;
    if (str_ieq(str_z(host), STR("localhost")))
        return true;
    return ip_parse(str_z(host), &ip) && (ip.v6 ? ip_eq(&ip, &six) : ip_v4(&ip) >> 24 == 127);
}

static status part_of(CURLU *url, CURLUPart part, char **out)
{
    *out = NULL;
    return curl_url_get(url, part, out, 0) == CURLUE_OK ? ST_OK : ST_NOT_FOUND;
}

/* Look the parsed URL over; *loopback says where it leads. */
static status judge_url(CURLU *url, const char *text, bool *loopback, struct error *err)
{
    char *scheme, *host, *user, *rest;
    bool http = part_of(url, CURLUPART_SCHEME, &scheme) == ST_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    *loopback = part_of(url, CURLUPART_HOST, &host) == ST_OK && is_loopback(host);
    bool secret = part_of(url, CURLUPART_USER, &user) == ST_OK;
    bool more = part_of(url, CURLUPART_QUERY, &rest) == ST_OK;
    curl_free(rest);
    more |= part_of(url, CURLUPART_FRAGMENT, &rest) == ST_OK;
    curl_free(rest);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    if (secret) /* and not repeated here */
        return fail(err, ST_INVALID, "the URL holds a user name; use a token instead");
    if (!http || more)
        return fail(err, ST_INVALID, "'%s' is no URL like https://host:3002", text);
    return ST_OK;
}

static status check_url(const char *text, bool *loopback, struct error *err)
{
    CURLU *url = curl_url();
    if (!url || !visible(text) || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        return fail(err, ST_INVALID, "'%s' is no URL like https://host:3002", text);
    }
    status st = judge_url(url, text, loopback, err);
    curl_url_cleanup(url);
    return st;
}

status client_set_bearer(struct client *c, const char *bearer, struct error *err)
{
    if (bearer && (!*bearer || !visible(bearer) || strlen(bearer) > BEARER_MAX))
        return fail(err, ST_INVALID, "a token is 1 to %d visible ASCII characters", BEARER_MAX);
    char *mine = bearer ? copied(bearer) : NULL;
    wipe_and_free(c->bearer);
    c->bearer = mine;
    return ST_OK;
}

status client_new(const struct client_options *options, struct client **out, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int started = pthread_once(&once, start_curl);
    assert(started == 0);
    (void)started;

    struct client *c = mem_new(struct client);
    status st = check_url(options->base_url, &c->loopback, err);
    if (st == ST_OK)
        st = client_set_bearer(c, options->bearer, err);
    if (st == ST_OK && !(c->curl = curl_easy_init()))
        st = fail(err, ST_UNAVAILABLE, "libcurl cannot be started");
    if (st != ST_OK) {
        client_free(c);
        return st;
    }
    c->base_url = copied(options->base_url);
    for (size_t n = strlen(c->base_url); n && c->base_url[n - 1] == '/'; n--)
        c->base_url[n - 1] = '\0';
    c->ca_file = options->ca_file ? copied(options->ca_file) : NULL;
    c->timeout_ms = options->timeout_ms;
    sbuf_init(&c->url, PATH_MAX_BYTES);
    sbuf_init(&c->body, options->answer_bytes ? options->answer_bytes : (size_t)64 << 20);
    sbuf_init(&c->content_type, 256);
    sbuf_init(&c->request_id, 256);
    *out = c;
    return ST_OK;
}

/* The token stands in one of them, in memory of curl's. */
static void drop_headers(struct client *c)
{
    for (struct curl_slist *h = c->headers; h; h = h->next)
        crypto_wipe(h->data, strlen(h->data));
    curl_slist_free_all(c->headers);
    c->headers = NULL;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    drop_headers(c);
    curl_easy_cleanup(c->curl);
    wipe_and_free(c->bearer);
    mem_free(c->base_url);
    mem_free(c->ca_file);
    sbuf_done(&c->url);
    sbuf_done(&c->body);
    sbuf_done(&c->content_type);
    sbuf_done(&c->request_id);
    mem_free(c);
}

/* ---- setting an exchange up ---- */

/* The options are ours and right; what is left is want of memory. */
#define SET(c, option, value)                                                                      \
    do {                                                                                           \
        CURLcode set_code = curl_easy_setopt((c)->curl, (option), (value));                        \
        assert(set_code == CURLE_OK);                                                              \
        (void)set_code;                                                                            \
    } while (0)

static void add_header(struct client *c, const char *line)
{
    struct curl_slist *longer = curl_slist_append(c->headers, line);
    assert(longer);
    c->headers = longer;
}

static status add_headers(struct client *c, const char *const *headers, struct error *err)
{
    for (size_t i = 0; headers && headers[i]; i++) {
        str line = str_z(headers[i]);
        bool odd = i >= HEADERS_MAX || str_find(line, ':') == line.n;
        for (size_t k = 0; k < line.n; k++)
            odd |= ((unsigned char)line.p[k] < ' ' && line.p[k] != '\t') || line.p[k] == 0x7f;
        if (odd)
            return fail(err, ST_INVALID, "header %zu is no line like 'Name: value'", i + 1);
        add_header(c, headers[i]);
    }
    return ST_OK;
}

static void add_line(struct client *c, const char *name, const char *value)
{
    struct sbuf line;
    sbuf_init(&line, BEARER_MAX + 256);
    sbuf_addf(&line, "%s%s", name, value);
    add_header(c, line.p);
    crypto_wipe(line.p, line.n);
    sbuf_done(&line);
}

static status set_url(struct client *c, const char *path, struct error *err)
{
    if (path[0] != '/' || !visible(path))
        return fail(err, ST_INVALID, "'%s' is no path of a URL", path);
    sbuf_clear(&c->url);
    sbuf_addz(&c->url, c->base_url);
    sbuf_addz(&c->url, path);
    if (c->url.full)
        return fail(err, ST_LIMIT, "a URL is at most %d bytes long", PATH_MAX_BYTES);
    SET(c, CURLOPT_URL, c->url.p);
    return ST_OK;
}

static void set_rules(struct client *c)
{
    curl_easy_reset(c->curl);
    SET(c, CURLOPT_ERRORBUFFER, c->why);
    SET(c, CURLOPT_NOSIGNAL, 1L); /* threads */
    SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(c, CURLOPT_FOLLOWLOCATION, 0L);
    SET(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    /* Groups are left to OpenSSL: 3.5 and newer offer X25519MLKEM768 first. */
    SET(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(c, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(c, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(c, CURLOPT_ACCEPT_ENCODING, ""); /* all that curl can undo */
    SET(c, CURLOPT_USERAGENT, "bguard");
    SET(c, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(c, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    SET(c, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    SET(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    if (c->loopback)
        SET(c, CURLOPT_NOPROXY, "*");
    if (c->ca_file) {
        SET(c, CURLOPT_CAINFO, c->ca_file);
        SET(c, CURLOPT_CAPATH, NULL);
    }
}

/* Everything that all kinds of exchange have in common. */
static status prepare(struct client *c, const char *path, const char *content_type,
                      const char *const *headers, struct error *err)
{
    drop_headers(c);
    sbuf_clear(&c->body);
    sbuf_clear(&c->content_type);
    sbuf_clear(&c->request_id);
    c->body.full = false;
    c->why[0] = '\0';
    set_rules(c);
    status st = set_url(c, path, err);
    if (st == ST_OK)
        st = add_headers(c, headers, err);
    if (st != ST_OK)
        return st;
    if (c->bearer)
        add_line(c, "Authorization: Bearer ", c->bearer);
    if (content_type)
        add_line(c, "Content-Type: ", content_type);
    add_header(c, "Expect:"); /* no second's wait for a 100 that may never come */
    SET(c, CURLOPT_HTTPHEADER, c->headers);
    return ST_OK;
}

/* ---- why there was no answer ---- */

static const char *remedy(const struct client *c, CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return c->ca_file ? "; is it signed by another authority than that of --ca?"
                          : "; name the certificate to trust with --ca FILE";
    case CURLE_SSL_CACERT_BADFILE:
        return "; --ca wants a PEM file of certificates";
    case CURLE_COULDNT_CONNECT:
        return "; is it running?";
    case CURLE_SSL_CONNECT_ERROR:
        return "; does it speak TLS there?";
    case CURLE_GOT_NOTHING:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return "; does it speak plain HTTP there, or TLS (https://)?";
    default:
        return "";
    }
}

static status no_answer(const struct client *c, CURLcode code, struct error *err)
{
    const char *why = c->why[0] ? c->why : curl_easy_strerror(code);
    return fail(err, ST_UNAVAILABLE, "no answer from %s: %.*s%s", c->base_url,
                (int)strcspn(why, "\r\n"), why, remedy(c, code));
}

/* ---- what comes back ---- */

static size_t keep(char *p, size_t size, size_t n, void *arg)
{
    struct client *c = arg;
    sbuf_add(&c->body, (str){p, size * n});
    return c->body.full ? 0 : size * n;
}

/* What was told beside the body.  A header too long to keep is as good as none. */
static void read_head(struct client *c, struct client_answer *out)
{
    long http_status = 0;
    const char *type = NULL;
    struct curl_header *id;
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &http_status) == CURLE_OK)
        out->status = (int)http_status;
    if (curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
        sbuf_addz(&c->content_type, type);
    if (curl_easy_header(c->curl, "X-Request-Id", 0, CURLH_HEADER, -1, &id) == CURLHE_OK)
        sbuf_addz(&c->request_id, id->value);
}

static status perform(struct client *c, struct client_answer *out, struct error *err)
{
    SET(c, CURLOPT_WRITEFUNCTION, keep);
    SET(c, CURLOPT_WRITEDATA, c);
    CURLcode code = curl_easy_perform(c->curl);
    drop_headers(c);
    if (c->body.full)
        return fail(err, ST_LIMIT, "the answer of %s is longer than %zu bytes", c->base_url,
                    c->body.cap);
    if (code != CURLE_OK)
        return no_answer(c, code, err);
    *out = (struct client_answer){0};
    read_head(c, out);
    out->content_type = sbuf_str(&c->content_type);
    out->request_id = sbuf_str(&c->request_id);
    out->body = sbuf_str(&c->body);
    return ST_OK;
}

status client_ask(struct client *c, const char *method, const char *path, const char *content_type,
                  str body, const char *const *headers, struct client_answer *out,
                  struct error *err)
{
    status st = prepare(c, path, body.p ? content_type : NULL, headers, err);
    if (st != ST_OK)
        return st;
    SET(c, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    if (body.p) {
        SET(c, CURLOPT_POST, 1L);
        SET(c, CURLOPT_POSTFIELDS, body.p);
        SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    }
    if (strcmp(method, "HEAD") == 0)
        SET(c, CURLOPT_NOBODY, 1L); /* or it would wait for one */
    else
        SET(c, CURLOPT_CUSTOMREQUEST, method);
    return perform(c, out, err);
}

struct upload {
    size_t (*read)(void *arg, char *out, size_t room);
    void *arg;
    bool gave_up;
};

static size_t read_on(char *out, size_t size, size_t n, void *arg)
{
    struct upload *u = arg;
    size_t got = u->read(u->arg, out, size * n);
    u->gave_up = got == SIZE_MAX;
    return u->gave_up ? CURL_READFUNC_ABORT : got;
}

status client_upload(struct client *c, const char *path, const char *content_type,
                     const char *const *headers, size_t (*read)(void *arg, char *out, size_t room),
                     void *arg, struct client_answer *out, struct error *err)
{
    struct upload u = {.read = read, .arg = arg};
    status st = prepare(c, path, content_type, headers, err);
    if (st != ST_OK)
        return st;
    SET(c, CURLOPT_POST, 1L);
    SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1); /* chunked */
    SET(c, CURLOPT_READFUNCTION, read_on);
    SET(c, CURLOPT_READDATA, &u);
    SET(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_ROOM);
    /* A kept connection may turn out closed when half a body has gone, and it cannot be read
     * again. */
    SET(c, CURLOPT_FRESH_CONNECT, 1L);
    struct error why;
    st = perform(c, out, &why);
    if (st != ST_OK && u.gave_up)
        return fail(err, ST_IO, "what was sent to %s could not be read to its end", c->base_url);
    return st == ST_OK ? ST_OK : fail(err, st, "%s", why.text);
}

struct download {
    bool (*piece)(void *arg, str bytes);
    void *arg;
    struct client *client;
    int *http_status;
    bool stopped;
};

static size_t pass_on(char *p, size_t size, size_t n, void *arg)
{
    struct download *d = arg;
    long http_status = 0;
    (void)curl_easy_getinfo(d->client->curl, CURLINFO_RESPONSE_CODE, &http_status); /* 0 then */
    *d->http_status = (int)http_status;
    d->stopped = !d->piece(d->arg, (str){p, size * n});
    return d->stopped ? 0 : size * n;
}

status client_stream(struct client *c, const char *path, const char *const *headers,
                     bool (*piece)(void *arg, str bytes), void *arg, int *http_status,
                     struct error *err)
{
    struct download d = {.piece = piece, .arg = arg, .client = c, .http_status = http_status};
    long code_told = 0;
    *http_status = 0;
    status st = prepare(c, path, NULL, headers, err);
    if (st != ST_OK)
        return st;
    SET(c, CURLOPT_WRITEFUNCTION, pass_on);
    SET(c, CURLOPT_WRITEDATA, &d);
    CURLcode code = curl_easy_perform(c->curl);
    drop_headers(c);
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code_told) == CURLE_OK)
        *http_status = (int)code_told;
    return code == CURLE_OK || d.stopped ? ST_OK : no_answer(c, code, err);
}
