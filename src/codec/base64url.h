/*
 * base64url without padding, RFC 4648 section 5. Strict: each run of bytes has one text and no
 * other is taken, so that a token cannot be respelt. Knows no line breaks. Any thread.
 */
#ifndef CODEC_BASE64URL_H
#define CODEC_BASE64URL_H

#include "base/err.h"
#include "base/str.h"

struct buf;

/* Characters for n bytes, and bytes for n characters. */
#define BASE64URL_TEXT(n) (((n)*4 + 2) / 3)
#define BASE64URL_BYTES(n) ((n)*3 / 4)

/* Appends the text of the bytes. */
void base64url_encode(struct buf *out, Str bytes);

/* The same into exactly BASE64URL_TEXT(bytes.n) characters, no NUL. */
void base64url_write(char *out, Str bytes);

/* Writes BASE64URL_BYTES(text.n) bytes and returns that number; -1 when that is more than size, for
 * a character that is not of the alphabet ("=" is not), a length that cannot be, or bits left over
 * that are not zero. */
must_check long base64url_decode(Str text, uint8_t *out, size_t size);

#endif
