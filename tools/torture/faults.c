/* A disk, a clock and a power line that fail: loaded before totc (LD_PRELOAD) it counts what is written below one folder
 * and does harm at a given call. It looks at nothing else and changes no other file.
 *
 *   TORTURE_FOLDER  the folder that counts
 *   TORTURE_AT      the call at which harm begins, from 1: write, open for writing, rename, unlink, fsync, mkdir
 *   TORTURE_FOR     how many calls it lasts (1)
 *   TORTURE_WHAT    kill: the process ends at once; power: what was written since the last fsync is lost, and it ends;
 *                   enospc, eio: the call fails; short: a write takes half of its bytes; count: nothing
 *   TORTURE_COUNT   a file that the number of calls is written to at the end
 *   TORTURE_CLOCK   seconds that the wall clock jumps, there and back, at every 64th look
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096 };
/* Files with bytes that no fsync has brought to the disk: a descriptor of our own, and how long the file is safe. */
static struct { dev_t dev; ino_t ino; int own; off_t safe; } unsynced[MOST];
static int unsynced_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder, *what;
static long at, lasting, calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    folder = getenv("TORTURE_FOLDER");
    what = getenv("TORTURE_WHAT");
    const char *number = getenv("TORTURE_AT"), *length = getenv("TORTURE_FOR");
    at = number ? atol(number) : 0;
    lasting = length ? atol(length) : 1;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("TORTURE_COUNT");
    if (!path || !folder) return;
    int fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", calls);
    if (REAL(write)(fd, text, length) != length) { /* the trial sees that it is missing */ }
    REAL(close)(fd);
}

/* totc ends by _exit, which runs no destructor. */
__attribute__((noreturn)) void _exit(int code) {
    end();
    REAL(_exit)(code);
    __builtin_unreachable();
}

static int below(const char *path) {
    return folder && !strncmp(path, folder, strlen(folder));
}

static int path_counts(int dirfd, const char *path) {
    if (!folder || !path) return 0;
    if (path[0] == '/') return below(path);
    char base[PATH_MAX], link[64];
    if (dirfd == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    strncat(base, "/", sizeof base - strlen(base) - 1);
    return below(base) || (strncat(base, path, sizeof base - strlen(base) - 1), below(base));
}

static int fd_counts(int fd) {
    if (!folder || fd <= 2) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int place_of(const struct stat *found) {
    for (int i = 0; i < unsynced_count; i++)
        if (unsynced[i].own >= 0 && unsynced[i].dev == found->st_dev && unsynced[i].ino == found->st_ino) return i;
    return -1;
}

/* Bytes are about to be written, or the file cut. */
static void dirty(int fd) {
    struct stat found;
    if (!what || strcmp(what, "power") || fstat(fd, &found) || !S_ISREG(found.st_mode)) return;
    pthread_mutex_lock(&lock);
    if (place_of(&found) < 0 && unsynced_count < MOST) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int own = REAL(open)(link, O_WRONLY | O_CLOEXEC);
        if (own >= 0) {
            unsynced[unsynced_count].dev = found.st_dev;
            unsynced[unsynced_count].ino = found.st_ino;
            unsynced[unsynced_count].own = own;
            unsynced[unsynced_count++].safe = found.st_size;
        }
    }
    pthread_mutex_unlock(&lock);
}

static void clean(int fd) {
    struct stat found;
    if (fstat(fd, &found)) return;
    pthread_mutex_lock(&lock);
    int place = place_of(&found);
    if (place >= 0) {
        REAL(close)(unsynced[place].own);
        unsynced[place] = unsynced[--unsynced_count];
    }
    pthread_mutex_unlock(&lock);
}

/* Counts a call; -1 if it is to fail, with errno set; 1 if a write is to be short. */
static int harm(void) {
    long now = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (!what || now < at || now >= at + lasting || at == 0) return 0;
    if (!strcmp(what, "kill")) kill(getpid(), SIGKILL);
    if (!strcmp(what, "power")) {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < unsynced_count; i++)
            if (ftruncate(unsynced[i].own, unsynced[i].safe)) { /* nothing else can be done */ }
        kill(getpid(), SIGKILL);
    }
    if (!strcmp(what, "enospc")) { errno = ENOSPC; return -1; }
    if (!strcmp(what, "eio")) { errno = EIO; return -1; }
    return !strcmp(what, "short");
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (fd_counts(fd)) {
        int how = harm();
        if (how < 0) return -1;
        dirty(fd);
        if (how > 0 && length > 1) length /= 2;
    }
    return REAL(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (fd_counts(fd)) {
        int how = harm();
        if (how < 0) return -1;
        dirty(fd);
        if (how > 0) count = 1;
    }
    return REAL(writev)(fd, parts, count);
}

static int opens(int dirfd, const char *path, int flags) {
    return (flags & (O_WRONLY | O_RDWR | O_CREAT)) && path_counts(dirfd, path) && harm() < 0;
}

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...) {                                     \
        va_list more;                                                                \
        va_start(more, flags);                                                       \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;    \
        va_end(more);                                                                \
        return opens(AT_FDCWD, path, flags) ? -1 : REAL(name)(path, flags, mode);    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                 \
    int name(int dirfd, const char *path, int flags, ...) {                          \
        va_list more;                                                                \
        va_start(more, flags);                                                       \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;    \
        va_end(more);                                                                \
        return opens(dirfd, path, flags) ? -1 : REAL(name)(dirfd, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

int rename(const char *from, const char *to) {
    if (path_counts(AT_FDCWD, to) && harm() < 0) return -1;
    return REAL(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    if (path_counts(to_dir, to) && harm() < 0) return -1;
    return REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path) {
    if (path_counts(AT_FDCWD, path) && harm() < 0) return -1;
    return REAL(unlink)(path);
}

int unlinkat(int dirfd, const char *path, int flags) {
    if (path_counts(dirfd, path) && harm() < 0) return -1;
    return REAL(unlinkat)(dirfd, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    if (path_counts(AT_FDCWD, path) && harm() < 0) return -1;
    return REAL(mkdir)(path, mode);
}

int fsync(int fd) {
    if (fd_counts(fd) && harm() < 0) return -1;
    int done = REAL(fsync)(fd);
    if (!done && fd_counts(fd)) clean(fd);
    return done;
}

int fdatasync(int fd) {
    if (fd_counts(fd) && harm() < 0) return -1;
    int done = REAL(fdatasync)(fd);
    if (!done && fd_counts(fd)) clean(fd);
    return done;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static long looks;
    static long jump;
    static int known;
    int done = REAL(clock_gettime)(clock, now);
    if (!known) {
        const char *seconds = getenv("TORTURE_CLOCK");
        jump = seconds ? atol(seconds) : 0;
        known = 1;
    }
    if (jump && clock == CLOCK_REALTIME && __atomic_add_fetch(&looks, 1, __ATOMIC_SEQ_CST) / 64 % 2) now->tv_sec += jump;
    return done;
}
