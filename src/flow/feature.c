/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"

#include <math.h>

const struct feature_info feature_info[FEATURE_COUNT] = {
#define X(NAME, name, UNIT, KIND, MISSING, doc)                                                    \
    {name, UNIT, doc, FEATURE_##KIND, MISSING_##MISSING},
#include "flow/feature.def"
};

enum feature feature_find(str name)
{
    size_t i = 0;
    while (i < FEATURE_COUNT && !str_eq(name, str_z(feature_info[i].name)))
        i++;
    return (enum feature)i;
}

/* ---- words ---- */

static const struct {
    enum feature feature;
    const char *theirs, *ours;
} words[] = {
#define X(FEATURE, theirs, ours) {FEATURE_##FEATURE, theirs, ours},
#include "flow/word.def"
};

float category_code(str word)
{
    uint64_t h = 0xcbf29ce484222325u;
    if (word.n == 0 || str_eq(word, STR("-")))
        return NAN;
    for (size_t i = 0; i < word.n; i++)
        h = (h ^ (unsigned char)ascii_lower(word.p[i])) * 0x100000001b3u;
    return (float)((h ^ h >> 24 ^ h >> 48) & 0xffffff);
}

float feature_category(enum feature f, str word)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].feature == f && str_ieq(word, str_z(words[i].theirs)))
            return category_code(str_z(words[i].ours));
    return category_code(word);
}

static bool same(float a, float b)
{
    return !(a < b) && !(a > b) && !isnan(a);
}

const char *feature_word(float code)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (same(category_code(str_z(words[i].ours)), code))
            return words[i].ours;
    return NULL;
}

/* ---- columns of data sets ---- */

static const struct feature_column columns[] = {
#define X(SET, name, SCALE, FEATURE) {FEATURE_SET_##SET, name, SCALE, FEATURE_##FEATURE},
#include "flow/column.def"
};

const struct feature_column *feature_column_find(enum feature_set set, str name)
{
    name = str_trim(name);
    for (size_t i = 0; i < COUNT(columns); i++)
        if (columns[i].set == set && str_ieq(name, str_z(columns[i].name)))
            return &columns[i];
    return NULL;
}

const struct feature_column *feature_columns(enum feature_set set, size_t *n)
{
    size_t first = 0;
    while (columns[first].set != set)
        first++;
    for (*n = 0; first + *n < COUNT(columns) && columns[first + *n].set == set;)
        ++*n;
    return &columns[first];
}

/* ---- what follows from others ---- */

static void fill(float *x, float value)
{
    if (isnan(*x))
        *x = value;
}

static float share(float part, float rest)
{
    return part + rest > 0 ? part / (part + rest) : NAN;
}

static float ratio(float a, float b)
{
    return b > 0 ? a / b : NAN;
}

/* What well known ports are for. */
static const struct {
    uint16_t port;
    const char *what;
} port_use[] = {
    {80, "web"},         {443, "web"},        {8000, "web"},        {8080, "web"},
    {8443, "web"},       {8888, "web"},       {53, "name"},         {137, "name"},
    {5353, "name"},      {5355, "name"},      {25, "mail"},         {110, "mail"},
    {143, "mail"},       {465, "mail"},       {587, "mail"},        {993, "mail"},
    {995, "mail"},       {22, "shell"},       {23, "shell"},        {2222, "shell"},
    {2323, "shell"},     {3389, "shell"},     {5900, "shell"},      {20, "file"},
    {21, "file"},        {69, "file"},        {139, "file"},        {445, "file"},
    {2049, "file"},      {1433, "database"},  {1521, "database"},   {3306, "database"},
    {5432, "database"},  {6379, "database"},  {9200, "database"},   {27017, "database"},
    {88, "directory"},   {389, "directory"},  {464, "directory"},   {636, "directory"},
    {3268, "directory"}, {135, "management"}, {161, "management"},  {162, "management"},
    {514, "management"}, {623, "management"}, {5985, "management"}, {5986, "management"},
};

static float port_class(float port)
{
    if (!(port >= 0 && port <= 65535))
        return NAN;
    for (size_t i = 0; i < COUNT(port_use); i++)
        if (port_use[i].port == (uint16_t)port)
            return category_code(str_z(port_use[i].what));
    return category_code(port < 1024    ? STR("system")
                         : port < 49152 ? STR("registered")
                                        : STR("dynamic"));
}

/* Zeek's conn_state: attempts that were refused or not answered, and those that were.  Others do not say. */
static float failed(float state)
{
    static const char *const no[] = {"S0", "REJ", "RSTOS0", "SH", "SHR", "RSTRH"};
    static const char *const yes[] = {"SF", "S1", "S2", "S3", "RSTO", "RSTR"};
    if (isnan(state))
        return NAN;
    for (size_t i = 0; i < COUNT(no); i++)
        if (same(state, category_code(str_z(no[i]))))
            return 1;
    for (size_t i = 0; i < COUNT(yes); i++)
        if (same(state, category_code(str_z(yes[i]))))
            return 0;
    return NAN;
}

/* NaN goes through sums and comparisons, so each line is for itself where something is missing. */
void feature_derive(float x[static FEATURE_COUNT])
{
    float seconds = x[FEATURE_DURATION];
    fill(&x[FEATURE_BYTES], x[FEATURE_BYTES_OUT] + x[FEATURE_BYTES_IN]);
    fill(&x[FEATURE_IP_BYTES], x[FEATURE_IP_BYTES_OUT] + x[FEATURE_IP_BYTES_IN]);
    fill(&x[FEATURE_PACKETS], x[FEATURE_PACKETS_OUT] + x[FEATURE_PACKETS_IN]);
    fill(&x[FEATURE_BYTES_OUT_SHARE], share(x[FEATURE_BYTES_OUT], x[FEATURE_BYTES_IN]));
    fill(&x[FEATURE_IP_BYTES_OUT_SHARE], share(x[FEATURE_IP_BYTES_OUT], x[FEATURE_IP_BYTES_IN]));
    fill(&x[FEATURE_PACKETS_OUT_SHARE], share(x[FEATURE_PACKETS_OUT], x[FEATURE_PACKETS_IN]));
    fill(&x[FEATURE_DOWN_UP_RATIO], ratio(x[FEATURE_PACKETS_IN], x[FEATURE_PACKETS_OUT]));
    fill(&x[FEATURE_BYTE_RATE], ratio(x[FEATURE_BYTES], seconds));
    fill(&x[FEATURE_BYTE_RATE_OUT], ratio(x[FEATURE_IP_BYTES_OUT], seconds));
    fill(&x[FEATURE_BYTE_RATE_IN], ratio(x[FEATURE_IP_BYTES_IN], seconds));
    fill(&x[FEATURE_PACKET_RATE], ratio(x[FEATURE_PACKETS], seconds));
    fill(&x[FEATURE_PACKET_RATE_OUT], ratio(x[FEATURE_PACKETS_OUT], seconds));
    fill(&x[FEATURE_PACKET_RATE_IN], ratio(x[FEATURE_PACKETS_IN], seconds));
    fill(&x[FEATURE_SIZE_OUT_MEAN], ratio(x[FEATURE_BYTES_OUT], x[FEATURE_PACKETS_OUT]));
    fill(&x[FEATURE_SIZE_IN_MEAN], ratio(x[FEATURE_BYTES_IN], x[FEATURE_PACKETS_IN]));
    fill(&x[FEATURE_IP_SIZE_OUT_MEAN], ratio(x[FEATURE_IP_BYTES_OUT], x[FEATURE_PACKETS_OUT]));
    fill(&x[FEATURE_IP_SIZE_IN_MEAN], ratio(x[FEATURE_IP_BYTES_IN], x[FEATURE_PACKETS_IN]));
    if (isnan(x[FEATURE_PORT_CLASS]))
        x[FEATURE_PORT_CLASS] = port_class(x[FEATURE_PORT]);
    if (isnan(x[FEATURE_FAILED]))
        x[FEATURE_FAILED] = failed(x[FEATURE_STATE]);
}
