#include "main/keys.h"

#include "base/buf.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 };

static const char *const files[TOKEN_CLASSES] = {
    [TOKEN_MANAGEMENT] = "management.pem",
    [TOKEN_API_KEY] = "api-keys.pem",
    [TOKEN_USER] = "users.key",
};

static char complaint[4200];

static Err fail(const char **why, const char *path, const char *reason)
{
    snprintf(complaint, sizeof complaint, "%s: %s", path, reason);
    *why = complaint;
    return ERR_INTERNAL;
}

static bool read_all(int fd, struct buf *out)
{
    char part[1024];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0)
        buf_add(out, str_from(part, (size_t)n));
    return n == 0 && !out->overflow;
}

/* Written whole under another name and then renamed: a cut leaves no half key. */
static bool write_key(const char *path, Str bytes)
{
    char draft[4096];
    snprintf(draft, sizeof draft, "%s.new", path);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok && rename(draft, path) == 0;
}

/* Makes the key that is not there; NULL, or why not. */
static const char *make_key(const char *path, enum token_class class, struct token_keys *keys,
                            struct buf *bytes)
{
    token_key_generate(keys, class);
    token_key_export(keys, class, bytes);
    if (!write_key(path, buf_str(bytes)))
        return strerror(errno);
    log_event(LOG_INFO, "key made", log_s("file", str_of(path)));
    return NULL;
}

static Err open_key(const char *dir, enum token_class class, enum keys_missing missing,
                    struct token_keys *keys, const char **why)
{
    char path[4000];
    const char *reason = NULL;
    struct buf bytes = BUF(FILE_MAX);
    snprintf(path, sizeof path, "%s/%s", dir, files[class]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        reason = strerror(errno);
    else if (fd >= 0 && !read_all(fd, &bytes))
        reason = "cannot be read";
    else if (fd >= 0)
        reason = token_key_load(keys, class, buf_str(&bytes), &reason) ? NULL : reason;
    if (fd < 0 && !reason && missing == KEYS_REFUSE)
        reason =
            "missing, although the store has tokens and API keys that it signed; put keys/ back "
            "from a backup, or start with --missing-keys make, which ends them all";
    else if (fd < 0 && !reason)
        reason = make_key(path, class, keys, &bytes);
    if (fd >= 0)
        close(fd);
    if (bytes.p)
        explicit_bzero(bytes.p, bytes.n);
    buf_free(&bytes);
    return reason ? fail(why, path, reason) : ERR_OK;
}

bool keys_present(const char *data)
{
    char path[4000];
    bool present = false;
    for (int class = 0; class < TOKEN_CLASSES; class ++) {
        snprintf(path, sizeof path, "%s/keys/%s", data, files[class]);
        present = present || access(path, F_OK) == 0;
    }
    return present;
}

Err keys_open(const char *data, enum keys_missing missing, struct token_keys **out,
              const char **why)
{
    char dir[3900];
    snprintf(dir, sizeof dir, "%s/keys", data);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail(why, dir, strerror(errno));
    *out = token_keys_new();
    Err err = ERR_OK;
    for (int class = 0; class < TOKEN_CLASSES && !err; class ++)
        err = open_key(dir, class, missing, *out, why);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    if (err)
        token_keys_free(out);
    return err;
}

void keys_fingerprint(const struct token_keys *keys, uint8_t out[TOKEN_HASH])
{
    token_fingerprint(keys, "messages", S(""), out);
}
