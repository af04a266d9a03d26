/* Writes down what a process does to the files below POWER_ROOT, in the order in which it does it, so
 * that a test can take back what was not synced when the process was killed: a loss of power.
 *
 * Loaded in front (LD_PRELOAD). Lines of POWER_JOURNAL, fields separated by tabs:
 *   N inode path              made by opening
 *   W inode offset length size-before overwritten-bytes-in-hex
 *   B thread inode | S thread inode     a file's sync begins | has succeeded
 *   b thread path  | s thread path      a folder's sync begins | has succeeded
 *   M path                    folder made
 *   R from to saved           renamed; `saved` is a link to what `to` was, or -
 *   U path saved              removed; `saved` is a link to it
 *   L path                    made by linking
 *   X what                    something the test does not know how to take back
 * With POWER_LIE set, a sync of a file with that ending succeeds without happening: a planted bug.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
enum { OTHER, FILE_OF_OURS, FOLDER_OF_OURS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *root, *shadow, *lie;
static size_t root_len;
static unsigned long saved_count;
static unsigned char kind[FDS];
static char *path_of[FDS];

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    root = getenv("POWER_ROOT");
    shadow = getenv("POWER_SHADOW");
    lie = getenv("POWER_LIE");
    const char *path = getenv("POWER_JOURNAL");
    if (!root || !shadow || !path) return;
    root_len = strlen(root);
    journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) abort();
}

static int ours(const char *path) {
    return journal >= 0 && path && strncmp(path, root, root_len) == 0 &&
           (path[root_len] == '/' || path[root_len] == 0);
}

static int ours_fd(int fd) { return fd >= 0 && fd < FDS && kind[fd] == FILE_OF_OURS; }

/* A line is written with one call, so that a kill leaves whole lines or none. */
static void note(const char *format, ...) {
    char line[3 * PATH_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof line) abort();
    if (syscall(SYS_write, journal, line, (size_t)length) != length) abort();
}

static unsigned long inode(int fd) {
    struct stat it;
    if (fstat(fd, &it)) abort();
    return it.st_ino;
}

static void opened(int fd, const char *path, int flags, int existed) {
    struct stat it;
    if (fd < 0 || fd >= FDS || fstat(fd, &it)) return;
    kind[fd] = S_ISDIR(it.st_mode) ? FOLDER_OF_OURS : S_ISREG(it.st_mode) ? FILE_OF_OURS : OTHER;
    free(path_of[fd]);
    path_of[fd] = strdup(path);
    if ((flags & O_CREAT) && !existed) note("N\t%lu\t%s\n", (unsigned long)it.st_ino, path);
}

static int open_any(int dir, const char *path, int flags, mode_t mode) {
    if (!ours(path)) return (int)syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int existed = stat(path, &before) == 0;
    if (existed && (flags & O_TRUNC) && before.st_size > 0) note("X\t%s cut to nothing\n", path);
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    int error = errno;
    opened(fd, path, flags, existed);
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define WITH_MODE                              \
    mode_t mode = 0;                           \
    if (flags & (O_CREAT | O_TMPFILE)) {       \
        va_list args;                          \
        va_start(args, flags);                 \
        mode = va_arg(args, mode_t);           \
        va_end(args);                          \
    }

int open(const char *path, int flags, ...) { WITH_MODE return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE return open_any(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int dir, const char *path, int flags, ...) { WITH_MODE return open_any(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { WITH_MODE return open_any(dir, path, flags | O_LARGEFILE, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) {
        pthread_mutex_lock(&lock);
        kind[fd] = OTHER;
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_close, fd);
}

/* Before the write: the bytes that it will replace are gone after it. */
static void note_write(int fd, off_t offset, size_t length) {
    struct stat it;
    if (fstat(fd, &it)) abort();
    char old[2 * 1024 + 1] = "-";
    if (offset < it.st_size && length > 0) {
        unsigned char bytes[1024];
        size_t replaced = (size_t)(it.st_size - offset) < length ? (size_t)(it.st_size - offset) : length;
        if (replaced > sizeof bytes) {
            note("X\tmore than %zu bytes replaced in %s\n", sizeof bytes, path_of[fd]);
            replaced = sizeof bytes;
        }
        int reader = (int)syscall(SYS_openat, AT_FDCWD, path_of[fd], O_RDONLY | O_CLOEXEC);
        ssize_t got = syscall(SYS_pread64, reader, bytes, replaced, offset);
        syscall(SYS_close, reader);
        for (ssize_t at = 0; at < got; at++) sprintf(old + 2 * at, "%02x", bytes[at]);
    }
    note("W\t%lu\t%lld\t%zu\t%lld\t%s\n", (unsigned long)it.st_ino, (long long)offset, length,
         (long long)it.st_size, old);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!ours_fd(fd)) return syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&lock);
    struct stat it;
    int appends = (int)syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
    if (fstat(fd, &it)) abort();
    note_write(fd, appends ? it.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR), length);
    ssize_t written = syscall(SYS_write, fd, bytes, length);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

static ssize_t pwrite_any(int fd, const void *bytes, size_t length, off_t offset) {
    if (!ours_fd(fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    pthread_mutex_lock(&lock);
    note_write(fd, offset, length);
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, offset);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite_any(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite_any(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (ours_fd(fd)) note("X\twritev to %s\n", path_of[fd]);
    return syscall(SYS_writev, fd, parts, count);
}

static int cut(int fd, off_t length) {
    struct stat it;
    if (ours_fd(fd) && fstat(fd, &it) == 0 && length < it.st_size) note("X\t%s made shorter\n", path_of[fd]);
    return (int)syscall(SYS_ftruncate, fd, length);
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off_t length) { return cut(fd, length); }

static int ends_in(const char *path, const char *end) {
    size_t length = strlen(path), ending = strlen(end);
    return length >= ending && strcmp(path + length - ending, end) == 0;
}

/* What was written before the sync began is on the disk once it has succeeded; what came meanwhile
 * may not be. */
static int sync_any(int fd, long call) {
    int of = fd >= 0 && fd < FDS ? kind[fd] : OTHER;
    if (of == OTHER) return (int)syscall(call, fd);
    if (of == FILE_OF_OURS && lie && ends_in(path_of[fd], lie)) return 0;
    long thread = syscall(SYS_gettid);
    pthread_mutex_lock(&lock);
    if (of == FILE_OF_OURS) note("B\t%ld\t%lu\n", thread, inode(fd));
    else note("b\t%ld\t%s\n", thread, path_of[fd]);
    pthread_mutex_unlock(&lock);
    int result = (int)syscall(call, fd);
    int error = errno;
    if (result == 0) {
        pthread_mutex_lock(&lock);
        if (of == FILE_OF_OURS) note("S\t%ld\t%lu\n", thread, inode(fd));
        else note("s\t%ld\t%s\n", thread, path_of[fd]);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}
int fsync(int fd) { return sync_any(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync); }

static const char *save(const char *path, char *into) {
    struct stat it;
    if (stat(path, &it)) return "-";
    snprintf(into, PATH_MAX, "%s/%d-%lu", shadow, getpid(), saved_count++);
    if (REAL(link)(path, into)) abort();
    return into;
}

int rename(const char *from, const char *to) {
    if (!ours(from) && !ours(to)) return REAL(rename)(from, to);
    char saved[PATH_MAX];
    pthread_mutex_lock(&lock);
    note("R\t%s\t%s\t%s\n", from, to, save(to, saved));
    int result = REAL(rename)(from, to);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) {
    if (!ours(path)) return REAL(unlink)(path);
    char saved[PATH_MAX];
    pthread_mutex_lock(&lock);
    note("U\t%s\t%s\n", path, save(path, saved));
    int result = REAL(unlink)(path);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int link(const char *from, const char *to) {
    if (!ours(to)) return REAL(link)(from, to);
    pthread_mutex_lock(&lock);
    int result = REAL(link)(from, to);
    int error = errno;
    if (result == 0) note("L\t%s\n", to);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    if (!ours(path)) return REAL(mkdir)(path, mode);
    pthread_mutex_lock(&lock);
    int result = REAL(mkdir)(path, mode);
    int error = errno;
    if (result == 0) note("M\t%s\n", path);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
