/*
 * The rules on the fields that people type: names, emails, passwords. Each check returns ERR_OK or
 * ERR_INVALID_FIELD with a sentence that begins with the field's name. Lengths are in code points
 * unless said otherwise. Needs no database.
 */
#ifndef DOMAIN_TEXT_H
#define DOMAIN_TEXT_H

#include "domain/tx.h"

enum {
    TEXT_USERNAME_MAX = 64,
    TEXT_NAME_MAX = 128, /* of an app, a company, a person */
    TEXT_SIGN_MAX = 64,  /* bytes of a reaction */
    TEXT_PASSWORD_MIN = 8,
    TEXT_PASSWORD_MAX = 128,
    TEXT_EMAIL_MAX = 254, /* bytes: RFC 5321 section 4.5.3.1.3 less the angle brackets */
};

/* 1..64, NFC, no control, format, zero-width or bidi characters, no outer white space,
 * something to see. */
Err text_username(struct tx *tx, const char *field, Str s) must_check;

/* Looks like an address: local part, one @, a domain of labels. Letters of any script. */
Err text_email(struct tx *tx, const char *field, Str s) must_check;

/* 8..128. */
Err text_password(struct tx *tx, const char *field, Str s) must_check;

/* 1..128, with something to see. */
Err text_name(struct tx *tx, const char *field, Str s) must_check;

/* 0..128. */
Err text_optional_name(struct tx *tx, const char *field, Str s) must_check;

/* s in Unicode normal form C: in the arena, or s itself when it is ASCII. What is not UTF-8 stays
 * as it is. Passwords are hashed in this form. */
Str text_composed(Str s, struct arena *arena);

/* What names and emails are compared by: normal form C, in ASCII lower case, in the arena. */
Str text_key(Str s, struct arena *arena);

/* Are two reactions, of at most TEXT_SIGN_MAX bytes, the same: in normal form C, with or without
 * the variation selector that asks for a picture (U+FE0F)? */
bool text_same_sign(Str a, Str b);

#endif
