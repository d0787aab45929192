/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"
#include "tests/test.h"

static void writes_histograms_with_cumulative_buckets(void **state)
{
    metric_observe(METRIC_STORE_SECONDS, 0.0002);
    metric_observe(METRIC_STORE_SECONDS, 0.2);
    metric_observe(METRIC_STORE_SECONDS, 100);
    struct sbuf out = {.cap = 1 << 20};
    metric_write(&out);
    assert_non_null(strstr(out.p, "# TYPE bguard_store_seconds histogram\n"));
    assert_non_null(strstr(out.p, "bguard_store_seconds_bucket{le=\"0.00025\"} 1\n"));
    assert_non_null(strstr(out.p, "bguard_store_seconds_bucket{le=\"0.25\"} 2\n"));
    assert_non_null(strstr(out.p, "bguard_store_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(out.p, "bguard_store_seconds_sum 100.2002\n"));
    assert_non_null(strstr(out.p, "bguard_store_seconds_count 3\n"));
    sbuf_done(&out);
}

static void says_type_and_doc_once_for_lines_of_one_name(void **state)
{
    metric_add(METRIC_LOGIN_FAILED, 2);
    struct sbuf out = {.cap = 1 << 20};
    metric_write(&out);
    const char *type = strstr(out.p, "# TYPE bguard_logins_total counter\n");
    assert_non_null(type);
    assert_null(strstr(type + 1, "# TYPE bguard_logins_total"));
    assert_non_null(strstr(out.p, "bguard_logins_total{result=\"failed\"} 2\n"));
    sbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_histograms_with_cumulative_buckets),
        cmocka_unit_test(says_type_and_doc_once_for_lines_of_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
