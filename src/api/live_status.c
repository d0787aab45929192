/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live_int.h"

enum health { HEALTH_READY = 1 << 1, HEALTH_STORE = 1 << 2, HEALTH_RECORDER = 1 << 3 };

unsigned live_health(struct api *a)
{
    unsigned h = 0;
    if (atomic_load(&a->ready))
        h |= HEALTH_READY;
    if (atomic_load(&a->store_ok))
        h |= HEALTH_STORE;
    if (!a->options.recorder || recorder_failing_since(a->options.recorder, NULL) == 0)
        h |= HEALTH_RECORDER;
    return h;
}

static void tell(struct live_hub *h, unsigned health)
{
    struct sbuf b;
    sbuf_init(&b, 4096);
    struct json_out o = json_out_on(&b);
    bool well = (health & HEALTH_STORE) && (health & HEALTH_RECORDER);
    json_out_object(&o);
    json_out_kv_str(&o, "status",
                    !well                   ? STR("degraded")
                    : health & HEALTH_READY ? STR("ok")
                                            : STR("not_ready"));
    json_out_kv_bool(&o, "ready", health & HEALTH_READY);
    json_out_kv_bool(&o, "store", health & HEALTH_STORE);
    json_out_kv_bool(&o, "recorder", health & HEALTH_RECORDER);
    json_out_kv_i64(&o, "recorder_queued", metric_value(METRIC_RECORDER_QUEUED));
    json_out_kv_i64(&o, "pipeline_queued", metric_value(METRIC_PIPELINE_QUEUED));
    json_out_kv_i64(&o, "live_clients", metric_value(METRIC_LIVE_CLIENTS));
    json_out_object_end(&o);
    bus_publish(h->api->options.bus, &(struct bus_message){.topic = TOPIC_STATUS,
                                                           .time_ms = api_now_ms(h->api),
                                                           .type = "status",
                                                           .data = sbuf_str(&b),
                                                           .level = -1});
    sbuf_done(&b);
}

void live_tell_status(struct live_hub *h)
{
    unsigned now = live_health(h->api);
    atomic_store(&h->health, now);
    tell(h, now);
}

/* Every loop looks; who sees the change first tells it. */
void live_watch_health(struct live_hub *h)
{
    unsigned now = live_health(h->api);
    if (atomic_exchange(&h->health, now) != now)
        tell(h, now);
}
