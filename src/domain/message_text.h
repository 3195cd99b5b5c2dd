/*
 * Lengths of texts, in code points. Internal to the rules.
 */
#ifndef DOMAIN_MESSAGE_TEXT_H
#define DOMAIN_MESSAGE_TEXT_H

#include "domain/tx.h"

/* ERR_MESSAGE_TOO_LONG; ERR_INVALID_FIELD: empty. */
Err message_text_check(struct tx *tx, Str text) must_check;

#endif
