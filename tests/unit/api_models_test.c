/* The routes of models and of the Open Inference Protocol, asked over the loopback. */
#include "api/jobs.h"
#include "ml/oip.h"
#include "tests/model_bed.h"
#include "tests/unit/api_bed.h"

static struct bed bed;
static struct shelf *shelf;
static struct jobs *jobs;
static char first[16], second[16]; /* versions */
static struct arena arena;

static int set_up(void **state)
{
    struct shelf_options o = {.folder = NULL};
    if (folder_make(state) != 0)
        return -1;
    o.folder = folder_path("models");
    arena_init(&arena, 64 << 20);
    BED_MUST(shelf_open(&o, &shelf, &err_));
    struct jobs_options of_jobs = {
        .folder = folder_path("jobs"), .program = "/no/such/program", .shelf = shelf};
    BED_MUST(jobs_open(&of_jobs, &jobs, &err_));
    bed_open(&bed, &(struct api_options){.shelf = shelf, .jobs = jobs});
    bed_as(&bed, bed_login(&bed, "admin", BED_PASSWORD));
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    jobs_close(jobs);
    shelf_close(shelf);
    arena_done(&arena);
    return folder_remove(state);
}

static json_node element(json_node array, size_t i)
{
    struct json_each it = json_each(array);
    while (json_each_next(&it) && i)
        i--;
    return it.value;
}

static const char *member(json_node n, const char *name)
{
    return arena_str(&arena, json_str(json_get(n, str_z(name)), STR(""))).p;
}

/* The state of a version in the last list. */
static const char *state_of(const char *version)
{
    for (struct json_each it = json_each(bed_member(&bed, "models")); json_each_next(&it);)
        if (strcmp(member(it.value, "version"), version) == 0)
            return member(it.value, "state");
    return "none";
}

static void import(uint64_t seed, char version[static 16])
{
    struct sbuf file;
    struct model *m = bed_model(seed);
    sbuf_init(&file, 64 << 20);
    model_write(m, &file);
    model_free(m);
    int got = bed_send(&bed, "POST", "/api/models?name=flows", "application/octet-stream",
                       sbuf_str(&file), NULL);
    if (got != 201)
        fail_msg("%d " STR_FMT, got, STR_ARG(bed.answer.body));
    (void)snprintf(version, 16, "%s", bed_text(&bed, "version"));
    sbuf_done(&file);
}

/* ---- which are in use ---- */

static void takes_models_in_and_puts_them_into_use(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/models", NULL);
    assert_int_equal(json_count(bed_member(&bed, "models")), 0);
    import(1, first);
    import(2, second);
    assert_string_not_equal(first, second);
    bed_expect(&bed, 200, "GET", "/api/models", NULL);
    assert_string_equal(state_of(first), "stored");
    bed_expect(&bed, 404, "GET", "/api/models/flows/live", NULL);
    char body[64];
    (void)snprintf(body, sizeof body, "{\"version\":\"%s\"}", first);
    bed_expect(&bed, 200, "POST", "/api/models/flows/promote", body);
    assert_string_equal(state_of(first), "live");
    bed_expect(&bed, 200, "POST", "/api/models/flows/promote", "{\"shadow\":true}");
    assert_string_equal(state_of(second), "shadow");
    bed_expect(&bed, 200, "POST", "/api/models/flows/promote", "{}");
    assert_string_equal(state_of(second), "live");
    assert_string_equal(state_of(first), "before");
    bed_expect(&bed, 200, "POST", "/api/models/flows/rollback", NULL);
    assert_string_equal(state_of(first), "live");
    bed_expect(&bed, 404, "POST", "/api/models/none/promote", "{}");
    bed_expect(&bed, 404, "POST", "/api/models/flows/promote", "{\"version\":\"000000000000\"}");
}

static void refuses_files_that_are_none(void **state)
{
    int got =
        bed_send(&bed, "POST", "/api/models", "application/octet-stream", STR("no model"), NULL);
    assert_int_equal(got, 400);
    got = bed_send(&bed, "POST", "/api/models?name=..%2Fx", "application/octet-stream", STR("x"),
                   NULL);
    assert_int_equal(got, 400);
}

static void shows_a_card_and_pictures(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/models/flows/live", NULL);
    assert_string_equal(bed_text(&bed, "kind"), "iforest");
    assert_true(json_bool(bed_member(&bed, "flows"), false));
    assert_int_equal(json_count(bed_member(&bed, "columns")), BED_COLUMNS);
    assert_int_equal(json_count(bed_member(&bed, "pictures")), 3);
    assert_int_equal(json_kind(bed_member(&bed, "card")), JSON_IS_OBJECT);
    static const char *const pictures[] = {"roc", "pr", "reliability"};
    for (size_t i = 0; i < COUNT(pictures); i++) {
        char path[96];
        (void)snprintf(path, sizeof path, "/api/models/flows/%s/pictures/%s.svg", second,
                       pictures[i]);
        bed_expect(&bed, 200, "GET", path, NULL);
        assert_true(str_starts(bed.answer.body, STR("<svg")));
        assert_true(str_eq(bed.answer.content_type, STR("image/svg+xml")));
        (void)snprintf(path, sizeof path, "/api/models/flows/live/pictures/%s.png", pictures[i]);
        bed_expect(&bed, 200, "GET", path, NULL);
        assert_true(str_starts(bed.answer.body, STR("\x89PNG")));
    }
    bed_expect(&bed, 404, "GET", "/api/models/flows/live/pictures/other.svg", NULL);
    bed_expect(&bed, 404, "GET", "/api/models/flows/live/pictures/roc.gif", NULL);
}

static void lets_only_the_installation_change_models(void **state)
{
    const char *admin = bed_login(&bed, "admin", BED_PASSWORD);
    bed_expect(&bed, 201, "POST", "/api/users",
               "{\"name\":\"ann\",\"password\":\"correct horse battery\",\"role\":\"analyst\"}");
    bed_as(&bed, bed_login(&bed, "ann", "correct horse battery"));
    bed_expect(&bed, 200, "GET", "/api/models", NULL);
    bed_expect(&bed, 403, "POST", "/api/models/flows/promote", "{}");
    bed_expect(&bed, 403, "POST", "/api/models/flows/rollback", NULL);
    bed_as(&bed, NULL);
    bed_expect(&bed, 401, "GET", "/api/models", NULL);
    bed_as(&bed, admin);
    bed_expect(&bed, 200, "GET", "/api/audit", NULL);
    assert_true(str_contains(bed.answer.body, STR("model.promote")));
    assert_true(str_contains(bed.answer.body, STR("model.rollback")));
    assert_true(str_contains(bed.answer.body, STR("model.import")));
}

/* ---- connections ---- */

#define FLOW(source, attack)                                                                       \
    "{\"@timestamp\":\"2024-05-01T12:00:00Z\",\"source_ip\":\"" source                             \
    "\",\"destination_ip\":\"198.51.100.7\",\"port\":443,\"proto\":\"tcp\",\"duration\":"          \
    "" attack ",\"bytes_in\":500}"
#define NORMAL "1.5,\"bytes_out\":500"
#define ATTACK "140.5,\"bytes_out\":900000"

static void scores_connections_in_answers(void **state)
{
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime",
               "{\"events\":[" FLOW("192.0.2.1", NORMAL) "," FLOW("192.0.2.2",
                                                                  ATTACK) ",{\"what\":\"x\"}]}");
    json_node results = bed_member(&bed, "results");
    json_node normal = element(json_get(element(results, 0), STR("models")), 0);
    json_node attack = element(json_get(element(results, 1), STR("models")), 0);
    assert_string_equal(member(attack, "name"), "flows");
    assert_string_equal(member(attack, "version"), first);
    assert_true(json_bool(json_get(attack, STR("alarm")), false));
    assert_false(json_bool(json_get(normal, STR("alarm")), true));
    assert_true(json_count(json_get(attack, STR("reasons"))) > 0);
    assert_int_equal(json_count(json_get(element(results, 2), STR("models"))), 0);
    json_node finding = element(json_get(element(results, 1), STR("findings")), 0);
    assert_string_equal(member(finding, "kind"), "model");
    assert_string_equal(member(finding, "id"), "flows");
    assert_int_equal(json_count(bed_member(&bed, "alerts")), 1);
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime",
               "{\"event\":" FLOW("192.0.2.2", ATTACK) "}");
    bed_expect(&bed, 200, "GET", "/api/alerts?rule=flows", NULL);
    json_node alerts = bed_member(&bed, "alerts");
    assert_int_equal(json_count(alerts), 1); /* the same source: the same alert */
    assert_int_equal(json_int(json_get(element(alerts, 0), STR("count")), 0), 2);
}

static void tells_how_a_model_does(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/models/flows/watch", NULL);
    json_node one = element(bed_member(&bed, "versions"), 0);
    assert_string_equal(member(one, "version"), first);
    assert_true(json_int(json_get(one, STR("rows")), 0) >= 3);
    assert_int_equal(json_int(json_get(one, STR("alarms")), 0), 2);
    bed_expect(&bed, 404, "GET", "/api/models/none/watch", NULL);
    bed_expect(&bed, 200, "GET", "/metrics", NULL);
    assert_true(str_contains(bed.answer.body, STR("bguard_model_rows_total{model=\"flows\"")));
    assert_true(str_contains(bed.answer.body, STR("bguard_model_flows_total ")));
}

static void learns_from_closed_alerts_when_there_are_enough(void **state)
{
    char path[96];
    static const char retrain[] = "/api/models/flows/retrain";
    bed_expect(&bed, 409, "POST", retrain, "{\"data\":\"x.csv\"}");
    assert_true(str_contains(bed.answer.body, STR("0 verdicts; 20 are needed")));
    bed_expect(&bed, 200, "GET", "/api/alerts?rule=flows", NULL);
    (void)snprintf(path, sizeof path, "/api/alerts/%s/close",
                   member(element(bed_member(&bed, "alerts"), 0), "id"));
    bed_expect(&bed, 200, "POST", path, "{\"verdict\":\"true_positive\"}");
    bed_expect(&bed, 200, "GET", "/api/models/flows/verdicts", NULL);
    assert_true(str_starts(bed.answer.content_type, STR("text/csv")));
    assert_true(str_starts(bed.answer.body, STR("duration,")));
    assert_true(str_contains(bed.answer.body, STR("\n140.5,")));
    assert_true(str_ends(bed.answer.body, STR(",1\n")));
    bed_expect(&bed, 404, "GET", "/api/models/other/verdicts", NULL);
    bed_expect(&bed, 409, "POST", retrain, "{\"data\":\"x.csv\"}");
    assert_true(str_contains(bed.answer.body, STR("1 verdict; 20 are needed")));
    bed_expect(&bed, 409, "POST", retrain, "{}");
    assert_true(str_contains(bed.answer.body, STR("20 of each are needed without /data")));
    bed_expect(&bed, 400, "POST", retrain, "{\"data\":\"../x\"}");
    bed_expect(&bed, 400, "POST", retrain, "{\"kind\":\"lstm\"}");
    bed_expect(&bed, 400, "POST", retrain, "{\"kind\":\"remote\"}");
    bed_expect(&bed, 400, "POST", retrain,
               "{\"kind\":\"ensemble\",\"option\":\"members=remote+iforest\"}");
    bed_expect(&bed, 400, "POST", retrain, "{\"weight\":0}");
    bed_expect(&bed, 404, "POST", "/api/models/none/retrain", "{}");
    bed_as(&bed, bed_login(&bed, "ann", "correct horse battery"));
    bed_expect(&bed, 403, "POST", retrain, "{}");
    bed_as(&bed, bed_login(&bed, "admin", BED_PASSWORD));
}

/* ---- the protocol ---- */

static const char infer[] = "/v2/models/flows/infer";

static json_node output(const char *name)
{
    for (struct json_each it = json_each(bed_member(&bed, "outputs")); json_each_next(&it);)
        if (strcmp(member(it.value, "name"), name) == 0)
            return it.value;
    return (json_node){0};
}

static double score(size_t i)
{
    return json_real(element(json_get(output("score"), STR("data")), i), -1);
}

static void says_what_it_is(void **state)
{
    bed_expect(&bed, 200, "GET", "/v2", NULL);
    assert_string_equal(bed_text(&bed, "name"), "bguard");
    bed_expect(&bed, 200, "GET", "/v2/health/live", NULL);
    bed_expect(&bed, 200, "GET", "/v2/health/ready", NULL);
    bed_expect(&bed, 200, "GET", "/v2/models/flows", NULL);
    assert_string_equal(bed_text(&bed, "platform"), "bguard_iforest");
    assert_int_equal(json_count(bed_member(&bed, "versions")), 2);
    json_node shape = json_get(element(bed_member(&bed, "inputs"), 0), STR("shape"));
    assert_int_equal(json_int(element(shape, 1), 0), BED_COLUMNS);
    bed_expect(&bed, 200, "GET", "/v2/models/flows/ready", NULL);
    char path[80];
    (void)snprintf(path, sizeof path, "/v2/models/flows/versions/%s/ready", second);
    bed_expect(&bed, 200, "GET", path, NULL);
    bed_expect(&bed, 404, "GET", "/v2/models/none", NULL);
    assert_true(strlen(bed_text(&bed, "error")) > 0);
}

static void scores_rows_and_columns_alike(void **state)
{
    bed_expect(&bed, 200, "POST", infer,
               "{\"id\":\"7\",\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,4],"
               "\"data\":[1,500,500,80,140,900000,500,443]}]}");
    assert_string_equal(bed_text(&bed, "id"), "7");
    assert_string_equal(bed_text(&bed, "model_name"), "flows");
    assert_string_equal(bed_text(&bed, "model_version"), first);
    double normal = score(0), attack = score(1);
    assert_true(normal >= 0 && normal < attack && attack <= 1);
    assert_true(json_bool(element(json_get(output("alarm"), STR("data")), 1), false));
    bed_expect(&bed, 200, "POST", infer,
               "{\"inputs\":["
               "{\"name\":\"port\",\"datatype\":\"INT32\",\"shape\":[2,1],\"data\":[[80],[443]]},"
               "{\"name\":\"bytes_out\",\"datatype\":\"FP64\",\"shape\":[2],\"data\":[500,900000]},"
               "{\"name\":\"bytes_in\",\"datatype\":\"INT64\",\"shape\":[2],\"data\":[500,500]},"
               "{\"name\":\"duration\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1,140]}],"
               "\"outputs\":[{\"name\":\"score\"},{\"name\":\"reasons\"}]}");
    assert_true(score(0) == normal && score(1) == attack);
    assert_int_equal(json_kind(output("alarm")), JSON_IS_ABSENT);
    assert_true(json_str(element(json_get(output("reasons"), STR("data")), 1), STR("")).n > 0);
}

static void takes_and_gives_bytes(void **state)
{
    const char *text = "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,4],"
                       "\"parameters\":{\"binary_data_size\":16}}],"
                       "\"parameters\":{\"binary_data_output\":true}}";
    float row[4] = {140, 900000, 500, 443};
    char header[64];
    struct oip_message m;
    struct error err;
    (void)snprintf(header, sizeof header, "Inference-Header-Content-Length: %zu", strlen(text));
    const char *const headers[] = {header, NULL};
    struct sbuf body;
    sbuf_init(&body, 4096);
    sbuf_addz(&body, text);
    sbuf_add(&body, (str){(const char *)row, sizeof row});
    int got = bed_send(&bed, "POST", infer, "application/octet-stream", sbuf_str(&body), headers);
    assert_int_equal(got, 200);
    size_t end = 0;
    for (size_t depth = 0; end < bed.answer.body.n;) { /* the JSON's last bracket */
        char c = bed.answer.body.p[end++];
        depth += c == '{';
        if (c == '}' && --depth == 0)
            break;
    }
    str json = str_head(bed.answer.body, end), bytes = str_from(bed.answer.body, end);
    assert_int_equal(oip_read_answer(json, bytes, &arena, &m, &err), ST_OK);
    assert_true(m.tensor[0].number[0] > 0.5f);
    got = bed_send(&bed, "POST", infer, "application/octet-stream",
                   str_head(sbuf_str(&body), body.n - 1), headers);
    assert_int_equal(got, 400);
    sbuf_done(&body);
}

static void refuses_tensors_that_do_not_fit(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"inputs\":[]}",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]}]}",
        "{\"inputs\":[{\"name\":\"nothing\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]}",
        "{\"inputs\":[{\"name\":\"port\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]},"
        "{\"name\":\"duration\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1,2]}]}",
        "{\"inputs\":[{\"name\":\"port\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"a\"]}]}",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[],\"data\":[1]}]}",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,4],\"data\":[1,2,3,4]}],"
        "\"outputs\":[{\"name\":\"other\"}]}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        bed_expect(&bed, 400, "POST", infer, bad[i]);
        assert_true(strlen(bed_text(&bed, "error")) > 0);
    }
    bed_as(&bed, NULL);
    bed_expect(&bed, 401, "POST", infer, bad[0]);
    assert_true(strlen(bed_text(&bed, "error")) > 0);
    bed_as(&bed, bed_login(&bed, "admin", BED_PASSWORD));
}

static void removes_what_is_not_in_use(void **state)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/api/models/flows/%s", first);
    bed_expect(&bed, 409, "DELETE", path, NULL);
    (void)snprintf(path, sizeof path, "/api/models/flows/%s", second);
    bed_expect(&bed, 204, "DELETE", path, NULL);
    bed_expect(&bed, 404, "GET", path, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_models_in_and_puts_them_into_use),
        cmocka_unit_test(refuses_files_that_are_none),
        cmocka_unit_test(shows_a_card_and_pictures),
        cmocka_unit_test(lets_only_the_installation_change_models),
        cmocka_unit_test(scores_connections_in_answers),
        cmocka_unit_test(tells_how_a_model_does),
        cmocka_unit_test(learns_from_closed_alerts_when_there_are_enough),
        cmocka_unit_test(says_what_it_is),
        cmocka_unit_test(scores_rows_and_columns_alike),
        cmocka_unit_test(takes_and_gives_bytes),
        cmocka_unit_test(refuses_tensors_that_do_not_fit),
        cmocka_unit_test(removes_what_is_not_in_use),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
