/* SPDX-License-Identifier: Apache-2.0 */
/* Windows events as JSON, in the shapes they are met in:
 *
 *   nested      {"Event":{"System":{"Provider":{"#attributes":{"Name":..}},..},"EventData":{..}}}
 *               as evtx_dump, python-evtx and XML converters write it, `Event` there or not
 *   Winlogbeat  {"winlog":{"channel":..,"event_id":..,"event_data":{..}}}, dotted keys or nested
 *   flat        {"EventID":..,"Channel":..,"Image":..} of NXLog, Winlogbeat through Logstash, and
 *               PowerShell's ConvertTo-Json
 *
 * What a system element is called becomes Parent_Attribute ("Provider_Name"); event data is named
 * by its own name alone. */
#include "parse/json_int.h"

enum { SYSTEM = 1, DATA, USER, WINLOG };
enum { PROVIDER = JSON_OWN, ID, MESSAGE, DATA_TEXT };

static const struct json_row rows[] = {
    {"Event", .flags = JSON_STRIP},
    {"System", .flags = JSON_STRIP, .into = SYSTEM},
    {"EventData", .flags = JSON_STRIP, .into = DATA},
    {"event_data", .flags = JSON_STRIP, .into = DATA},
    {"UserData", .flags = JSON_STRIP, .into = USER},
    {"winlog", .flags = JSON_STRIP, .into = WINLOG},

    {"EventID", SYSTEM, .slot = JSON_CODE},
    {"EventID_Value", SYSTEM, .slot = JSON_CODE, .as = "EventID"},
    {"Channel", SYSTEM, .slot = JSON_CHANNEL},
    {"Provider_Name", SYSTEM, .slot = PROVIDER},
    {"TimeCreated_SystemTime", SYSTEM, .slot = JSON_TIME, .as = "@timestamp"},
    {"TimeCreated", SYSTEM, .slot = JSON_TIME, .as = "@timestamp"},

    {"UtcTime", DATA, .slot = JSON_TIME_2},
    {"Hashes", DATA, .slot = JSON_HASHES},
    {"Hash", DATA, .slot = JSON_HASHES},
    {"Data", DATA, .slot = DATA_TEXT, .flags = JSON_PAIR},
    {"Data.Name", DATA, .flags = JSON_NAME},
    {"*", USER, .flags = JSON_STRIP | JSON_EVERY, .into = DATA},

    {"event_data", WINLOG, .flags = JSON_STRIP, .into = DATA},
    {"user_data", WINLOG, .flags = JSON_STRIP, .into = DATA},
    {"event_id", WINLOG, .slot = JSON_CODE, .as = "EventID"},
    {"channel", WINLOG, .slot = JSON_CHANNEL, .as = "Channel"},
    {"provider_name", WINLOG, .slot = PROVIDER, .as = "Provider_Name"},
    {"provider_guid", WINLOG, .as = "Provider_Guid"},
    {"computer_name", WINLOG, .as = "Computer"},
    {"record_id", WINLOG, .as = "EventRecordID"},
    {"task", WINLOG, .as = "Task"},
    {"opcode", WINLOG, .as = "Opcode"},
    {"keywords", WINLOG, .as = "Keywords"},
    {"version", WINLOG, .as = "Version"},
    {"process.pid", WINLOG, .as = "Execution_ProcessID"},
    {"process.thread.id", WINLOG, .as = "Execution_ThreadID"},
    {"user.identifier", WINLOG, .as = "Security_UserID"},
    {"activity_id", WINLOG, .as = "Correlation_ActivityID"},

    {"EventID", .slot = JSON_CODE},
    {"Channel", .slot = JSON_CHANNEL},
    {"LogName", .slot = JSON_CHANNEL, .as = "Channel"},
    {"log_name", .slot = JSON_CHANNEL, .as = "Channel"},
    {"Id", .slot = ID},
    {"event_id", .slot = JSON_CODE, .as = "EventID"},
    {"event.code", .slot = ID},
    {"SourceName", .slot = PROVIDER},
    {"Provider_Name", .slot = PROVIDER},
    {"ProviderName", .slot = PROVIDER},
    {"source_name", .slot = PROVIDER, .as = "Provider_Name"},
    {"Provider", .slot = PROVIDER, .also = "Provider_Name"},
    {"MachineName", .as = "Computer"},
    {"computer_name", .as = "Computer"},
    {"Hashes", .slot = JSON_HASHES},
    {"Data", .slot = DATA_TEXT},
    {"Message", .slot = MESSAGE},
    {"message", .slot = MESSAGE},
    {"TimeCreated", .slot = JSON_TIME, .also = "@timestamp"},
    {"SystemTime", .slot = JSON_TIME, .also = "@timestamp"},
    {"UtcTime", .slot = JSON_TIME_2},
    {"@timestamp", .slot = JSON_TIME_3},
    {"EventTime", .slot = JSON_TIME_4},
};

/* Logs of the providers that write to one only, for records that do not say. */
static const struct {
    const char *provider, *channel;
} logs[] = {
    {"Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational"},
    {"Microsoft-Windows-Security-Auditing", "Security"},
    {"Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational"},
    {"PowerShell", "Windows PowerShell"},
    {"Service Control Manager", "System"},
    {"Microsoft-Windows-Windows Defender", "Microsoft-Windows-Windows Defender/Operational"},
    {"Microsoft-Windows-TaskScheduler", "Microsoft-Windows-TaskScheduler/Operational"},
    {"Microsoft-Windows-WMI-Activity", "Microsoft-Windows-WMI-Activity/Operational"},
    {"Microsoft-Windows-Bits-Client", "Microsoft-Windows-Bits-Client/Operational"},
    {"Linux-Sysmon", "Linux-Sysmon/Operational"},
};

static enum family family_of(struct json_walk *w)
{
    return str_ieq(json_slot(w, PROVIDER), STR("Linux-Sysmon")) ? FAMILY_LINUX : FAMILY_WINDOWS;
}

static str log_of(str provider)
{
    for (size_t i = 0; i < COUNT(logs); i++)
        if (str_ieq(provider, str_z(logs[i].provider)))
            return str_z(logs[i].channel);
    return (str){"", 0};
}

/* PowerShell's old log has unnamed data only, which flat shapes leave out; the message repeats it,
 * and rules look for it as `Data`. */
static void message_as_data(struct json_walk *w)
{
    const struct json_value *v = &w->slot[MESSAGE];
    field_id id = dict_resolve(w->p->dict, w->family, STR("Data"));
    if (json_has(w, MESSAGE))
        parse_add_kind(w->p, id, (str){v->p, v->n}, VALUE_STRING, v->flags | FIELD_COPY);
}

static bool finish(struct json_walk *w)
{
    json_code(w, json_slot(w, ID));
    if (w->p->event->channel.n == 0) {
        str channel = log_of(json_slot(w, PROVIDER));
        json_channel(w, channel);
        if (channel.n)
            parse_add_kind(w->p, FIELD_WINLOG_CHANNEL, channel, VALUE_STRING, FIELD_DERIVED);
    }
    if (!json_has(w, DATA_TEXT) && str_ieq(w->p->event->channel, STR("Windows PowerShell")))
        message_as_data(w);
    return true;
}

static const struct json_clue clues[] = {
    {"Event.System", 100},
    {"Event_attributes", 20},
    {"System.EventID", 90},
    {"System.Channel", 50},
    {"System.Provider", 50},
    {"EventData", 20},
    {"winlog", 30},
    {"winlog.channel", 60},
    {"winlog.event_id", 60},
    {"winlog.event_data", 60},
    {"winlog.provider_name", 30},
    {"winlog.event_data.Image", 60},
    {"EventID", 40},
    {"Channel", 25},
    {"SourceName", 20},
    {"Provider_Name", 40},
    {"ProviderName", 20},
    {"ProviderGuid", 30},
    {"LogName", 30},
    {"RecordNumber", 20},
    {"Computer", 15},
    {"Hostname", 10},
    {"EventRecordID", 30},
    {"MachineName", 15},
    {"RecordId", 15},
    {"TimeCreated", 15},
    {"ProcessGuid", 30},
    {"UtcTime", 20},
    {"log_name", 30},
    {"event_id", 15},
    {"Keywords", 10},
};

static const struct json_format format = {
    .family = FAMILY_WINDOWS,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_XML,
    .joined = SYSTEM,
    .family_of = family_of,
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_winjson = {.name = "winjson", .json = &format};
