/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/model_int.h"
#include "os/clock.h"
#include "os/stop.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

enum { TEXT_ROOM = 8192, DAY_MS = 86400000, WEIGHT_MAX = 1000 };

struct training {
    const struct args *args;
    struct model_training terms;
    struct model_input input;
    struct progress_bar bar;
    FILE *lines; /* owned: --progress; NULL: none */
    uint64_t told_ns;
    struct sbuf options, checkpoint;
    uint64_t started_ns;
    enum model_stage stage;
    double stage_from; /* part when the stage, or a going on, was first heard of */
};

/* ---- what was asked for ---- */

static status read_kind(const char *name, enum model_kind *out, struct error *err)
{
    char all[160] = "";
    size_t n = 0;
    struct nearest near = nearest_to(str_z(name));
    *out = model_kind_find(str_z(name));
    if (*out != MODEL_KIND_COUNT)
        return ST_OK;
    for (size_t k = 0; k < MODEL_KIND_COUNT && n < sizeof all; k++) {
        const char *one = model_kind_name((enum model_kind)k);
        if (k == MODEL_REMOTE) /* made by hand */
            continue;
        nearest_try(&near, str_z(one));
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", k ? ", " : "", one);
    }
    return fail(err, ST_INVALID, "unknown kind '%.40s'; there are %s%s" STR_FMT "%s", name, all,
                near.found ? "; did you mean '" : "", STR_ARG(near.best), near.found ? "'?" : "");
}

/* "5/day", "2/hour", "100/week" → so many a day. */
static status read_per_day(const char *option, const char *text, double *out, struct error *err)
{
    static const struct {
        const char *unit;
        double days;
    } units[] = {
        {"minute", 1.0 / 1440}, {"hour", 1.0 / 24}, {"day", 1}, {"week", 7}, {"month", 30}};
    str unit = str_z(text), number = str_trim(str_cut(&unit, '/'));
    double value, days = 0;
    for (size_t i = 0; i < COUNT(units); i++)
        if (str_ieq(str_trim(unit), str_z(units[i].unit)))
            days = units[i].days;
    if (!str_to_f64(number, &value) || !(value > 0) || !isfinite(value) || days <= 0)
        return fail(err, ST_INVALID,
                    "'--%s' wants a number and its period, such as 5/day or 2/hour, not '%.40s'",
                    option, text);
    *out = value / days;
    return ST_OK;
}

static status read_budget(struct training *t, struct error *err)
{
    const char *budget = args_text(t->args, "budget"), *volume = args_text(t->args, "volume");
    status st = ST_OK;
    if (*budget)
        st = read_per_day("budget", budget, &t->terms.alarms_per_day, err);
    if (st == ST_OK && *volume)
        st = read_per_day("volume", volume, &t->terms.rows_per_day, err);
    double fpr = args_real(t->args, "fpr");
    if (st == ST_OK && !isnan(fpr) && !(fpr > 0 && fpr < 1))
        st = fail(err, ST_INVALID,
                  "'--fpr' wants a part between 0 and 1, such as 0.001, not '%.40s'",
                  args_text(t->args, "fpr"));
    if (st == ST_OK && !isnan(fpr) && *budget)
        st = fail(err, ST_INVALID, "'--fpr' and '--budget' both choose the threshold; say one");
    t->terms.fpr = isnan(fpr) ? 0 : fpr;
    return st;
}

/* Rows a day, from the times in the data. */
static status find_volume(struct training *t, const struct dataset *d, struct error *err)
{
    if (!(t->terms.alarms_per_day > 0) || t->terms.rows_per_day > 0)
        return ST_OK;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < d->rows && d->timed; i++) {
        first = d->time_ms[i] < first ? d->time_ms[i] : first;
        last = d->time_ms[i] > last ? d->time_ms[i] : last;
    }
    if (!d->timed || last - first < 60000)
        return fail(err, ST_INVALID,
                    "'--budget' needs to know how many rows a day there will be, and the data have "
                    "no times: --volume ROWS/day");
    t->terms.rows_per_day = (double)d->rows * DAY_MS / (double)(last - first);
    return ST_OK;
}

static enum calibration_kind calibration_of(const char *name)
{
    static const char *const names[] = {"auto", "platt", "isotonic", "rank"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum calibration_kind)i;
    return CALIBRATION_NONE;
}

static enum split_kind split_of(const char *name)
{
    for (int k = SPLIT_AUTO; k <= SPLIT_GROUP; k++)
        if (strcmp(split_name((enum split_kind)k), name) == 0)
            return (enum split_kind)k;
    return SPLIT_AUTO;
}

/* --option a=1 --option b=2 → "a=1,b=2" */
static void join_options(struct training *t)
{
    const char *one[ARGS_VALUES_MAX];
    size_t n = args_list(t->args, "option", one, COUNT(one));
    sbuf_init(&t->options, 64 << 10);
    for (size_t i = 0; i < n; i++)
        sbuf_addf(&t->options, "%s%s", i ? "," : "", one[i]);
    t->terms.option = n ? t->options.p : NULL;
}

static bool has_files(const char *folder)
{
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        found = e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return found;
}

/* Beside the file that is to be, unless said otherwise. */
static status place_checkpoint(struct training *t, struct error *err)
{
    const char *given = args_text(t->args, "checkpoint"), *out = args_text(t->args, "out");
    bool resume = args_flag(t->args, "resume");
    sbuf_init(&t->checkpoint, TEXT_ROOM);
    if (*given)
        sbuf_addz(&t->checkpoint, given);
    else if (*out)
        sbuf_addf(&t->checkpoint, "%s.training", out);
    if (t->checkpoint.n == 0)
        return resume ? fail(err, ST_INVALID, "'--resume' of what? say --checkpoint FOLDER")
                      : ST_OK;
    t->terms.checkpoint = t->checkpoint.p;
    bool there = has_files(t->checkpoint.p);
    if (resume && !there)
        return fail(err, ST_NOT_FOUND, "'%.100s' holds no interrupted training to go on with",
                    t->checkpoint.p);
    if (!resume && there)
        return fail(err, ST_CONFLICT,
                    "'%.100s' holds an interrupted training: go on with --resume, or remove it",
                    t->checkpoint.p);
    return ST_OK;
}

/* Now, or what $SOURCE_DATE_EPOCH says it is (reproducible-builds.org): the date is part of the file. */
static int64_t date_of_card(void)
{
    int64_t seconds;
    const char *said = getenv("SOURCE_DATE_EPOCH");
    bool good =
        said && str_to_i64(str_z(said), &seconds) && seconds >= 0 && seconds <= INT64_MAX / 1000;
    return good ? seconds * 1000 : clock_wall_ms();
}

static status read_terms(struct training *t, struct error *err)
{
    const struct args *a = t->args;
    const char *name = args_text(a, "name"), *license = args_text(a, "license"),
               *note = args_text(a, "note");
    t->terms = (struct model_training){.seed = args_number(a, "seed"),
                                       .split = split_of(args_text(a, "split")),
                                       .no_test = args_flag(a, "no-test"),
                                       .folds = (unsigned)args_number(a, "folds"),
                                       .calibration = calibration_of(args_text(a, "calibration")),
                                       .trees = (unsigned)args_number(a, "trees"),
                                       .depth = (unsigned)args_number(a, "depth"),
                                       .epochs = (unsigned)args_number(a, "epochs"),
                                       .threads = (unsigned)args_number(a, "threads"),
                                       .name = *name ? name : NULL,
                                       .license = *license ? license : NULL,
                                       .note = *note ? note : NULL,
                                       .now_ms = date_of_card()};
    status st = read_kind(a->operand[0], &t->terms.kind, err);
    if (st == ST_OK && a->operand_count > 1)
        st = fail(err, ST_INVALID,
                  "'model train' wants one kind, not '%.60s' too; data go after --data",
                  a->operand[1]);
    if (st == ST_OK && !*args_text(a, "out") && !args_flag(a, "add"))
        st = fail(err, ST_INVALID,
                  "say where the model goes: --out FILE, or --add to the folder of models");
    if (st == ST_OK)
        st = read_budget(t, err);
    if (st == ST_OK)
        st = place_checkpoint(t, err);
    join_options(t);
    return st;
}

/* The one format there is for a kind that has one. */
static enum dataset_format usual_format(enum model_kind k)
{
    if (k == MODEL_KEYSTROKE)
        return DATASET_KEYSTROKE;
    return model_kind_shape(k) == DATASET_SEQUENCES ? DATASET_SEQUENCE : DATASET_FORMAT_COUNT;
}

/* ---- while it goes on ---- */

/* A line of JSON, at most ten a second: for a program that waits. */
static void write_progress(struct training *t, const char *stage, const char *what, double part_01,
                           double loss)
{
    struct sbuf line = {.cap = 1024};
    struct json_out o = json_out_on(&line);
    uint64_t now_ns = clock_ns();
    if (now_ns - t->told_ns < 100000000 && part_01 < 1)
        return;
    t->told_ns = now_ns;
    json_out_object(&o);
    json_out_kv_str(&o, "stage", str_z(stage));
    json_out_kv_str(&o, "what", str_head(str_z(what), 80));
    json_out_kv_f64(&o, "part", part_01);
    json_out_kv_f64(&o, "loss", loss);
    json_out_object_end(&o);
    (void)fprintf(t->lines, STR_FMT "\n", STR_ARG(sbuf_str(&line)));
    (void)fflush(t->lines); /* what cannot be written is not told */
    sbuf_done(&line);
}

static bool on_progress(void *arg, enum model_stage stage, const char *what, double part_01,
                        double loss)
{
    static const char *const name[] = {"reading", "training", "calibrating", "judging"};
    struct training *t = arg;
    char text[160], more[64] = "";
    if (stage != t->stage || part_01 < t->stage_from) {
        t->stage = stage;
        t->stage_from = part_01;
        t->started_ns = clock_ns();
    }
    int n = isfinite(loss) && loss != 0 ? snprintf(more, sizeof more, "loss %.4g", loss) : 0;
    double done = part_01 - t->stage_from, spent = clock_since(t->started_ns);
    if (done > 0.005 && spent > 1) {
        double left = spent * (1 - part_01) / done;
        (void)snprintf(more + n, sizeof more - (size_t)n, "%s%.0f:%02.0f left", n ? ", " : "",
                       floor(left / 60), floor(fmod(left, 60)));
    }
    (void)snprintf(text, sizeof text, "%s%s%.80s", name[stage], what && *what ? ": " : "",
                   what ? what : "");
    progress_part(&t->bar, text, part_01, more);
    if (t->lines)
        write_progress(t, name[stage], what, part_01, loss);
    return !stop_requested();
}

/* ---- and after ---- */

static status keep(struct training *t, const struct model *m, struct error *err)
{
    const char *out = args_text(t->args, "out"), *name = args_text(t->args, "name");
    status st = *out ? model_save(m, out, err) : ST_OK;
    if (st == ST_OK && args_flag(t->args, "add")) {
        struct model_folder f = {0};
        st = model_folder_open(&f, t->args, err);
        if (st == ST_OK)
            st = registry_add(f.registry, m, *name ? name : NULL, getenv("USER"), clock_wall_ms(),
                              err);
        model_folder_close(&f);
    }
    if (t->terms.checkpoint && st == ST_OK)
        (void)rmdir(
            t->terms
                .checkpoint); /* it is empty now; if it is not, somebody else's things are there */
    return st;
}

static void print_next(const struct training *t, const struct model *m)
{
    const char *out = args_text(t->args, "out");
    str format = model_card(m)->data_format;
    printf("\nNext, on data it has not seen:\n\n  bguard model eval %s --data FILE... "
           "--format " STR_FMT "\n",
           *out ? out : args_text(t->args, "name"), STR_ARG(format));
    if (!args_flag(t->args, "add"))
        printf("  bguard model import %s && bguard model promote NAME\n", out);
    else
        puts("  bguard model promote NAME");
}

static void print_trained(const struct training *t, const struct model *m)
{
    if (args_flag(t->args, "json")) {
        struct sbuf text;
        sbuf_init(&text, CLI_JSON_MAX);
        struct json_out j = json_out_on(&text);
        json_out_object(&j);
        json_model(&j, m);
        json_out_kv_str(&j, "file", str_z(args_text(t->args, "out")));
        json_out_key(&j, STR("card"));
        json_out_raw(&j, model_card(m)->json);
        json_out_object_end(&j);
        cli_print_json(&text);
    } else if (!args_flag(t->args, "quiet")) {
        print_card(m);
        print_next(t, m);
    }
}

/* An interruption is no failure where the work is kept. */
static void note_stopped(const struct training *t)
{
    if (t->terms.checkpoint && has_files(t->terms.checkpoint))
        cli_note("stopped; the same command with --resume goes on%s%s",
                 *args_text(t->args, "checkpoint") ? " from " : "",
                 *args_text(t->args, "checkpoint") ? t->terms.checkpoint : "");
    else
        cli_note("stopped; nothing was kept");
}

static status open_lines(struct training *t, struct error *err)
{
    const char *path = args_text(t->args, "progress");
    if (!*path)
        return ST_OK;
    t->lines = fopen(path, "ae");
    return t->lines ? ST_OK : fail(err, ST_IO, "'%s' cannot be written to", path);
}

static status read_rows(struct training *t, struct dataset *d, struct error *err)
{
    const char *verdicts = args_text(t->args, "verdicts");
    uint64_t weight = args_number(t->args, "weight");
    if (weight < 1 || weight > WEIGHT_MAX)
        return fail(err, ST_INVALID, "'--weight' wants a number from 1 to %d", WEIGHT_MAX);
    status st = t->input.source.n ? model_input_all(&t->input, d, err) : ST_OK;
    if (st != ST_OK || !*verdicts)
        return st;
    t->terms.heavy = (unsigned)weight;
    return model_verdicts_join(d, verdicts, &t->terms.heavy_from, err);
}

static status fit_model(struct training *t, struct dataset *d, struct model **out,
                        struct error *err)
{
    t->terms.hold_back = t->input.hold_back; /* for the card: who judges it may ask */
    t->terms.hold_split = t->input.split;
    if (args_flag(t->args, "resume") && !model_training_kept(&t->terms, d))
        cli_note("nothing in '%.100s' fits this kind, seed and data; starting anew",
                 t->terms.checkpoint);
    return model_train(&t->terms, d, out, err);
}

static status train(struct training *t, struct model **out, struct error *err)
{
    struct dataset d = {0};
    status st = read_terms(t, err);
    if (st == ST_OK)
        st = model_input_init(&t->input, t->args, usual_format(t->terms.kind), err);
    if (st == ST_OK)
        st = read_rows(t, &d, err);
    if (st != ST_OK) {
        dataset_done(&d);
        return st;
    }
    model_input_note(&t->input);
    if (*d.note && !t->input.quiet)
        cli_note("%s", d.note);
    progress_init(&t->bar, t->input.quiet);
    t->terms.progress = on_progress;
    t->terms.arg = t;
    st = open_lines(t, err);
    if (st == ST_OK)
        st = find_volume(t, &d, err);
    if (st == ST_OK)
        st = fit_model(t, &d, out, err);
    progress_clear(&t->bar);
    if (t->lines)
        (void)fclose(t->lines); /* each line was flushed */
    t->lines = NULL;
    dataset_done(&d);
    return st;
}

int cmd_model_train(const struct args *a)
{
    struct training t = {.args = a};
    struct model *m = NULL;
    struct error err;
    int code = 0;
    stop_on_signals();
    status st = train(&t, &m, &err);
    if (st == ST_OK)
        st = keep(&t, m, &err);
    if (st == ST_OK)
        print_trained(&t, m);
    else if (stop_requested())
        note_stopped(&t);
    else
        code = cli_fail(&err);
    if (st != ST_OK && stop_requested())
        code = CLI_INTERRUPTED;
    model_free(m);
    model_input_done(&t.input);
    sbuf_done(&t.options);
    sbuf_done(&t.checkpoint);
    return code;
}
