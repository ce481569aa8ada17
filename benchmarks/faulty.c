/* A layer below the file functions of the C library, loaded with LD_PRELOAD, that counts the calls
 * that change a file below FAULTY_UNDER, and lets the FAULTY_AT-th fail or interrupts the process at it.
 *
 * FAULTY_UNDER  folder; files elsewhere are left alone. Several are separated by colons.
 * FAULTY_AT     number of the call, from 1; 0 lets none fail.
 * FAULTY_HOW    the number of the error to return, such as 28 for a full disk; or that of a signal
 *               to send to this process, with a minus, such as -9.
 * FAULTY_ON     "1": all later calls that need room fail too, as on a disk that stays full.
 * FAULTY_LOG    file that gets a line for each call: its function and path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static int log_to = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
    const char *under = getenv("FAULTY_UNDER");
    while (under && *under) {
        size_t length = strcspn(under, ":");
        if (!strncmp(path, under, length) && (path[length] == '/' || !path[length])) return 1;
        under += length + (under[length] == ':');
    }
    return 0;
}

/* Whether this call is to fail; errno says why. */
static int fails(const char *function, const char *path, int needs_room) {
    if (!below(path)) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1, at = atol(getenv("FAULTY_AT") ?: "0");
    const char *log = getenv("FAULTY_LOG");
    if (log) {
        char line[PATH_MAX + 64];
        if (log_to < 0) log_to = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        int length = snprintf(line, sizeof line, "%ld %s %s\n", number, function, path);
        if (REAL(write)(log_to, line, length) < 0) abort();
    }
    int on = needs_room && at && number > at && getenv("FAULTY_ON");
    if (number != at && !on) return 0;
    int how = atoi(getenv("FAULTY_HOW") ?: "28");
    if (how < 0) return kill(getpid(), -how);
    errno = how;
    return 1;
}

static int fails_at(const char *function, int folder, const char *name, int needs_room) {
    char path[PATH_MAX * 2], place[64];
    if (name[0] == '/') return fails(function, name, needs_room);
    if (folder == AT_FDCWD) {
        if (!getcwd(path, PATH_MAX)) return 0;
    } else {
        snprintf(place, sizeof place, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(place, path, PATH_MAX - 1);
        if (length < 0) return 0;
        path[length] = 0;
    }
    strcat(strcat(path, "/"), name);
    return fails(function, path, needs_room);
}

static int fails_in(const char *function, int file, int needs_room) {
    int before = errno;
    char path[PATH_MAX], place[64];
    snprintf(place, sizeof place, "/proc/self/fd/%d", file);
    ssize_t length = readlink(place, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(function, path, needs_room);
}

#define IN(type, name, room, arguments, ...)                                                       \
    type name arguments { return fails_in(#name, file, room) ? -1 : REAL(name)(__VA_ARGS__); }
#define AT(name, folder, path, room, arguments, ...)                                               \
    int name arguments { return fails_at(#name, folder, path, room) ? -1 : REAL(name)(__VA_ARGS__); }

IN(ssize_t, write, 1, (int file, const void *data, size_t size), file, data, size)
IN(ssize_t, pwrite, 1, (int file, const void *data, size_t size, off_t at), file, data, size, at)
IN(ssize_t, pwrite64, 1, (int file, const void *data, size_t size, off64_t at), file, data, size, at)
IN(ssize_t, writev, 1, (int file, const struct iovec *data, int n), file, data, n)
IN(int, ftruncate, 0, (int file, off_t size), file, size)
IN(int, ftruncate64, 0, (int file, off64_t size), file, size)
IN(int, fsync, 0, (int file), file)
IN(int, fdatasync, 0, (int file), file)
AT(rename, AT_FDCWD, to, 0, (const char *from, const char *to), from, to)
AT(renameat, at, to, 0, (int of, const char *from, int at, const char *to), of, from, at, to)
AT(mkdir, AT_FDCWD, path, 1, (const char *path, mode_t mode), path, mode)
AT(mkdirat, at, path, 1, (int at, const char *path, mode_t mode), at, path, mode)
AT(unlink, AT_FDCWD, path, 0, (const char *path), path)
AT(unlinkat, at, path, 0, (int at, const char *path, int flags), at, path, flags)
AT(symlink, AT_FDCWD, path, 1, (const char *to, const char *path), to, path)

ssize_t sendfile64(int file, int from, off64_t *offset, size_t size) {
    ssize_t (*real)(int, int, off64_t *, size_t) = dlsym(RTLD_NEXT, "sendfile64");
    return fails_in("sendfile", file, 1) ? -1 : real(file, from, offset, size);
}

ssize_t sendfile(int file, int from, off_t *offset, size_t size) {
    ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
    return fails_in("sendfile", file, 1) ? -1 : real(file, from, offset, size);
}

#define OPEN(name, at, arguments, ...)                                                             \
    int name arguments {                                                                           \
        mode_t mode = 0;                                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
            if (fails_at(#name, at, path, 1)) return -1;                                           \
        }                                                                                          \
        return REAL(name)(__VA_ARGS__, mode);                                                      \
    }

OPEN(open, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(openat, folder, (int folder, const char *path, int flags, ...), folder, path, flags)
OPEN(openat64, folder, (int folder, const char *path, int flags, ...), folder, path, flags)
