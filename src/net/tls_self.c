/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed certificate (RFC 5280) with the names a first start is reached by. */
#include "net/tls_int.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/ip.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAYS = 365, SERIAL_BYTES = 16, EARLIER_S = 300 };

static bool add_extension(X509 *x, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

/* `host` comes from the configuration: only what is a name or an address gets into the certificate. */
static bool add_names(X509 *x, const char *host)
{
    struct sbuf names;
    struct ip ip;
    sbuf_init(&names, 1024);
    sbuf_addz(&names, "DNS:localhost,IP:127.0.0.1,IP:::1");
    if (host && ip_parse(str_z(host), &ip))
        sbuf_addf(&names, ",IP:%s", host);
    else if (host && *host &&
             strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789-.") == strlen(host))
        sbuf_addf(&names, ",DNS:%s", host);
    bool added = !names.full && add_extension(x, NID_subject_alt_name, names.p);
    sbuf_done(&names);
    return added;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f; /* positive */
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return set;
}

static bool set_subject(X509 *x, const char *host)
{
    X509_NAME *name = X509_get_subject_name(x);
    const char *common = host && *host && strlen(host) <= ub_common_name ? host : "localhost";
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1;
}

static X509 *make_certificate(EVP_PKEY *key, const char *host)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_subject(x, host) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -EARLIER_S) &&
        X509_gmtime_adj(X509_getm_notAfter(x), (long)DAYS * 24 * 60 * 60) &&
        X509_set_pubkey(x, key) == 1 && add_names(x, host) &&
        add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(x, NID_key_usage, "critical,digitalSignature") &&
        add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static status write_file(const char *path, mode_t mode, BIO *pem, struct error *err)
{
    char *p = NULL;
    long left = BIO_get_mem_data(pem, &p);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) != 0) {
        status st = fail(err, ST_IO, "'%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return st;
    }
    while (left > 0) {
        ssize_t n = write(fd, p, (size_t)left);
        if (n < 0 && errno != EINTR)
            break;
        p += n > 0 ? n : 0;
        left -= n > 0 ? n : 0;
    }
    bool written = left == 0 && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    return written ? ST_OK : fail(err, ST_IO, "'%s': %s", path, strerror(errno));
}

static status write_both(const char *certificate_path, const char *key_path, X509 *x, EVP_PKEY *key,
                         struct error *err)
{
    BIO *public = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
    status st = ST_OK;
    if (!public || !secret || PEM_write_bio_X509(public, x) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1)
        st = fail(err, ST_UNAVAILABLE, "the certificate cannot be written as PEM");
    if (st == ST_OK)
        st = write_file(key_path, 0600, secret, err);
    if (st == ST_OK)
        st = write_file(certificate_path, 0644, public, err);
    BIO_free(public);
    BIO_free(secret);
    return st;
}

status tls_self_signed(const char *certificate_path, const char *key_path, const char *host,
                       struct error *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key ? make_certificate(key, host) : NULL;
    status st = x ? write_both(certificate_path, key_path, x, key, err)
                  : fail(err, ST_UNAVAILABLE, "no certificate could be made for '%s'",
                         host ? host : "localhost");
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return st;
}
