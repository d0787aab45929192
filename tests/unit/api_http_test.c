/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every request: problems, ids, headers, limits, blocks; and what describes the API. */
#include "tests/unit/api_bed.h"

#include <poll.h>
#include <stdatomic.h>

static struct bed bed;

/* A bed of its own for each test, as the options differ. */
static void with(const struct api_options *o)
{
    bed_open(&bed, o);
}

static int close_it(void **state)
{
    bed_close(&bed);
    return 0;
}

static const char *get(const char *path, const char *headers)
{
    return bed_raw(&bed, arena_fmt(&bed.arena,
                                   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                                   path, headers)
                             .p)
        .p;
}

static void has(const char *answer, const char *what)
{
    if (!strstr(answer, what))
        fail_msg("'%s' is not in %s", what, answer);
}

static void lacks(const char *answer, const char *what)
{
    if (strstr(answer, what))
        fail_msg("'%s' is in %s", what, answer);
}

static void answers_problems(void **state)
{
    with(&(struct api_options){.guard = false});
    bed_expect(&bed, 404, "GET", "/nothing", NULL);
    assert_string_equal(bed_text(&bed, "code"), "not_found");
    assert_string_equal(bed_text(&bed, "title"), "Not Found");
    assert_int_equal(json_int(bed_member(&bed, "status"), 0), 404);
    assert_true(str_eq(bed.answer.request_id, str_z(bed_text(&bed, "request_id"))));
    bed_expect(&bed, 405, "DELETE", "/health", NULL);
    has(bed_raw(&bed, "PUT /api/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").p,
        "Allow: GET, HEAD, OPTIONS\r\n");
    assert_int_equal(bed_send(&bed, "POST", "/api/auth/login", "text/plain", STR("{}"), NULL), 415);
    assert_int_equal(bed_send(&bed, "POST", "/api/auth/login", "application/json; charset=latin1",
                              STR("{}"), NULL),
                     415);
    bed_expect(&bed, 400, "POST", "/api/auth/login", "{\"username\":\"a\"}");
    assert_string_equal(bed_text(&bed, "detail"), "/: the member 'password' is missing");
    bed_expect(&bed, 400, "POST", "/api/auth/login", "{");
    struct sbuf b = {.cap = 1 << 20};
    for (int i = 0; i < 5000; i++)
        sbuf_addc(&b, ' ');
    bed_expect(&bed, 413, "POST", "/api/auth/login", b.p);
    sbuf_done(&b);
}

static void takes_and_makes_request_ids(void **state)
{
    with(&(struct api_options){.guard = false});
    has(get("/health", "X-Request-Id: abc-1.2_3\r\n"), "X-Request-Id: abc-1.2_3\r\n");
    lacks(get("/health", "X-Request-Id: a b\r\n"), "a b");
    lacks(get("/health", "X-Request-Id: a\"b\r\n"), "a\"b");
    has(get("/nothing", "X-Request-Id: mine\r\n"), "\"request_id\":\"mine\"");
}

static void sets_security_headers(void **state)
{
    with(&(struct api_options){.guard = false});
    const char *a = get("/health", "");
    has(a, "X-Content-Type-Options: nosniff\r\n");
    has(a, "Content-Security-Policy: default-src 'none'");
    has(a, "Referrer-Policy: no-referrer\r\n");
    has(a, "Cache-Control: no-store\r\n");
    has(a, "Cross-Origin-Resource-Policy: same-origin\r\n");
    lacks(a, "Strict-Transport-Security");
    lacks(a, "Access-Control");
}

static void lets_configured_origins_in(void **state)
{
    static const str origin[] = {{"https://dash.example", 20}};
    with(&(struct api_options){.guard = false, .cors_origin = origin, .cors_count = 1});
    has(get("/health", "Origin: https://dash.example\r\n"),
        "Access-Control-Allow-Origin: https://dash.example\r\n");
    const char *other = get("/health", "Origin: https://evil.example\r\n");
    lacks(other, "Access-Control");
    has(other, "Vary: Origin\r\n");
    const char *ask = bed_raw(&bed, "OPTIONS /api/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                    "Origin: https://dash.example\r\n"
                                    "Access-Control-Request-Method: POST\r\n\r\n")
                          .p;
    has(ask, "HTTP/1.1 204");
    has(ask, "Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n");
    has(ask, "Access-Control-Allow-Headers: Authorization");
}

static void refuses_options_that_are_wrong(void **state)
{
    with(&(struct api_options){.guard = false});
    static const str bad_origin[] = {{"dash.example", 12}}, bad_range[] = {{"10.0.0.0/99", 11}};
    struct api *a;
    struct api_options o = {.version = "", .cors_origin = bad_origin, .cors_count = 1};
    assert_int_equal(api_new(&o, &a, NULL), ST_INVALID);
    o = (struct api_options){.version = "", .guard_exempt = bad_range, .guard_exempt_count = 1};
    assert_int_equal(api_new(&o, &a, NULL), ST_INVALID);
}

static void limits_who_asks_too_much(void **state)
{
    struct rate_limit rates[RATE_CLASS_COUNT];
    memcpy(rates, api_rates_default, sizeof rates);
    rates[RATE_LOGIN] = (struct rate_limit){.per_min = 1, .burst = 2};
    with(&(struct api_options){.guard = false, .rates = rates});
    static const char body[] = "{\"username\":\"a\",\"password\":\"b\"}";
    bed_expect(&bed, 401, "POST", "/api/auth/login", body);
    bed_expect(&bed, 401, "POST", "/api/auth/login", body);
    bed_expect(&bed, 429, "POST", "/api/auth/login", body);
    assert_string_equal(bed_text(&bed, "code"), "rate_limited");
    const char *raw =
        bed_raw(&bed, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .p;
    has(raw, "HTTP/1.1 429");
    has(raw, "Retry-After: 60\r\n");
    has(raw, "RateLimit-Policy: \"login\";q=2;w=1");
    has(raw, "RateLimit: \"login\";r=0;t=60\r\n");
    for (int i = 0; i < 50; i++)
        bed_expect(&bed, 200, "GET", "/health", NULL);
}

static void blocks_who_looks_for_holes(void **state)
{
    static const str none[1];
    with(&(struct api_options){.guard = true, .guard_exempt = none, .guard_exempt_count = 0});
    for (int i = 0; i < 4; i++)
        bed_expect(&bed, 404, "GET", "/wp-login.php", NULL);
    bed_expect(&bed, 403, "GET", "/health", NULL); /* the connection stood already */
    assert_string_equal(bed_text(&bed, "code"), "blocked");
    int64_t before = metric_value(METRIC_HTTP_REFUSED_BLOCKED);
    assert_string_equal(get("/health", ""), "");
    assert_true(metric_value(METRIC_HTTP_REFUSED_BLOCKED) > before);
}

static void blocks_who_sends_what_is_no_http(void **state)
{
    with(&(struct api_options){.guard = true});
    for (int i = 0; i < 10; i++)
        has(bed_raw(&bed, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").p, "HTTP/1.1 400");
    assert_string_equal(bed_raw(&bed, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").p, "");
}

static void blocks_who_guesses_passwords(void **state)
{
    with(&(struct api_options){.guard = true});
    int got = 401;
    for (int i = 0; i < 15 && got == 401; i++)
        got = bed_ask(&bed, "POST", "/api/auth/login",
                      arena_fmt(&bed.arena, "{\"username\":\"user%d\",\"password\":\"x\"}", i).p);
    bed_expect(&bed, 403, "GET", "/health", NULL);
}

static void spares_whom_it_is_told_to(void **state)
{
    static const str loopback[] = {{"127.0.0.0/8", 11}};
    with(&(struct api_options){.guard = true, .guard_exempt = loopback, .guard_exempt_count = 1});
    for (int i = 0; i < 30; i++)
        bed_expect(&bed, 404, "GET", "/.env", NULL);
    bed_expect(&bed, 200, "GET", "/health", NULL);
}

static void counts_who_is_behind_a_trusted_proxy(void **state)
{
    static const str loopback[] = {{"127.0.0.1", 9}};
    with(&(struct api_options){.guard = true, .proxy = loopback, .proxy_count = 1});
    for (int i = 0; i < 5; i++)
        (void)get("/.env", "X-Forwarded-For: 8.8.8.8, 192.0.2.9\r\n");
    has(get("/health", "X-Forwarded-For: 192.0.2.9\r\n"), "HTTP/1.1 403");
    has(get("/health", "X-Forwarded-For: 8.8.8.8\r\n"), "HTTP/1.1 200");
    has(get("/health", "X-Forwarded-For: 192.0.2.9, 192.0.2.10\r\n"), "HTTP/1.1 200");
    /* Some proxies add a field, and leave what the client wrote. */
    has(get("/health", "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-For: 192.0.2.9\r\n"),
        "HTTP/1.1 403");
    has(get("/health", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 127.0.0.1\r\n"),
        "HTTP/1.1 403");
    has(get("/metrics", "X-Forwarded-For:\r\n"), "HTTP/1.1 401");
}

static void blocks_no_trusted_proxy(void **state)
{
    static const str loopback[] = {{"127.0.0.1", 9}};
    with(&(struct api_options){.guard = true, .proxy = loopback, .proxy_count = 1});
    for (int i = 0; i < 5; i++)
        (void)get("/.env", "X-Forwarded-For: unknown\r\n");
    has(get("/health", "X-Forwarded-For: 192.0.2.9\r\n"), "HTTP/1.1 200");
}

static void shows_metrics_to_this_machine_only(void **state)
{
    with(&(struct api_options){.guard = false});
    (void)bed_ask(&bed, "GET", "/nothing", NULL);
    const char *a = get("/metrics", "");
    has(a, "bguard_http_connections_total ");
    has(a, "bguard_api_requests_total{method=\"\",route=\"\",status=\"4xx\"} 1\n");
    has(get("/metrics", "X-Forwarded-For: 192.0.2.1\r\n"), "HTTP/1.1 401");
    has(get("/metrics", "Forwarded: for=192.0.2.1\r\n"), "HTTP/1.1 401");
}

static void tells_how_it_is(void **state)
{
    with(&(struct api_options){.guard = false});
    bed_expect(&bed, 200, "GET", "/health", NULL);
    assert_string_equal(bed_text(&bed, "status"), "ok");
    assert_string_equal(bed_text(&bed, "version"), "1.2.3");
    bed_expect(&bed, 200, "HEAD", "/health", NULL);
    bed_expect(&bed, 200, "GET", "/health/ready", NULL);
    api_set_ready(bed.api, false);
    bed_expect(&bed, 503, "GET", "/health/ready", NULL);
    bed_expect(&bed, 200, "GET", "/health/live", NULL);
    api_set_ready(bed.api, true);
    api_tick(bed.api);
    bed_as(&bed, bed_login(&bed, "admin", BED_PASSWORD));
    bed_expect(&bed, 200, "GET", "/health/detailed", NULL);
    assert_string_equal(bed_text(&bed, "status"), "ok");
    assert_int_equal(json_count(bed_member(&bed, "components")), 5);
}

/* Every "$ref" leads somewhere. */
static void references_are_there(json_node root, json_node n)
{
    for (struct json_each it = json_each(n); json_each_next(&it);) {
        if (str_eq(it.key, STR("$ref"))) {
            str ref = str_from(json_str(it.value, STR("")), 2);
            json_node at = root;
            while (ref.n)
                at = json_get(at, str_cut(&ref, '/'));
            assert_non_null(at.p);
        }
        references_are_there(root, it.value);
    }
}

/* ---- the end ---- */

static _Atomic int checking;

/* Until the server has cut its clients off. */
static void check_till_the_end(void *arg, struct api_health *out)
{
    (void)arg;
    out->ok = true;
    atomic_fetch_add(&checking, 1);
    while (metric_value(METRIC_HTTP_CONNECTIONS) > 0)
        poll(NULL, 0, 1);
}

static int ask_for(const char *path, const char *token)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(bed.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    str ask = arena_fmt(
        &bed.arena, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token);
    assert_int_equal(send(fd, ask.p, ask.n, MSG_NOSIGNAL), ask.n);
    return fd;
}

static void ends_while_workers_work(void **state)
{
    static const struct api_component slow = {.name = "slow", .check = check_till_the_end};
    with(&(struct api_options){.component = &slow, .component_count = 1});
    const char *token = bed_login(&bed, "admin", BED_PASSWORD);
    bed_as(&bed, token);
    bed_expect(&bed, 201, "POST", "/api/keys", "{\"name\":\"new\"}");
    const char *key = bed_text(&bed, "secret");
    int fd[] = {ask_for("/health/detailed", token), ask_for("/health/detailed", token), 0};
    while (atomic_load(&checking) < 2)
        poll(NULL, 0, 1);
    int64_t begun = metric_value(METRIC_HTTP_BYTES_IN);
    fd[2] = ask_for("/api/auth/me", key); /* waits for a worker, to be known */
    while (metric_value(METRIC_HTTP_BYTES_IN) == begun)
        poll(NULL, 0, 1);
    close_it(state);
    for (size_t i = 0; i < COUNT(fd); i++)
        close(fd[i]);
    with(&(struct api_options){.guard = false}); /* for who closes it */
}

static void describes_every_route(void **state)
{
    static const struct {
        const char *method, *path, *name;
    } routes[] = {
#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, status, answer, RATE, summary)   \
    {#METHOD, path, #handler},
#include "api/route.def"
    };
    with(&(struct api_options){.guard = false});
    bed_expect(&bed, 200, "GET", "/openapi.json", NULL);
    assert_string_equal(bed_text(&bed, "openapi"), "3.1.0");
    for (size_t i = 0; i < COUNT(routes); i++) {
        char method[16] = "";
        for (size_t k = 0; routes[i].method[k]; k++)
            method[k] = ascii_lower(routes[i].method[k]);
        json_node at = json_get(bed_member(&bed, "paths"), str_z(routes[i].path));
        at = json_get(json_get(at, str_z(method)), STR("operationId"));
        assert_true(str_eq(json_str(at, STR("")), str_z(routes[i].name)));
    }
    references_are_there(json_doc_root(bed.doc), json_doc_root(bed.doc));
}

static void publishes_its_keys(void **state)
{
    with(&(struct api_options){.guard = false});
    bed_expect(&bed, 200, "GET", "/.well-known/jwks.json", NULL);
    assert_true(json_count(bed_member(&bed, "keys")) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, close_it)
    const struct CMUnitTest tests[] = {
        T(answers_problems),
        T(takes_and_makes_request_ids),
        T(sets_security_headers),
        T(lets_configured_origins_in),
        T(refuses_options_that_are_wrong),
        T(limits_who_asks_too_much),
        T(blocks_who_looks_for_holes),
        T(blocks_who_sends_what_is_no_http),
        T(blocks_who_guesses_passwords),
        T(spares_whom_it_is_told_to),
        T(counts_who_is_behind_a_trusted_proxy),
        T(blocks_no_trusted_proxy),
        T(shows_metrics_to_this_machine_only),
        T(tells_how_it_is),
        T(ends_while_workers_work),
        T(describes_every_route),
        T(publishes_its_keys),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
