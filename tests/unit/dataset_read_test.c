/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/compress.h"
#include "dataset/dataset.h"
#include "event/event.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <math.h>

static status read_one(struct dataset *d, enum dataset_format format, const char *path,
                       struct error *err)
{
    struct dataset_options o = {.format = format, .label = -1};
    return dataset_read(d, &path, 1, &o, err);
}

static void must_read(struct dataset *d, enum dataset_format format, const char *path)
{
    struct error err = {0};
    if (read_one(d, format, path, &err) != ST_OK)
        fail_msg("%s", err.text);
}

static float at(const struct dataset *d, size_t row, const char *column)
{
    size_t c = dataset_column_find(d, str_z(column));
    if (c == d->columns)
        fail_msg("no column %s", column);
    return d->x[row * d->columns + c];
}

static bool has(const struct dataset *d, const char *column)
{
    return dataset_column_find(d, str_z(column)) < d->columns;
}

static str class_of(const struct dataset *d, size_t row)
{
    return d->class_name[d->klass[row]];
}

#define EXPECT_CLASS(d, row, text) assert_true(str_eq(class_of(d, row), STR(text)))

static const char unsw[] =
    "\xef\xbb\xbfid,dur,proto,service,state,spkts,dpkts,sbytes,dbytes,rate,sttl,dttl,sload,dload,"
    "sloss,"
    "dloss,sinpkt,dinpkt,sjit,djit,swin,stcpb,dtcpb,dwin,tcprtt,synack,ackdat,smean,dmean,"
    "trans_depth,response_body_len,ct_srv_src,ct_state_ttl,ct_dst_ltm,ct_src_dport_ltm,"
    "ct_dst_sport_ltm,ct_dst_src_ltm,is_ftp_login,ct_ftp_cmd,ct_flw_http_mthd,ct_src_ltm,"
    "ct_srv_dst,is_sm_ips_ports,attack_cat,label\n"
    "7,2,tcp,http,FIN,10,30,1000,3000,20,62,252,4000,12000,1,2,200,66,30,40,255,5,6,255,0.1,0.06,"
    "0.04,100,100,1,512,3,1,2,1,1,2,0,0,1,4,3,0,Normal,0\n"
    "8,0,udp,-,INT,2,0,496,0,0,254,0,0,0,0,0,0.011,0,0,0,0,0,0,0,0,0,0,248,0,0,0,2,2,1,1,1,2,0,0,"
    "0,1,2,0,Fuzzers,1\n"
    "9,too,few\n";

static void reads_unsw_nb15_by_the_names_of_its_columns(void **state)
{
    struct dataset d = {0};
    folder_write("unsw.csv", (str){unsw, sizeof unsw - 1});
    must_read(&d, DATASET_UNSW_NB15, folder_path("unsw.csv"));
    assert_int_equal(d.rows, 2);
    assert_int_equal(d.rejected, 1);
    assert_true(strstr(d.reject, "line 4") != NULL);
    assert_int_equal(d.label[0], LABEL_NORMAL);
    assert_int_equal(d.label[1], LABEL_ATTACK);
    EXPECT_CLASS(&d, 0, "normal");
    EXPECT_CLASS(&d, 1, "Fuzzers");
    assert_float_equal(at(&d, 0, "byte_rate_out"), 500, 0); /* bits before */
    assert_float_equal(at(&d, 0, "iat_out_mean"), 0.2, 1e-6);
    assert_float_equal(at(&d, 0, "ip_bytes"), 4000, 0);
    assert_float_equal(at(&d, 0, "packets_out_share"), 0.25, 1e-6);
    assert_float_equal(at(&d, 0, "state"), category_code(STR("sf")), 0);
    assert_float_equal(at(&d, 0, "failed"), 0, 0);
    assert_true(isnan(at(&d, 1, "failed")));
    assert_true(isnan(at(&d, 1, "service")));
    assert_false(has(&d, "id") || has(&d, "label") || has(&d, "attack_cat"));
    assert_false(d.timed);
    assert_true(d.group[0] != d.group[1]);
    assert_int_equal(strlen(d.digest), 64);
    assert_true(str_eq(dataset_word(&d, at(&d, 0, "service")), STR("http")));
    dataset_done(&d);
}

#define KDD_NUMBERS                                                                                \
    "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,2,2,0.00,0.00,0.00,0.00,1.00,0.00,0.00,150,25,0.17,0.03,0."   \
    "17,0.00,0.00,0.00,0.05,0.00"

static void reads_nsl_kdd_with_and_without_difficulty(void **state)
{
    struct dataset d = {0};
    folder_write("kdd.txt", STR("12,tcp,ftp_data,SF,491,9," KDD_NUMBERS ",normal,20\n"
                                "0,tcp,private,S0,0,0," KDD_NUMBERS ",neptune,19\n"));
    folder_write("kdd42.txt", STR("0,udp,domain_u,SF,1,2," KDD_NUMBERS ",normal.\n"));
    must_read(&d, DATASET_NSL_KDD, folder_path("kdd.txt"));
    must_read(&d, DATASET_NSL_KDD, folder_path("kdd42.txt"));
    assert_int_equal(d.rows, 3);
    assert_int_equal(d.label[1], LABEL_ATTACK);
    EXPECT_CLASS(&d, 1, "neptune");
    EXPECT_CLASS(&d, 2, "normal");
    assert_float_equal(at(&d, 0, "duration"), 12, 0);
    assert_float_equal(at(&d, 0, "bytes"), 500, 0);
    assert_float_equal(at(&d, 0, "logged_in"), 1, 0);
    assert_float_equal(at(&d, 0, "last_target_kdd"), 150, 0);
    assert_float_equal(at(&d, 0, "last_same"), 0.17, 1e-6);
    assert_float_equal(at(&d, 1, "failed"), 1, 0);
    assert_float_equal(at(&d, 2, "service"), category_code(STR("dns")), 0);
    assert_false(has(&d, "difficulty"));
    dataset_done(&d);
}

static void reads_cicflowmeter_with_spaces_before_names(void **state)
{
    struct dataset d = {0};
    folder_write(
        "cic.csv",
        STR("Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, "
            "Timestamp, "
            "Flow Duration, Total Fwd Packets, Total Backward Packets,Flow Bytes/s, "
            "Flow Packets/s, Flow IAT Mean, Fwd IAT Total, Fwd Header Length, "
            "Fwd Header Length,Init_Win_bytes_forward, Label\n"
            "a,10.0.0.1,5,10.0.0.2,443,6,5/7/2017 "
            "3:30,2000000,4,6,Infinity,5,100,NaN,80,80,-1,BENIGN\n"
            "b,10.0.0.1,6,10.0.0.2,443,6,5/7/2017 9:30,2000000,4,6,1,5,100,1,80,80,8192,Bot\n"));
    must_read(&d, DATASET_CICFLOW, folder_path("cic.csv"));
    assert_int_equal(d.rows, 2);
    assert_float_equal(at(&d, 0, "duration"), 2, 0);
    assert_float_equal(at(&d, 0, "port"), 443, 0);
    assert_float_equal(at(&d, 0, "port_class"), category_code(STR("web")), 0);
    assert_float_equal(at(&d, 0, "proto"), category_code(STR("tcp")), 0);
    assert_true(isnan(at(&d, 0, "byte_rate")));
    assert_true(isnan(at(&d, 0, "window_out")));
    assert_int_equal(d.label[0], LABEL_NORMAL);
    EXPECT_CLASS(&d, 1, "Bot");
    assert_int_equal(d.group[0], d.group[1]);
    assert_true(d.timed);
    assert_int_equal(d.time_ms[0] - d.time_ms[1], 6 * 3600 * 1000); /* of the afternoon */
    dataset_done(&d);
}

static void reads_any_csv_and_leaves_out_what_gives_the_answer_away(void **state)
{
    struct dataset d = {0};
    folder_write("any.csv", STR("id,when,src,dst,amount,colour,on,label,attack_cat\n"
                                "1,2024-01-01T00:00:00Z,10.0.0.1,10.0.0.2,5000,red,0,benign,-\n"
                                "2,2024-01-01T00:00:01Z,10.0.0.1,10.0.0.2,1,blue,1,evil,worm\n"
                                "3,2024-01-01T00:00:02Z,10.0.0.3,10.0.0.2,?,red,1,,\n"));
    must_read(&d, DATASET_CSV, folder_path("any.csv"));
    assert_int_equal(d.rows, 3);
    assert_int_equal(d.columns, 3);
    assert_int_equal(d.column[0].kind, FEATURE_AMOUNT);
    assert_int_equal(d.column[1].kind, FEATURE_CATEGORY);
    assert_int_equal(d.column[2].kind, FEATURE_FLAG);
    assert_true(isnan(at(&d, 2, "amount")));
    assert_true(str_eq(dataset_word(&d, at(&d, 1, "colour")), STR("blue")));
    assert_int_equal(d.label[0], LABEL_NORMAL);
    assert_int_equal(d.label[2], LABEL_NONE);
    EXPECT_CLASS(&d, 1, "worm");
    assert_true(d.timed);
    assert_int_equal(d.group[0], d.group[1]);
    assert_true(d.group[0] != d.group[2]);
    assert_true(strstr(d.note, "'id'") != NULL);
    dataset_done(&d);
}

/* As Edge-IIoTset and ToN-IoT have them. */
static void a_second_column_with_the_answer_is_none_to_learn_from(void **state)
{
    struct dataset d = {0};
    folder_write("edge.csv", STR("a,Attack_label,Attack_type\n1,0,Normal\n2,1,DDoS\n"));
    folder_write("ton.csv", STR("a,label,type,target\n1,0,normal,0\n2,1,ddos,1\n"));
    folder_write("icmp.csv", STR("a,label,type\n1,0,8\n2,1,3\n"));
    must_read(&d, DATASET_CSV, folder_path("edge.csv"));
    assert_int_equal(d.columns, 1);
    assert_int_equal(d.label[1], LABEL_ATTACK);
    EXPECT_CLASS(&d, 1, "DDoS");
    dataset_done(&d);
    must_read(&d, DATASET_CSV, folder_path("ton.csv"));
    assert_int_equal(d.columns, 1);
    EXPECT_CLASS(&d, 0, "normal");
    EXPECT_CLASS(&d, 1, "ddos");
    assert_non_null(strstr(d.note, "'target' left out: it gives the answer away"));
    dataset_done(&d);
    must_read(&d, DATASET_CSV, folder_path("icmp.csv")); /* numbers of ICMP */
    assert_int_equal(d.columns, 2);
    dataset_done(&d);
}

static void takes_the_label_column_it_is_told(void **state)
{
    struct dataset d = {0};
    struct error err;
    const char *path = folder_path("told.csv");
    struct dataset_options o = {.format = DATASET_CSV, .label = -1, .label_column = "verdict"};
    folder_write("told.csv", STR("a;verdict\n1;0\n2;1\n"));
    assert_int_equal(dataset_read(&d, &path, 1, &o, &err), ST_OK);
    assert_int_equal(d.columns, 1);
    assert_int_equal(d.label[1], LABEL_ATTACK);
    EXPECT_CLASS(&d, 1, "attack");
    dataset_done(&d);
    d = (struct dataset){0};
    o.label_column = "nothing";
    assert_int_equal(dataset_read(&d, &path, 1, &o, &err), ST_INVALID);
    assert_true(strstr(err.text, "'nothing'") != NULL);
    dataset_done(&d);
}

static void adds_files_with_columns_in_another_order(void **state)
{
    struct dataset d = {0};
    folder_write("one.csv", STR("a,b,b,word\n1,2,3,x\n"));
    folder_write("two.csv", STR("word,b,b,a\ny,5,6,4\n"));
    must_read(&d, DATASET_CSV, folder_path("one.csv"));
    must_read(&d, DATASET_CSV, folder_path("two.csv"));
    assert_float_equal(at(&d, 1, "a"), 4, 0);
    assert_float_equal(at(&d, 1, "b"), 5, 0);
    assert_float_equal(at(&d, 1, "b.1"), 6, 0);
    assert_float_equal(at(&d, 1, "word"), category_code(STR("y")), 0);
    dataset_done(&d);
}

static void tells_a_column_from_another_that_begins_like_it(void **state)
{
    struct dataset d = {0};
    folder_write("one.csv", STR("a,bb,b\n1,2,3\n"));
    folder_write("two.csv", STR("a,b,bb\n4,6,5\n"));
    must_read(&d, DATASET_CSV, folder_path("one.csv"));
    must_read(&d, DATASET_CSV, folder_path("two.csv"));
    assert_float_equal(at(&d, 1, "b"), 6, 0);
    assert_float_equal(at(&d, 1, "bb"), 5, 0);
    dataset_done(&d);
}

/* In time that grows with the cube of their number, these would take minutes. */
static void numbers_thousands_of_columns_of_one_name(void **state)
{
    enum { COLUMNS = 4096 };
    struct dataset d = {0};
    struct sbuf text;
    sbuf_init(&text, 1 << 20);
    for (int line = 0; line < 2; line++)
        for (int i = 0; i < COLUMNS; i++)
            sbuf_addf(&text, "%s%c", line ? "1" : "a", i + 1 < COLUMNS ? ',' : '\n');
    folder_write("same.csv", sbuf_str(&text));
    sbuf_done(&text);
    must_read(&d, DATASET_CSV, folder_path("same.csv"));
    assert_int_equal(d.columns, COLUMNS);
    assert_true(has(&d, "a") && has(&d, "a.1") && has(&d, "a.4095"));
    dataset_done(&d);
}

static void knows_persons_by_their_keystrokes(void **state)
{
    struct dataset d = {0};
    folder_write("keys.csv", STR("subject,sessionIndex,rep,H.a,UD.a.b\ns002,1,1,0.15,-0.02\n"
                                 "s002,1,2,0.11,0.05\ns003,1,1,0.10,0.07\n"));
    must_read(&d, DATASET_KEYSTROKE, folder_path("keys.csv"));
    assert_int_equal(d.rows, 3);
    assert_int_equal(d.columns, 2);
    EXPECT_CLASS(&d, 2, "s003");
    assert_int_equal(d.label[0], LABEL_NONE);
    assert_int_equal(d.group[0], d.group[1]);
    assert_true(d.group[1] != d.group[2]);
    dataset_done(&d);
}

static void numbers_events_as_they_first_appear(void **state)
{
    struct dataset d = {0};
    folder_write("s.txt", STR("5 5 22 \nopen,read open\n\n22\n"));
    must_read(&d, DATASET_SEQUENCE, folder_path("s.txt"));
    static const uint32_t want[] = {0, 0, 1, 2, 3, 2, 1};
    assert_int_equal(d.rows, 3);
    assert_int_equal(d.start[3], COUNT(want));
    assert_memory_equal(d.event, want, sizeof want);
    assert_true(str_eq(d.event_name[3], STR("read")));
    assert_int_equal(d.label[0], LABEL_NONE);
    dataset_done(&d);
}

static void reads_all_files_of_a_folder(void **state)
{
    struct dataset d = {0};
    assert_int_equal(mkdir(folder_path("set"), 0700), 0);
    assert_int_equal(mkdir(folder_path("set/Attack_x_3"), 0700), 0);
    assert_int_equal(mkdir(folder_path("set/Training_Data"), 0700), 0);
    folder_write("set/Attack_x_3/1.txt", STR("1 2 3\n"));
    folder_write("set/Training_Data/1.txt", STR("3 4\n"));
    must_read(&d, DATASET_SEQUENCE, folder_path("set"));
    assert_int_equal(d.rows, 2);
    assert_int_equal(d.label[0], LABEL_ATTACK);
    EXPECT_CLASS(&d, 0, "Attack_x");
    assert_int_equal(d.label[1], LABEL_NORMAL);
    dataset_done(&d);
}

/* A folder with a number is one of many of its kind: what is in it belongs together.  Others are no group. */
static void keeps_sessions_of_a_numbered_folder_together(void **state)
{
    struct dataset d = {0};
    const char *path;
    struct dataset_options o = {.format = DATASET_SEQUENCE, .label = LABEL_ATTACK};
    static const char *const folders[] = {"runs", "runs/shell_1", "runs/shell_2", "runs/worm"};
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(folder_path(folders[i]), 0700), 0);
    folder_write("runs/shell_1/a.txt", STR("1 2\n2 1\n"));
    folder_write("runs/shell_1/b.txt", STR("2 1\n"));
    folder_write("runs/shell_2/a.txt", STR("1 2\n"));
    folder_write("runs/worm/a.txt", STR("3\n"));
    folder_write("runs/worm/b.txt", STR("3\n"));
    path = folder_path("runs");
    assert_int_equal(dataset_read(&d, &path, 1, &o, NULL), ST_OK);
    assert_int_equal(d.rows, 6);
    EXPECT_CLASS(&d, 0, "shell");
    EXPECT_CLASS(&d, 3, "shell");
    EXPECT_CLASS(&d, 4, "worm");
    assert_int_equal(d.group[0], d.group[1]);
    assert_int_equal(d.group[0], d.group[2]);
    assert_true(d.group[3] != d.group[0]);
    assert_true(d.group[4] != d.group[5]);
    dataset_done(&d);
    o.label =
        LABEL_NORMAL; /* of normal sessions the folder is no kind of attack, but a group all the same */
    assert_int_equal(dataset_read(&d, &path, 1, &o, NULL), ST_OK);
    EXPECT_CLASS(&d, 0, "normal");
    assert_int_equal(d.group[0], d.group[2]);
    dataset_done(&d);
}

static void gives_every_row_the_label_it_is_told(void **state)
{
    struct dataset d = {0};
    const char *path = folder_path("l.txt");
    struct dataset_options o = {.format = DATASET_SEQUENCE, .label = LABEL_ATTACK};
    folder_write("l.txt", STR("1 2\n"));
    assert_int_equal(dataset_read(&d, &path, 1, &o, NULL), ST_OK);
    assert_int_equal(d.label[0], LABEL_ATTACK);
    EXPECT_CLASS(&d, 0, "attack");
    dataset_done(&d);
}

static void refuses_what_it_cannot_read(void **state)
{
    struct dataset d = {0};
    struct error err;
    assert_int_equal(read_one(&d, DATASET_CSV, folder_path("absent"), &err), ST_NOT_FOUND);
    dataset_done(&d);
    folder_write("empty.csv", STR(""));
    assert_int_equal(read_one(&d, DATASET_CSV, folder_path("empty.csv"), &err), ST_INVALID);
    dataset_done(&d);
    folder_write("header.csv", STR("a,b,label\n"));
    assert_int_equal(read_one(&d, DATASET_CSV, folder_path("header.csv"), &err), ST_INVALID);
    dataset_done(&d);
    folder_write("other.csv", STR("a,b,label\n1,2,3\n"));
    assert_int_equal(read_one(&d, DATASET_UNSW_NB15, folder_path("other.csv"), &err), ST_INVALID);
    assert_true(strstr(err.text, "'dur'") != NULL);
    dataset_done(&d);
    assert_int_equal(read_one(&d, DATASET_NSL_KDD, folder_path("other.csv"), &err), ST_INVALID);
    dataset_done(&d);
    const char *path = folder_path("other.csv");
    folder_write("other.csv", STR("a,b,label\n1,2,3\n4,5,0\n"));
    struct dataset_options o = {.format = DATASET_CSV, .label = -1, .rows_max = 1};
    assert_int_equal(dataset_read(&d, &path, 1, &o, &err), ST_LIMIT);
    dataset_done(&d);
}

static const char conn[] =
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\t"
    "orig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\t"
    "orig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents   label   detailed-label\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbo"
    "ol\t"
    "bool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]   string   string\n"
    "1545403816.5\tC1\t10.0.0.1\t41040\t192.0.2.1\t80\ttcp\t-\t-\t-\t-\tS0\t-\t-"
    "\t0\tS\t1\t60\t0\t0\t"
    "-   Malicious   C&C\n"
    "1545403817.0\tC2\t10.0.0.1\t41041\t192.0.2.1\t80\ttcp\thttp\t1.5\t149\t1000\tSF\t-\t-\t10\t"
    "ShADadTfF\t5\t400\t4\t1200\t-   Benign   -\n";

static void joins_tables_of_several_formats_by_the_names_of_columns(void **state)
{
    struct dataset a = {0}, b = {0};
    folder_write("unsw.csv", (str){unsw, sizeof unsw - 1});
    folder_write("nsl.txt",
                 STR("0,tcp,http,SF,232,8153,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,5,5,0.20,"
                     "0.20,0,0,1,0,0,30,255,1,0,0.03,0.04,0.03,0.01,0,0.01,normal,21\n"));
    must_read(&a, DATASET_UNSW_NB15, folder_path("unsw.csv"));
    must_read(&b, DATASET_NSL_KDD, folder_path("nsl.txt"));
    size_t rows = a.rows, columns = a.columns;
    assert_int_equal(dataset_join(&a, &b, NULL), ST_OK);
    assert_int_equal(a.rows, rows + 1);
    assert_true(a.columns > columns && a.columns < columns + b.columns);
    assert_true(at(&a, rows, "duration") == 0 && at(&a, 0, "duration") == 2);
    assert_true(isnan(at(&a, 0, "hot")) && isnan(at(&a, rows, "window_out")));
    EXPECT_CLASS(&a, 1, "Fuzzers");
    EXPECT_CLASS(&a, rows, "normal");
    assert_true(a.group[rows] > a.group[rows - 1]);
    assert_true(dataset_keep_live(&a) > 0);
    assert_false(has(&a, "hot"));
    assert_true(at(&a, 0, "duration") == 2);
    dataset_done(&a);
    dataset_done(&b);
}

static void joins_only_tables(void **state)
{
    struct dataset a = {0}, b = {0};
    folder_write("unsw.csv", (str){unsw, sizeof unsw - 1});
    folder_write("lines", STR("1 2 3\n"));
    must_read(&a, DATASET_UNSW_NB15, folder_path("unsw.csv"));
    must_read(&b, DATASET_SEQUENCE, folder_path("lines"));
    assert_int_equal(dataset_join(&a, &b, NULL), ST_INVALID);
    dataset_done(&a);
    dataset_done(&b);
}

static void reads_zeek_conn_logs_with_labels(void **state)
{
    struct dataset d = {0};
    folder_write("conn.log", (str){conn, sizeof conn - 1});
    must_read(&d, DATASET_ZEEK, folder_path("conn.log"));
    assert_int_equal(d.rows, 2);
    assert_int_equal(d.rejected, 0);
    assert_int_equal(d.label[0], LABEL_ATTACK);
    assert_int_equal(d.label[1], LABEL_NORMAL);
    EXPECT_CLASS(&d, 0, "C&C");
    EXPECT_CLASS(&d, 1, "normal");
    assert_true(d.timed);
    assert_int_equal(d.time_ms[1] - d.time_ms[0], 500);
    assert_int_equal(d.group[0], d.group[1]);
    assert_true(isnan(at(&d, 0, "duration")));
    assert_true(isnan(at(&d, 0, "bytes_out")));
    assert_float_equal(at(&d, 0, "failed"), 1, 0);
    assert_float_equal(at(&d, 0, "state"), category_code(STR("S0")), 0);
    assert_float_equal(at(&d, 1, "bytes"), 1149, 0);
    assert_float_equal(at(&d, 1, "ip_bytes_out"), 400, 0);
    assert_float_equal(at(&d, 1, "missed_bytes"), 10, 0);
    assert_float_equal(at(&d, 1, "seen_resent"), 1, 0);
    assert_float_equal(at(&d, 1, "seen_rst_in"), 0, 0);
    assert_float_equal(at(&d, 1, "target_2s"), 2, 0);
    assert_float_equal(at(&d, 1, "target_2s_serror"), 0.5, 0);
    assert_float_equal(at(&d, 1, "source_60s_gap"), 0.5, 0);
    dataset_done(&d);
}

static void reads_suricata_flows_and_leaves_out_other_records(void **state)
{
    struct dataset d = {0};
    folder_write(
        "eve.json",
        STR("{\"timestamp\":\"2025-01-01T00:00:09.0+0000\",\"flow_id\":1,\"event_type\":\"flow\","
            "\"src_ip\":\"192.0.2.1\",\"src_port\":1,\"dest_ip\":\"192.0.2.9\",\"dest_port\":53,"
            "\"proto\":\"UDP\",\"app_proto\":\"dns\",\"flow\":{\"pkts_toserver\":1,"
            "\"pkts_toclient\":1,\"bytes_toserver\":70,\"bytes_toclient\":90,"
            "\"start\":\"2025-01-01T00:00:01.5+0000\",\"end\":\"2025-01-01T00:00:02.0+0000\","
            "\"age\":1,\"state\":\"established\",\"alerted\":false}}\n"
            "{\"timestamp\":\"2025-01-01T00:00:09.1+0000\",\"flow_id\":1,\"event_type\":\"dns\","
            "\"src_ip\":\"192.0.2.1\",\"src_port\":1,\"dest_ip\":\"192.0.2.9\",\"dest_port\":53}"
            "\n"));
    must_read(&d, DATASET_EVE, folder_path("eve.json"));
    assert_int_equal(d.rows, 1);
    assert_int_equal(d.label[0], LABEL_NONE);
    assert_float_equal(at(&d, 0, "duration"), 0.5, 0);
    assert_float_equal(at(&d, 0, "ip_bytes"), 160, 0);
    assert_float_equal(at(&d, 0, "service"), category_code(STR("dns")), 0);
    assert_float_equal(at(&d, 0, "proto"), category_code(STR("udp")), 0);
    assert_true(strstr(d.note, "no flows") != NULL);
    dataset_done(&d);
}

static void refuses_a_file_that_unpacks_to_too_much(void **state)
{
    struct dataset d = {0};
    struct error err;
    struct dataset_options o = {.format = DATASET_SEQUENCE, .label = -1, .bytes_max = 1 << 17};
    struct sbuf plain, packed;
    sbuf_init(&plain, 1 << 20);
    sbuf_init(&packed, 1 << 20);
    while (plain.n < 1 << 18)
        sbuf_addz(&plain, "1 2 3\n");
    struct compress *c = compress_new(1);
    assert_true(compress_gzip(c, sbuf_str(&plain), &packed));
    compress_free(c);
    assert_true(packed.n < 1 << 14);
    assert_int_equal(dataset_read_memory(&d, sbuf_str(&packed), "bomb", &o, &err), ST_LIMIT);
    o.bytes_max = 0;
    dataset_done(&d);
    assert_int_equal(dataset_read_memory(&d, sbuf_str(&packed), "bomb", &o, &err), ST_OK);
    dataset_done(&d);
    sbuf_done(&plain);
    sbuf_done(&packed);
}

/* What is in an archive has names that somebody else gave. */
static void says_names_of_files_without_what_moves_a_cursor(void **state)
{
    struct dataset d = {0};
    struct error err = {0};
    struct dataset_options o = {.format = DATASET_CSV, .label = -1};
    assert_int_equal(dataset_read_memory(&d, STR("id,label\n1,0\n"), "a\033[2Jb", &o, &err),
                     ST_INVALID);
    assert_non_null(strstr(err.text, "'a?[2Jb': no column to learn from"));
    dataset_done(&d);
}

/* ---- public data ---- */

static const char *public_path(const char *name, char out[static 512])
{
    const char *folder = test_data_dir();
    if (!folder)
        SKIP_BECAUSE("BGUARD_DATA is not set");
    snprintf(out, 512, "%s/%s", folder, name);
    return out;
}

static void reads_the_whole_of_nsl_kdd(void **state)
{
    char path[512];
    struct dataset d = {0};
    must_read(&d, DATASET_NSL_KDD, public_path("nsl-kdd/KDDTrain+.txt.gz", path));
    assert_int_equal(d.rows, 125973);
    assert_int_equal(d.rejected, 0);
    assert_int_equal(dataset_count(&d, LABEL_NORMAL), 67343);
    assert_int_equal(d.class_names, 23);
    dataset_done(&d);
}

static void reads_the_whole_of_unsw_nb15(void **state)
{
    char path[512];
    struct dataset d = {0};
    must_read(&d, DATASET_UNSW_NB15, public_path("unsw-nb15/train_dedup_70.csv.gz", path));
    assert_int_equal(d.rows, 39067);
    assert_int_equal(d.rejected, 0);
    assert_int_equal(dataset_count(&d, LABEL_NORMAL), 23957);
    assert_int_equal(d.class_names, 10);
    dataset_done(&d);
}

static void reads_the_files_of_cicids2017(void **state)
{
    char path[512];
    static const char *const files[] = {"fisher85_web_attacks_balanced", "rdube_f1", "rdube_m1",
                                        "yigithan_web_attacks_Bot_balanced"};
    for (size_t i = 0; i < COUNT(files); i++) {
        struct dataset d = {0};
        char name[100];
        snprintf(name, sizeof name, "cicids2017/%s.csv.gz", files[i]);
        must_read(&d, DATASET_CICFLOW, public_path(name, path));
        assert_true(d.rows >= 999);
        assert_int_equal(d.rejected, 0);
        assert_int_equal(dataset_count(&d, LABEL_NONE), 0);
        assert_true(d.columns >= 77);
        dataset_done(&d);
    }
}

static void reads_the_whole_of_iot23(void **state)
{
    char path[512];
    struct dataset d = {0};
    must_read(&d, DATASET_ZEEK, public_path("iot23/conn.log.labeled.gz", path));
    assert_int_equal(d.rows, 23145);
    assert_int_equal(dataset_count(&d, LABEL_NORMAL), 1923);
    assert_int_equal(dataset_count(&d, LABEL_ATTACK), 21222);
    assert_int_equal(d.class_names, 4);
    assert_true(d.timed);
    dataset_done(&d);
}

static void reads_sessions_and_archives(void **state)
{
    char path[512];
    struct dataset d = {0};
    must_read(&d, DATASET_SEQUENCE, public_path("hdfs/train_normal.txt", path));
    assert_true(d.rows >= 3400);
    dataset_done(&d);
    must_read(&d, DATASET_SEQUENCE, public_path("adfa-ld/traces.tar.xz", path));
    assert_int_equal(d.rows, 3403);
    assert_int_equal(dataset_count(&d, LABEL_ATTACK), 378);
    assert_int_equal(d.groups, 3025 + 60); /* normal ones, and folders of attacks */
    assert_int_equal(d.class_names, 7);
    dataset_done(&d);
}

static void reads_keystrokes_of_28_persons(void **state)
{
    char path[512];
    struct dataset d = {0};
    must_read(&d, DATASET_KEYSTROKE, public_path("keystroke/meu_mobile_users_01_28.csv.gz", path));
    assert_int_equal(d.rows, 1428);
    assert_int_equal(d.class_names, 28);
    assert_int_equal(d.columns, 71);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_unsw_nb15_by_the_names_of_its_columns),
        cmocka_unit_test(reads_nsl_kdd_with_and_without_difficulty),
        cmocka_unit_test(reads_cicflowmeter_with_spaces_before_names),
        cmocka_unit_test(reads_any_csv_and_leaves_out_what_gives_the_answer_away),
        cmocka_unit_test(a_second_column_with_the_answer_is_none_to_learn_from),
        cmocka_unit_test(takes_the_label_column_it_is_told),
        cmocka_unit_test(adds_files_with_columns_in_another_order),
        cmocka_unit_test(tells_a_column_from_another_that_begins_like_it),
        cmocka_unit_test(numbers_thousands_of_columns_of_one_name),
        cmocka_unit_test(knows_persons_by_their_keystrokes),
        cmocka_unit_test(numbers_events_as_they_first_appear),
        cmocka_unit_test(reads_all_files_of_a_folder),
        cmocka_unit_test(keeps_sessions_of_a_numbered_folder_together),
        cmocka_unit_test(gives_every_row_the_label_it_is_told),
        cmocka_unit_test(refuses_what_it_cannot_read),
        cmocka_unit_test(joins_tables_of_several_formats_by_the_names_of_columns),
        cmocka_unit_test(joins_only_tables),
        cmocka_unit_test(reads_zeek_conn_logs_with_labels),
        cmocka_unit_test(reads_suricata_flows_and_leaves_out_other_records),
        cmocka_unit_test(refuses_a_file_that_unpacks_to_too_much),
        cmocka_unit_test(says_names_of_files_without_what_moves_a_cursor),
        cmocka_unit_test(reads_the_whole_of_nsl_kdd),
        cmocka_unit_test(reads_the_whole_of_unsw_nb15),
        cmocka_unit_test(reads_the_files_of_cicids2017),
        cmocka_unit_test(reads_the_whole_of_iot23),
        cmocka_unit_test(reads_sessions_and_archives),
        cmocka_unit_test(reads_keystrokes_of_28_persons),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
