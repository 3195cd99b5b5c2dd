/* TLS between tcp and a peer in the test's hand: what its own words cost when nobody takes them. */
#include "io/tcp_bench.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

enum {
    MANY = 200000,    /* KeyUpdates, which make us talk without end */
    IDLE_MS = 500,    /* then a side is taken to wait for the other */
    HELD_MAX = 65536, /* of our answers to them */
};

static char cert_file[] = "/tmp/whisp-tls-cert-XXXXXX", key_file[] = "/tmp/whisp-tls-key-XXXXXX";

static FILE *temporary(char *name)
{
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    return fdopen(fd, "w");
}

/* A certificate that is its own authority. */
static void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = temporary(cert_file);
    assert_true(PEM_write_X509(file, cert));
    fclose(file);
    file = temporary(key_file);
    assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct peer {
    SSL_CTX *ctx;
    SSL *ssl;
};

static int step_once(struct side *s, struct peer *p, int (*call)(struct peer *p))
{
    int got = call(p);
    int error = SSL_get_error(p->ssl, got);
    assert_true(got > 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
    run_what_is_there(s->loop);
    return got;
}

/* Steps both sides until the peer's call succeeds; 0: it would have to wait for us, who do nothing
 * any more. */
static int step(struct side *s, struct peer *p, int (*call)(struct peer *p))
{
    for (int idle = 0; idle < IDLE_MS; idle++) {
        int got = step_once(s, p, call);
        if (got > 0)
            return got;
        usleep(idle > 10 ? 1000 : 0); /* acknowledgements may be late */
    }
    return 0;
}

static int shake(struct peer *p)
{
    return SSL_do_handshake(p->ssl);
}

static int listen_to_us(struct peer *p)
{
    char bytes[4096];
    return SSL_read(p->ssl, bytes, sizeof bytes);
}

static struct peer begin_peer(struct side *s)
{
    struct peer p = {.ctx = SSL_CTX_new(TLS_client_method())};
    assert_true(SSL_CTX_set_min_proto_version(p.ctx, TLS1_3_VERSION));
    p.ssl = SSL_new(p.ctx);
    SSL_set_fd(p.ssl, s->peer);
    SSL_set_connect_state(p.ssl);
    assert_int_equal(step(s, &p, shake), 1);
    run_what_is_there(s->loop); /* our side gets the end of it */
    return p;
}

static void end_peer(struct peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
}

static void a_peer_that_makes_us_talk_and_takes_nothing_is_not_read_from(void **state)
{
    struct side *s = *state;
    static atomic_size_t waiting;
    loop_count_output(s->loop, &waiting);
    struct peer p = begin_peer(s);
    int asked = 0;
    while (asked < MANY && SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED) && step(s, &p, shake)) {
        asked++;
        assert_true(atomic_load(&waiting) <= 2 * HELD_MAX);
    }
    assert_true(asked < MANY);
    assert_true(atomic_load(&waiting) > 0);
    assert_int_equal(s->ended + s->closed, 0);
    struct buf taken = BUF(GOT_MAX);
    while (step_once(s, &p, shake) <= 0) /* it takes what we said, and all goes on */
        receive(s->peer, &taken);
    buf_free(&taken);
    tcp_close(s->tcp);
    run_until(s->loop, s->closed);
    assert_int_equal(atomic_load(&waiting), 0);
    end_peer(&p);
}

static void what_waits_is_counted_until_it_is_taken(void **state)
{
    struct side *s = *state;
    static atomic_size_t waiting;
    loop_count_output(s->loop, &waiting);
    struct peer p = begin_peer(s);
    send_big(s);
    assert_int_equal(atomic_load(&waiting), tcp_pending(s->tcp));
    assert_true(tcp_unacknowledged(s->tcp) > tcp_pending(s->tcp));
    for (size_t n = 0; n < BIG;) {
        int got = step(s, &p, listen_to_us);
        assert_true(got > 0);
        n += (size_t)got;
    }
    run_until(s->loop, s->drained);
    assert_int_equal(atomic_load(&waiting), 0);
    end_peer(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_connection(a_peer_that_makes_us_talk_and_takes_nothing_is_not_read_from),
        with_connection(what_waits_is_counted_until_it_is_taken),
    };
    const char *why = "";
    make_certificate();
    assert_int_equal(tls_context_new(cert_file, key_file, &secured, &why), ERR_OK);
    unlink(cert_file);
    unlink(key_file);
    alarm(WATCHDOG_S);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_context_free(&secured);
    return failed;
}
