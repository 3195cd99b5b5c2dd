/*
 * A BIO of our own stands between OpenSSL and tcp.c: it reads from the slice that was fed and
 * writes into a buffer. Turned down: memory BIOs, which copy once more and keep the most they ever
 * held.
 */
#include "io/tls.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>

enum {
    OUTPUT_MAX = 2 * TLS_WRITE_MAX, /* a write with its records' heads, and what TLS says itself */
    SAYS_MAX = 64 * 1024,           /* of its own: a handshake, alerts, answers to new keys */
};

struct tls_context {
    char *cert_file, *key_file; /* owned */
    pthread_mutex_t lock;
    SSL_CTX *ctx; /* under lock */
};

struct tls {
    SSL *ssl;
    Str in;
    struct buf out;
    bool writing; /* in tls_write */
    bool refused; /* a renegotiation: the connection ends */
};

/* ----- the BIO ----- */

static int bio_read(BIO *bio, char *to, size_t room, size_t *n)
{
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *n = t->in.n < room ? t->in.n : room;
    if (t->refused || t->out.overflow) { /* it shall not go on to the next record */
        *n = 0;
        return 0;
    }
    if (*n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, t->in.p, *n);
    t->in = str_skip(t->in, *n);
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t n, size_t *written)
{
    struct tls *t = BIO_get_data(bio);
    if (t->writing || t->out.n + n <= SAYS_MAX)
        buf_add(&t->out, str_from(bytes, n));
    else
        t->out.overflow = true; /* it makes us talk and does not listen */
    *written = n;
    return !t->out.overflow;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tcp");
    must(method && BIO_meth_set_read_ex(method, bio_read) &&
         BIO_meth_set_write_ex(method, bio_write) && BIO_meth_set_ctrl(method, bio_ctrl));
}

/* ----- the context ----- */

/* RFC 7301: of what is offered only http/1.1; nothing in common is no error. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
                           const unsigned char *offered, unsigned offered_n, void *arg)
{
    static const unsigned char http[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, n, http, sizeof http - 1, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* With SSL_OP_NO_RENEGOTIATION it answers each request with a warning and goes on; who then asks
 * without end would be answered without end. */
static void watch_alerts(const SSL *ssl, int where, int alert)
{
    struct tls *t = SSL_get_app_data(ssl);
    if (where & SSL_CB_WRITE && where & SSL_CB_ALERT && (alert & 0xff) == SSL_AD_NO_RENEGOTIATION)
        t->refused = true;
}

static Err refuse(const char *file, const char **why)
{
    static char complaint[512];
    unsigned long error = ERR_get_error();
    const char *reason =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    ERR_clear_error();
    snprintf(complaint, sizeof complaint, "%s: %s", file, reason ? reason : "not valid");
    *why = complaint;
    return ERR_INVALID_FIELD;
}

static Err load(SSL_CTX *ctx, const char *cert_file, const char *key_file, const char **why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return refuse(cert_file, why);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return refuse(key_file, why);
    return ERR_OK;
}

static Err ctx_new(const char *cert_file, const char *key_file, SSL_CTX **out, const char **why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do it without memory */
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_info_callback(ctx, watch_alerts);
    Err err = load(ctx, cert_file, key_file, why);
    if (err)
        SSL_CTX_free(ctx);
    else
        *out = ctx;
    return err;
}

Err tls_context_new(const char *cert_file, const char *key_file, struct tls_context **out,
                    const char **why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    must(pthread_once(&once, make_method) == 0);
    SSL_CTX *ctx = NULL;
    Err err = ctx_new(cert_file, key_file, &ctx, why);
    if (err)
        return err;
    struct tls_context *c = mem_alloc(sizeof *c);
    c->cert_file = strdup(cert_file);
    c->key_file = strdup(key_file);
    c->ctx = ctx;
    must(c->cert_file && c->key_file && pthread_mutex_init(&c->lock, NULL) == 0);
    *out = c;
    return ERR_OK;
}

Err tls_context_reload(struct tls_context *c, const char **why)
{
    SSL_CTX *ctx = NULL;
    Err err = ctx_new(c->cert_file, c->key_file, &ctx, why);
    if (err)
        return err;
    pthread_mutex_lock(&c->lock);
    SSL_CTX *old = c->ctx;
    c->ctx = ctx;
    pthread_mutex_unlock(&c->lock);
    SSL_CTX_free(old); /* connections have references of their own */
    return ERR_OK;
}

void tls_context_free(struct tls_context **at)
{
    struct tls_context *c = *at;
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    pthread_mutex_destroy(&c->lock);
    mem_free(c->cert_file);
    mem_free(c->key_file);
    mem_free(c);
    *at = NULL;
}

/* ----- a connection ----- */

struct tls *tls_new(struct tls_context *context)
{
    struct tls *t = mem_alloc(sizeof *t);
    BIO *bio = BIO_new(method);
    t->out = BUF(OUTPUT_MAX);
    pthread_mutex_lock(&context->lock);
    t->ssl = SSL_new(context->ctx);
    pthread_mutex_unlock(&context->lock);
    must(bio && t->ssl);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_app_data(t->ssl, t);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_free(struct tls **at)
{
    struct tls *t = *at;
    if (!t)
        return;
    SSL_free(t->ssl);
    buf_free(&t->out);
    mem_free(t);
    *at = NULL;
}

void tls_feed(struct tls *t, Str bytes)
{
    must(t->in.n == 0);
    t->in = bytes;
}

int tls_read(struct tls *t, char *to, int room)
{
    ERR_clear_error(); /* SSL_get_error looks at the thread's whole queue */
    int n = SSL_read(t->ssl, to, room);
    if (n > 0 && !t->refused && !t->out.overflow)
        return n;
    int error = SSL_get_error(t->ssl, n);
    if (error == SSL_ERROR_WANT_READ && !t->refused && !t->out.overflow)
        return TLS_MORE;
    ERR_clear_error();
    t->in = S("");
    return error == SSL_ERROR_ZERO_RETURN && !t->refused ? TLS_ENDED : TLS_BROKEN;
}

bool tls_write(struct tls *t, Str bytes)
{
    must(bytes.n <= TLS_WRITE_MAX);
    ERR_clear_error();
    if (!SSL_is_init_finished(t->ssl))
        return false;
    t->writing = true;
    int n = SSL_write(t->ssl, bytes.p, (int)bytes.n);
    t->writing = false;
    return n == (int)bytes.n && !t->out.overflow;
}

void tls_end(struct tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct buf *tls_output(struct tls *t)
{
    return &t->out;
}
