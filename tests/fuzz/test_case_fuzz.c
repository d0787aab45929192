/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, read as test cases of either layout, give cases that can be run or say why not. */
#include "cli/test_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const str files[] = {{"dir/x.test.yml", 14}, {"dir/info.yml", 12}};
    if (size == 0)
        return 0;
    struct test_list list;
    test_list_init(&list);
    test_list_read(&list, files[data[0] & 1], (str){(const char *)data + 1, size - 1});
    for (size_t i = 0; i < list.at.n; i++) {
        const struct test_case *c = &list.at.at[i];
        if (!c->refused.n && !c->text.n && !c->path.n)
            abort();
    }
    test_list_done(&list);
    return 0;
}
