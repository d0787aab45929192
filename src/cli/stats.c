/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "os/process.h"

void print_stats(const struct detect_stats *s, const struct rule_set *rules,
                 const struct ingest *in)
{
    struct sbuf text;
    sbuf_init(&text, 16 << 10);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_out_kv_u64(&j, "events", s->events);
    json_out_kv_u64(&j, "bytes", s->bytes);
    json_out_kv_u64(&j, "rejected", s->rejected);
    json_out_kv_u64(&j, "findings", s->findings);
    json_out_kv_u64(&j, "dropped", s->dropped);
    json_out_kv_f64(&j, "seconds", (double)(uint64_t)(s->seconds * 1e6 + 0.5) / 1e6);
    json_out_kv_u64(&j, "events_per_second",
                    s->seconds > 0 ? (uint64_t)((double)s->events / s->seconds + 0.5) : 0);
    json_out_kv_u64(&j, "rules_loaded", rules ? rule_set_loaded(rules) : 0);
    json_out_kv_u64(&j, "rules_failed", rules ? rule_set_problem_count(rules) : 0);
    json_out_kv_u64(&j, "rss_bytes", process_rss_bytes());
    json_out_kv_u64(&j, "rss_peak_bytes", process_rss_peak_bytes());
    json_out_kv_u64(&j, "read", s->read);
    json_out_kv_u64(&j, "suppressed", s->suppressed);
    json_out_kv_u64(&j, "inputs", in ? ingest_progress(in).files_done : 0);
    json_out_kv_u64(&j, "inputs_failed", in ? ingest_problem_count(in) : 0);
    json_out_kv_u64(&j, "correlation_groups", s->correlation.groups);
    json_out_kv_u64(&j, "correlation_evicted", s->correlation.evicted);
    json_out_kv_u64(&j, "correlation_late", s->correlation.late);
    json_out_kv_u64(&j, "correlation_bytes", s->correlation.bytes);
    json_out_object_end(&j);
    fprintf(stderr, "%s\n", text.p);
    sbuf_done(&text);
}
