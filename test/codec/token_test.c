/*
 * Tokens: each class verifies its own and nothing else. The forgeries are made here with OpenSSL
 * directly, so that they do not share a fault with the code.
 */
#include "codec/token.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/feed.h"
#include "codec/json.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define NOW INT64_C(1777118400000)
#define MINUTE INT64_C(60000)

#define SUBJECT "0196f0a1-1111-7222-8333-444455556666"
#define APP "0196f0a1-2222-7222-8333-444455556666"
#define SESSION "0196f0a1-3333-7222-8333-444455556666"

static struct token_keys *keys;   /* ours */
static struct token_keys *others; /* a stranger's */
static const char *const class_names[] = {"management", "API key", "user"};

static Id id_of(const char *text)
{
    Id id;
    assert_true(id_parse(str_of(text), &id));
    return id;
}

static struct token_claims claims_of(enum token_class class)
{
    struct token_claims c = {.class = class, .subject = id_of(SUBJECT), .issued_at = NOW};
    strcpy(c.audience, class == TOKEN_MANAGEMENT ? "management" : "demo-cluster");
    if (class != TOKEN_MANAGEMENT)
        c.app = id_of(APP);
    if (class != TOKEN_API_KEY)
        c.session = id_of(SESSION);
    if (class != TOKEN_API_KEY)
        c.expires_at = NOW + 15 * MINUTE;
    return c;
}

static Err verify(enum token_class class, Str token)
{
    struct token_claims out;
    char *copy = feed_copy(token);
    Err err = token_verify(keys, class, str_from(copy, token.n), NOW, &out);
    free(copy);
    return err;
}

static struct buf signed_token(const struct token_keys *by, enum token_class class)
{
    struct token_claims c = claims_of(class);
    struct buf token = BUF(TOKEN_MAX);
    token_sign(by, &c, &token);
    assert_false(token.overflow);
    return token;
}

/* ---- what is right ---- */

static void each_class_verifies_its_own(void **state)
{
    (void)state;
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct token_claims in = claims_of((enum token_class) class), out;
        struct buf token = signed_token(keys, (enum token_class) class);
        assert_int_equal(token_verify(keys, in.class, buf_str(&token), NOW, &out), ERR_OK);
        assert_int_equal(out.class, in.class);
        assert_true(id_eq(out.subject, in.subject));
        assert_true(id_eq(out.app, in.app));
        assert_true(id_eq(out.session, in.session));
        assert_string_equal(out.audience, in.audience);
        assert_true(out.issued_at == in.issued_at);
        assert_true(out.expires_at == in.expires_at);
        buf_free(&token);
    }
}

static void tokens_begin_as_documented(void **state)
{
    (void)state;
    struct buf token = signed_token(keys, TOKEN_API_KEY);
    assert_true(str_starts(buf_str(&token), S("eyJhbGciOiJSUzI1NiIs")));
    buf_free(&token);
    token = signed_token(keys, TOKEN_USER);
    assert_true(str_starts(buf_str(&token), S("eyJhbGciOiJIUzI1NiIsInR5cCI6InVzZXIrand0In0.")));
    buf_free(&token);
}

static void expiry_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        int64_t after; /* ms after it was issued */
        Err err;
    } rows[] = {
        {0, ERR_OK},
        {15 * MINUTE - 1, ERR_OK},
        {15 * MINUTE, ERR_AUTH_EXPIRED_TOKEN},
        {525600 * MINUTE, ERR_AUTH_EXPIRED_TOKEN},
        {-MINUTE, ERR_OK}, /* a node whose clock is behind */
    };
    static const enum token_class classes[] = {TOKEN_MANAGEMENT, TOKEN_USER};
    for (size_t k = 0; k < countof(classes); k++) {
        struct buf token = signed_token(keys, classes[k]);
        for (size_t i = 0; i < countof(rows); i++) {
            struct token_claims out;
            assert_int_equal(
                token_verify(keys, classes[k], buf_str(&token), NOW + rows[i].after, &out),
                rows[i].err);
            assert_true(id_eq(out.subject, id_of(SUBJECT)));
            assert_true(id_eq(out.session, id_of(SESSION)));
        }
        token.p[token.n - 10] ^= 1;
        struct token_claims out;
        assert_int_equal(token_verify(keys, classes[k], buf_str(&token), NOW + 20 * MINUTE, &out),
                         ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
}

static void an_api_key_may_expire_and_need_not(void **state)
{
    (void)state;
    struct token_claims in = claims_of(TOKEN_API_KEY), out;
    struct buf token = BUF(TOKEN_MAX);
    token_sign(keys, &in, &token);
    assert_int_equal(
        token_verify(keys, TOKEN_API_KEY, buf_str(&token), NOW + 52560000 * MINUTE, &out), ERR_OK);
    assert_true(out.expires_at == 0);
    buf_clear(&token);
    in.expires_at = NOW + MINUTE;
    token_sign(keys, &in, &token);
    assert_int_equal(token_verify(keys, TOKEN_API_KEY, buf_str(&token), NOW, &out), ERR_OK);
    assert_int_equal(token_verify(keys, TOKEN_API_KEY, buf_str(&token), NOW + MINUTE, &out),
                     ERR_AUTH_EXPIRED_TOKEN);
    buf_free(&token);
}

static void a_token_is_appended_whole_or_marked(void **state)
{
    (void)state;
    struct token_claims in = claims_of(TOKEN_USER), out;
    struct buf text = BUF(TOKEN_MAX);
    buf_add(&text, S("Bearer "));
    token_sign(keys, &in, &text);
    assert_int_equal(token_verify(keys, TOKEN_USER, str_skip(buf_str(&text), 7), NOW, &out),
                     ERR_OK);
    for (size_t max = 0; max < text.n - 7; max += 7) {
        struct buf small = BUF(max);
        token_sign(keys, &in, &small);
        assert_true(small.overflow);
        buf_free(&small);
    }
    buf_free(&text);
}

/* ---- what is forged: of one class's right token ---- */

static void no_class_stands_in_for_another(void **state)
{
    (void)state;
    for (int made = 0; made < TOKEN_CLASSES; made++) {
        struct buf token = signed_token(keys, (enum token_class)made);
        for (int asked = 0; asked < TOKEN_CLASSES; asked++)
            assert_int_equal(verify((enum token_class)asked, buf_str(&token)),
                             made == asked ? ERR_OK : ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
}

static void strangers_keys(void **state)
{
    (void)state;
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct buf token = signed_token(others, (enum token_class) class);
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
}

static void no_character_can_be_changed(void **state)
{
    (void)state;
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct buf token = signed_token(keys, (enum token_class) class);
        for (size_t i = 0; i < token.n; i++) {
            char was = token.p[i];
            token.p[i] = was == 'A' ? 'B' : 'A';
            assert_int_equal(verify((enum token_class) class, buf_str(&token)),
                             ERR_AUTH_INVALID_TOKEN);
            token.p[i] = '.';
            if (was != '.')
                assert_int_equal(verify((enum token_class) class, buf_str(&token)),
                                 ERR_AUTH_INVALID_TOKEN);
            token.p[i] = was;
        }
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_OK);
        for (size_t n = 0; n < token.n; n++)
            assert_int_equal(verify((enum token_class) class, str_from(token.p, n)),
                             ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
}

static void nothing_can_be_added(void **state)
{
    (void)state;
    static const Str before[] = {S("."), S(" "), S("Bearer "), S("e30.")};
    static const Str after[] = {S("."),    S("="),    S("=="), S("A"),
                                S("AAAA"), S(".e30"), S("\n"), S("\0")};
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct buf token = signed_token(keys, (enum token_class) class);
        struct buf more = BUF(2 * TOKEN_MAX);
        for (size_t i = 0; i < countof(before); i++) {
            buf_clear(&more);
            buf_add(&more, before[i]);
            buf_add(&more, buf_str(&token));
            assert_int_equal(verify((enum token_class) class, buf_str(&more)),
                             ERR_AUTH_INVALID_TOKEN);
        }
        for (size_t i = 0; i < countof(after); i++) {
            buf_clear(&more);
            buf_add(&more, buf_str(&token));
            buf_add(&more, after[i]);
            assert_int_equal(verify((enum token_class) class, buf_str(&more)),
                             ERR_AUTH_INVALID_TOKEN);
        }
        while (more.n <= TOKEN_MAX)
            buf_byte(&more, 'A');
        assert_int_equal(verify((enum token_class) class, buf_str(&more)), ERR_AUTH_INVALID_TOKEN);
        buf_free(&more);
        buf_free(&token);
    }
}

/* ---- what is forged: put together by hand ---- */

static EVP_PKEY *pair_of(const struct token_keys *of, enum token_class class)
{
    struct buf pem = BUF(16384);
    token_key_export(of, class, &pem);
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pair = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    assert_non_null(pair);
    BIO_free(in);
    buf_free(&pem);
    return pair;
}

/* The public key as PEM, which is what the confusion of RS256 with HS256 signs with. */
static struct buf public_pem(enum token_class class)
{
    struct buf out = BUF(16384);
    EVP_PKEY *pair = pair_of(keys, class);
    BIO *text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(text, pair), 1);
    char *p;
    long n = BIO_get_mem_data(text, &p);
    buf_add(&out, str_from(p, (size_t)n));
    BIO_free(text);
    EVP_PKEY_free(pair);
    return out;
}

static void add_hs256(struct buf *token, Str secret)
{
    uint8_t mac[32];
    unsigned n = sizeof mac;
    assert_non_null(
        HMAC(EVP_sha256(), secret.p, (int)secret.n, (uint8_t *)token->p, token->n, mac, &n));
    buf_byte(token, '.');
    base64url_encode(token, str_from((char *)mac, n));
}

static void add_rs256(struct buf *token, EVP_PKEY *pair)
{
    uint8_t signature[512];
    size_t n = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pair), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, (uint8_t *)token->p, token->n), 1);
    EVP_MD_CTX_free(ctx);
    buf_byte(token, '.');
    base64url_encode(token, str_from((char *)signature, n));
}

/* Signed rightly, with the class's key, over any header and payload. A header of no bytes: ours. */
static struct buf hand_made(enum token_class class, Str header, Str payload)
{
    struct buf token = BUF(2 * TOKEN_MAX);
    if (header.n) {
        base64url_encode(&token, header);
    } else {
        struct buf right = signed_token(keys, class);
        buf_add(&token, str_from(right.p, (size_t)str_find(buf_str(&right), '.')));
        buf_free(&right);
    }
    buf_byte(&token, '.');
    base64url_encode(&token, payload);
    if (class == TOKEN_USER) {
        struct buf secret = BUF(64);
        token_key_export(keys, class, &secret);
        add_hs256(&token, buf_str(&secret));
        buf_free(&secret);
    } else {
        EVP_PKEY *pair = pair_of(keys, class);
        add_rs256(&token, pair);
        EVP_PKEY_free(pair);
    }
    return token;
}

#define M_REST "\"sub\":\"" SUBJECT "\",\"sid\":\"" SESSION "\",\"iat\":1777118400,"
#define M_EXP "\"exp\":1777119300}"
#define M_ISS "{\"iss\":\"whisp-management\","
#define M_AUD "\"aud\":\"management\","
#define K_ISS "{\"iss\":\"whisp-keys\","
#define AUD "\"aud\":\"demo-cluster\","
#define K_REST "\"sub\":\"" SUBJECT "\",\"app\":\"" APP "\",\"iat\":1777118400}"
#define U_ISS "{\"iss\":\"whisp-users\","
#define U_IDS "\"sub\":\"" SUBJECT "\",\"app\":\"" APP "\",\"sid\":\"" SESSION "\","
#define U_TIMES "\"iat\":1777118400,\"exp\":1777119300}"
#define NAME_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const Str right_payloads[TOKEN_CLASSES] = {
    {M_ISS M_AUD M_REST M_EXP, sizeof(M_ISS M_AUD M_REST M_EXP) - 1},
    {K_ISS AUD K_REST, sizeof(K_ISS AUD K_REST) - 1},
    {U_ISS AUD U_IDS U_TIMES, sizeof(U_ISS AUD U_IDS U_TIMES) - 1},
};

static const struct {
    const char *name;
    enum token_class class;
    Str header;
} headers[] = {
    {"alg none", TOKEN_USER, S("{\"alg\":\"none\",\"typ\":\"user+jwt\"}")},
    {"no typ", TOKEN_USER, S("{\"alg\":\"HS256\"}")},
    {"typ of a common JWT", TOKEN_USER, S("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")},
    {"another order", TOKEN_USER, S("{\"typ\":\"user+jwt\",\"alg\":\"HS256\"}")},
    {"a space", TOKEN_USER, S("{\"alg\":\"HS256\", \"typ\":\"user+jwt\"}")},
    {"one more field", TOKEN_USER, S("{\"alg\":\"HS256\",\"typ\":\"user+jwt\",\"kid\":\"1\"}")},
    {"RS256 for a user", TOKEN_USER, S("{\"alg\":\"RS256\",\"typ\":\"user+jwt\"}")},
    {"HS384", TOKEN_USER, S("{\"alg\":\"HS384\",\"typ\":\"user+jwt\"}")},
    {"typ of API keys", TOKEN_USER, S("{\"alg\":\"HS256\",\"typ\":\"key+jwt\"}")},
    {"no kid", TOKEN_MANAGEMENT, S("{\"alg\":\"RS256\",\"typ\":\"mgmt+jwt\"}")},
    {"another kid", TOKEN_MANAGEMENT, S("{\"alg\":\"RS256\",\"typ\":\"mgmt+jwt\",\"kid\":\"x\"}")},
    {"a jwk of one's own", TOKEN_API_KEY,
     S("{\"alg\":\"RS256\",\"typ\":\"key+jwt\",\"jwk\":{\"kty\":\"RSA\"}}")},
    {"alg none for a key", TOKEN_API_KEY, S("{\"alg\":\"none\"}")},
    {"PS256", TOKEN_API_KEY, S("{\"alg\":\"PS256\",\"typ\":\"key+jwt\"}")},
};

static void only_the_one_header(void **state)
{
    (void)state;
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct buf token = hand_made((enum token_class) class, S(""), right_payloads[class]);
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_OK);
        buf_free(&token);
    }
    for (size_t i = 0; i < countof(headers); i++) {
        print_message("  %s\n", headers[i].name);
        struct buf token =
            hand_made(headers[i].class, headers[i].header, right_payloads[headers[i].class]);
        for (int class = 0; class < TOKEN_CLASSES; class ++)
            assert_int_equal(verify((enum token_class) class, buf_str(&token)),
                             ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
}

static void the_rest_of_none(void **state)
{
    (void)state;
    static const Str none = S("{\"alg\":\"none\"}");
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct buf token = BUF(TOKEN_MAX);
        base64url_encode(&token, none);
        buf_byte(&token, '.');
        base64url_encode(&token, right_payloads[class]);
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_AUTH_INVALID_TOKEN);
        buf_byte(&token, '.');
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_AUTH_INVALID_TOKEN);
        buf_free(&token);
    }
    assert_int_equal(verify(TOKEN_USER, S("")), ERR_AUTH_INVALID_TOKEN);
    assert_int_equal(verify(TOKEN_USER, S("..")), ERR_AUTH_INVALID_TOKEN);
    assert_int_equal(verify(TOKEN_USER, S("...")), ERR_AUTH_INVALID_TOKEN);
}

/* HS256 with what everyone may read, under the RS256 header and under an HS256 one. */
static void a_public_key_is_no_secret(void **state)
{
    (void)state;
    static const Str header = S("{\"alg\":\"HS256\",\"typ\":\"user+jwt\"}");
    for (int class = TOKEN_MANAGEMENT; class <= TOKEN_API_KEY; class ++) {
        struct buf pem = public_pem((enum token_class) class);
        for (int own = 0; own < 2; own++) {
            struct buf token = BUF(2 * TOKEN_MAX);
            struct buf right = signed_token(keys, (enum token_class) class);
            if (own)
                buf_add(&token, str_from(right.p, (size_t)str_find(buf_str(&right), '.')));
            else
                base64url_encode(&token, header);
            buf_byte(&token, '.');
            base64url_encode(&token, right_payloads[class]);
            add_hs256(&token, buf_str(&pem));
            for (int asked = 0; asked < TOKEN_CLASSES; asked++)
                assert_int_equal(verify((enum token_class)asked, buf_str(&token)),
                                 ERR_AUTH_INVALID_TOKEN);
            buf_free(&token);
            buf_free(&right);
        }
        buf_free(&pem);
    }
}

/* The header and payload of one class, signed with the key of the other. */
static void keys_are_not_shared(void **state)
{
    (void)state;
    struct buf right = signed_token(keys, TOKEN_MANAGEMENT);
    struct buf token = BUF(TOKEN_MAX);
    EVP_PKEY *pair = pair_of(keys, TOKEN_API_KEY);
    Str rest = buf_str(&right);
    buf_add(&token, str_cut(&rest, '.'));
    buf_byte(&token, '.');
    buf_add(&token, str_cut(&rest, '.'));
    add_rs256(&token, pair);
    assert_int_equal(verify(TOKEN_MANAGEMENT, buf_str(&token)), ERR_AUTH_INVALID_TOKEN);
    EVP_PKEY_free(pair);
    buf_free(&token);
    buf_free(&right);
}

static const struct {
    const char *name;
    enum token_class class;
    Str payload;
    Err err;
} payloads[] = {
#define BAD ERR_AUTH_INVALID_TOKEN
    {"unknown claims are tolerated", TOKEN_USER,
     S(U_ISS AUD "\"x\":{\"y\":[1]},\"nbf\":1e3," U_IDS U_TIMES), ERR_OK},
    {"white space is tolerated", TOKEN_API_KEY, S(K_ISS " " AUD "\n" K_REST), ERR_OK},
    {"the longest audience", TOKEN_API_KEY, S(K_ISS "\"aud\":\"" NAME_63 "\"," K_REST), ERR_OK},
    {"an audience too long", TOKEN_API_KEY, S(K_ISS "\"aud\":\"" NAME_63 "4\"," K_REST), BAD},
    {"expired", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1777110000,\"exp\":1777110900}"),
     ERR_AUTH_EXPIRED_TOKEN},
    {"expired, and the wrong issuer", TOKEN_USER,
     S(K_ISS AUD U_IDS "\"iat\":1777110000,\"exp\":1777110900}"), BAD},
    {"management for an API", TOKEN_MANAGEMENT, S(M_ISS AUD M_REST M_EXP), BAD},
    {"an issuer of keys", TOKEN_MANAGEMENT, S(K_ISS M_AUD M_REST M_EXP), BAD},
    {"an issuer of users", TOKEN_API_KEY, S(U_ISS AUD K_REST), BAD},
    {"an API key for management", TOKEN_API_KEY, S(K_ISS M_AUD K_REST), BAD},
    {"a user for management", TOKEN_USER, S(U_ISS M_AUD U_IDS U_TIMES), BAD},
    {"an issuer in other case", TOKEN_USER, S("{\"iss\":\"Whisp-users\"," AUD U_IDS U_TIMES), BAD},
    {"no issuer", TOKEN_USER, S("{" AUD U_IDS U_TIMES), BAD},
    {"an issuer that is no string", TOKEN_USER, S("{\"iss\":1," AUD U_IDS U_TIMES), BAD},
    {"no audience", TOKEN_USER, S(U_ISS U_IDS U_TIMES), BAD},
    {"an empty audience", TOKEN_USER, S(U_ISS "\"aud\":\"\"," U_IDS U_TIMES), BAD},
    {"several audiences", TOKEN_MANAGEMENT, S(M_ISS "\"aud\":[\"management\"]," M_REST M_EXP), BAD},
    {"no expiry", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1777118400}"), BAD},
    {"no expiry of management", TOKEN_MANAGEMENT, S(M_ISS M_AUD M_REST "\"x\":1}"), BAD},
    {"expiry null", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1777118400,\"exp\":null}"), BAD},
    {"expiry is a text", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1777118400,\"exp\":\"9\"}"), BAD},
    {"expiry is a fraction", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1,\"exp\":1777119300.5}"), BAD},
    {"expiry is negative", TOKEN_USER, S(U_ISS AUD U_IDS "\"iat\":1,\"exp\":-1}"), BAD},
    {"expiry overflows as milliseconds", TOKEN_USER,
     S(U_ISS AUD U_IDS "\"iat\":1,\"exp\":9223372036854775807}"), BAD},
    {"expiry of a key is a text", TOKEN_API_KEY, S(K_ISS AUD "\"exp\":\"x\"," K_REST), BAD},
    {"no time of issue", TOKEN_USER, S(U_ISS AUD U_IDS "\"exp\":1777119300}"), BAD},
    {"no subject", TOKEN_API_KEY, S(K_ISS AUD "\"app\":\"" APP "\",\"iat\":1777118400}"), BAD},
    {"a subject that is no id", TOKEN_API_KEY,
     S(K_ISS AUD "\"sub\":\"me\",\"app\":\"" APP "\",\"iat\":1777118400}"), BAD},
    {"no app", TOKEN_API_KEY, S(K_ISS AUD "\"sub\":\"" SUBJECT "\",\"iat\":1777118400}"), BAD},
    {"no session", TOKEN_USER, S(U_ISS AUD "\"sub\":\"" SUBJECT "\",\"app\":\"" APP "\"," U_TIMES),
     BAD},
    {"an empty object", TOKEN_USER, S("{}"), BAD},
    {"an array", TOKEN_USER, S("[]"), BAD},
    {"no JSON", TOKEN_USER, S("hello"), BAD},
    {"nothing", TOKEN_USER, S(""), BAD},
    {"more than JSON", TOKEN_API_KEY, S(K_ISS AUD K_REST "x"), BAD},
};

static void payloads_signed_with_the_right_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(payloads); i++) {
        print_message("  %s\n", payloads[i].name);
        struct buf token = hand_made(payloads[i].class, S(""), payloads[i].payload);
        assert_int_equal(verify(payloads[i].class, buf_str(&token)), payloads[i].err);
        buf_free(&token);
    }
}

/* ---- keys ---- */

static void keys_survive_export_and_load(void **state)
{
    (void)state;
    struct token_keys *again = token_keys_new();
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        struct token_claims out;
        struct buf text = BUF(16384);
        const char *why;
        token_key_export(keys, (enum token_class) class, &text);
        assert_true(class == TOKEN_USER ? text.n == 32
                                        : str_starts(buf_str(&text), S("-----BEGIN PRIVATE KEY")));
        char *copy = feed_copy(buf_str(&text));
        assert_true(token_key_load(again, (enum token_class) class, str_from(copy, text.n), &why));
        free(copy);
        struct buf token = signed_token(again, (enum token_class) class);
        assert_int_equal(verify((enum token_class) class, buf_str(&token)), ERR_OK);
        assert_int_equal(token_verify(again, (enum token_class) class, buf_str(&token), NOW, &out),
                         ERR_OK);
        buf_free(&token);
        buf_free(&text);
    }
    token_keys_free(&again);
    assert_null(again);
}

static struct buf pem_of(EVP_PKEY *pair, const EVP_CIPHER *cipher)
{
    struct buf out = BUF(16384);
    BIO *text = BIO_new(BIO_s_mem());
    char *p;
    assert_non_null(pair);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(text, pair, cipher, cipher ? "pass" : NULL,
                                                   cipher ? 4 : 0, NULL, NULL),
                     1);
    long n = BIO_get_mem_data(text, &p);
    buf_add(&out, str_from(p, (size_t)n));
    BIO_free(text);
    EVP_PKEY_free(pair);
    return out;
}

static void keys_that_are_refused(void **state)
{
    (void)state;
    struct buf own = BUF(16384);
    token_key_export(keys, TOKEN_MANAGEMENT, &own);
    struct {
        const char *name;
        enum token_class class;
        struct buf text;
        const char *why;
    } rows[] = {
        {"nothing", TOKEN_MANAGEMENT, BUF(16384), "not an unencrypted private key in PEM"},
        {"a public key", TOKEN_API_KEY, public_pem(TOKEN_API_KEY),
         "not an unencrypted private key in PEM"},
        {"an encrypted key", TOKEN_API_KEY,
         pem_of(pair_of(others, TOKEN_API_KEY), EVP_aes_256_cbc()),
         "not an unencrypted private key in PEM"},
        {"an elliptic curve", TOKEN_API_KEY, pem_of(EVP_EC_gen("P-256"), NULL), "not an RSA key"},
        {"1024 bits", TOKEN_API_KEY, pem_of(EVP_RSA_gen(1024), NULL),
         "an RSA key must have 2048 to 4096 bits"},
        {"the key of management for API keys", TOKEN_API_KEY, own,
         "the same key is used for another class of tokens"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        const char *why = NULL;
        print_message("  %s\n", rows[i].name);
        struct buf before = signed_token(keys, rows[i].class);
        assert_false(token_key_load(keys, rows[i].class, buf_str(&rows[i].text), &why));
        assert_string_equal(why, rows[i].why);
        assert_int_equal(verify(rows[i].class, buf_str(&before)), ERR_OK);
        buf_free(&before);
        buf_free(&rows[i].text);
    }
    const char *why;
    assert_false(token_key_load(keys, TOKEN_USER, S("0123456789012345678901234567890"), &why));
    assert_false(token_key_load(keys, TOKEN_USER, S("012345678901234567890123456789012"), &why));
    assert_false(token_key_load(keys, TOKEN_USER, S(""), &why));
}

static void the_public_set(void **state)
{
    (void)state;
    struct buf text = BUF(8192);
    struct json_value *doc;
    const struct json_value *list;
    const char *why;
    Str kids[2];
    token_keys_jwks(keys, &text);
    assert_int_equal(json_parse_object(buf_str(&text), &doc, &why), ERR_OK);
    assert_int_equal(json_get_array(doc, "keys", &list), JSON_FOUND);
    assert_int_equal(json_count(list), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct json_value *key = json_at(list, i);
        uint8_t modulus[256];
        Str kty, use, alg, n, e;
        assert_int_equal(json_get_string(key, "kty", &kty), JSON_FOUND);
        assert_int_equal(json_get_string(key, "use", &use), JSON_FOUND);
        assert_int_equal(json_get_string(key, "alg", &alg), JSON_FOUND);
        assert_int_equal(json_get_string(key, "kid", &kids[i]), JSON_FOUND);
        assert_int_equal(json_get_string(key, "n", &n), JSON_FOUND);
        assert_int_equal(json_get_string(key, "e", &e), JSON_FOUND);
        assert_true(str_eq(kty, S("RSA")) && str_eq(use, S("sig")) && str_eq(alg, S("RS256")));
        assert_true(str_eq(e, S("AQAB")));
        assert_int_equal(base64url_decode(n, modulus, sizeof modulus), 256);
        static const char *const private_parts[] = {"d", "p", "q", "dp", "dq", "qi", "k"};
        for (size_t k = 0; k < countof(private_parts); k++)
            assert_false(json_has(key, private_parts[k]));

        struct buf token = signed_token(keys, (enum token_class)i);
        struct json_value *header;
        uint8_t bytes[256];
        Str kid;
        Str rest = buf_str(&token);
        long size = base64url_decode(str_cut(&rest, '.'), bytes, sizeof bytes);
        assert_true(size > 0);
        assert_int_equal(json_parse_object(str_from((char *)bytes, (size_t)size), &header, &why),
                         ERR_OK);
        assert_int_equal(json_get_string(header, "kid", &kid), JSON_FOUND);
        assert_true(str_eq(kid, kids[i]));
        json_free(&header);
        buf_free(&token);
    }
    assert_false(str_eq(kids[0], kids[1]));
    json_free(&doc);
    buf_free(&text);
}

/* The example of RFC 7638 section 3.1 cannot be loaded here (its private part is not given), so the
 * thumbprint is done again from the set's own words. */
static void kid_is_the_thumbprint(void **state)
{
    (void)state;
    struct buf text = BUF(8192), plain = BUF(2048);
    struct json_value *doc;
    const struct json_value *list;
    const char *why;
    Str n, kid;
    uint8_t hash[TOKEN_HASH];
    char wanted[43];
    token_keys_jwks(keys, &text);
    assert_int_equal(json_parse_object(buf_str(&text), &doc, &why), ERR_OK);
    assert_int_equal(json_get_array(doc, "keys", &list), JSON_FOUND);
    assert_int_equal(json_get_string(json_at(list, 1), "n", &n), JSON_FOUND);
    assert_int_equal(json_get_string(json_at(list, 1), "kid", &kid), JSON_FOUND);
    buf_fmt(&plain, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" STR_FMT "\"}", STR_ARG(n));
    token_hash(buf_str(&plain), hash);
    base64url_write(wanted, str_from((char *)hash, sizeof hash));
    assert_true(str_eq(kid, str_from(wanted, sizeof wanted)));
    json_free(&doc);
    buf_free(&plain);
    buf_free(&text);
}

/* ---- opaque tokens ---- */

static void opaque_tokens(void **state)
{
    (void)state;
    char a[TOKEN_RANDOM_TEXT], b[TOKEN_RANDOM_TEXT];
    uint8_t bytes[32];
    token_random(a);
    token_random(b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(base64url_decode(str_from(a, sizeof a), bytes, sizeof bytes), 32);
}

static void hashes(void **state)
{
    (void)state;
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[TOKEN_HASH];
    token_hash(S("abc"), hash);
    assert_memory_equal(hash, abc, sizeof abc);
}

static int setup(void **state)
{
    (void)state;
    random_setup();
    json_setup();
    keys = token_keys_new();
    others = token_keys_new();
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        print_message("making keys: %s\n", class_names[class]);
        token_key_generate(keys, (enum token_class) class);
        token_key_generate(others, (enum token_class) class);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_keys_free(&keys);
    token_keys_free(&others);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_verifies_its_own),
        cmocka_unit_test(tokens_begin_as_documented),
        cmocka_unit_test(expiry_is_told_apart),
        cmocka_unit_test(an_api_key_may_expire_and_need_not),
        cmocka_unit_test(a_token_is_appended_whole_or_marked),
        cmocka_unit_test(no_class_stands_in_for_another),
        cmocka_unit_test(strangers_keys),
        cmocka_unit_test(no_character_can_be_changed),
        cmocka_unit_test(nothing_can_be_added),
        cmocka_unit_test(only_the_one_header),
        cmocka_unit_test(the_rest_of_none),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(keys_are_not_shared),
        cmocka_unit_test(payloads_signed_with_the_right_key),
        cmocka_unit_test(keys_survive_export_and_load),
        cmocka_unit_test(keys_that_are_refused),
        cmocka_unit_test(the_public_set),
        cmocka_unit_test(kid_is_the_thumbprint),
        cmocka_unit_test(opaque_tokens),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
