/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hex.h"
#include "intel/intel_int.h"

static size_t encode(str in, size_t size, char *out)
{
    return in.n == size * 2 && hex_decode(in, out) ? size : 0;
}

static size_t encode_md5(str in, char out[static INTEL_VALUE_MAX])
{
    return encode(in, 16, out);
}

static size_t encode_sha1(str in, char out[static INTEL_VALUE_MAX])
{
    return encode(in, 20, out);
}

static size_t encode_sha256(str in, char out[static INTEL_VALUE_MAX])
{
    return encode(in, 32, out);
}

static size_t format(str bytes, char out[static INTEL_TEXT_MAX])
{
    return hex_encode(bytes, out);
}

const struct intel_kind_ops intel_ops_MD5 = {
    .name = "md5",
    .noun = "file hash",
    .encode = encode_md5,
    .format = format,
};
const struct intel_kind_ops intel_ops_SHA1 = {
    .name = "sha1",
    .noun = "file hash",
    .encode = encode_sha1,
    .format = format,
};
const struct intel_kind_ops intel_ops_SHA256 = {
    .name = "sha256",
    .noun = "file hash",
    .encode = encode_sha256,
    .format = format,
};
