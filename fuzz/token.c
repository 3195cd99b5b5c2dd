/*
 * Tokens: any text that is not one of ours is refused by the verifier of each class, and so is each
 * of ours with a byte changed. The input is a text, and a change of our token: place and value.
 */
#include "fuzz.h"

#include "base/random.h"
#include "codec/json.h"
#include "codec/token.h"

static struct token_keys *keys;
static struct buf ours[TOKEN_CLASSES];

enum { NOW = 1000000 };

static void sign_ours(enum token_class class)
{
    struct token_claims claims = {.class = class};
    claims.subject = id_new(1);
    if (class != TOKEN_MANAGEMENT)
        claims.app = id_new(2);
    if (class != TOKEN_API_KEY)
        claims.session = id_new(3);
    claims.issued_at = NOW;
    claims.expires_at = class == TOKEN_API_KEY ? 0 : NOW * 2;
    if (class != TOKEN_MANAGEMENT)
        memcpy(claims.audience, "demo", 5);
    ours[class] = BUF(TOKEN_MAX);
    token_sign(keys, &claims, &ours[class]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    random_setup();
    json_setup();
    keys = token_keys_new();
    for (int c = 0; c < TOKEN_CLASSES; c++) {
        token_key_generate(keys, (enum token_class)c);
        sign_ours((enum token_class)c);
    }
    return 0;
}

static void refuse_everywhere(Str text)
{
    struct token_claims claims;
    for (int c = 0; c < TOKEN_CLASSES; c++)
        must(token_verify(keys, (enum token_class)c, text, NOW, &claims) == ERR_AUTH_INVALID_TOKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = str_from((const char *)data, size);
    struct token_claims claims;
    enum token_class class = fuzz_byte(&in) % TOKEN_CLASSES;
    size_t place = (size_t)fuzz_byte(&in) << 8 | fuzz_byte(&in);
    char value = (char)fuzz_byte(&in);
    Str copy = fuzz_copy(buf_str(&ours[class]));
    char *p = (char *)(uintptr_t)copy.p;
    place %= copy.n;
    must(token_verify(keys, class, copy, NOW, &claims) == ERR_OK);
    if (p[place] != value) {
        p[place] = value;
        refuse_everywhere(copy);
    }
    fuzz_free(&copy);
    copy = fuzz_copy(in);
    refuse_everywhere(copy);
    fuzz_free(&copy);
    return 0;
}
