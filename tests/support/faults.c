/* Makes calls that change files fail, or kills the process before one of them
 *
 * tests/program/faults.rs builds this as a shared library and sets LD_PRELOAD. The functions below take the place of
 * those of the C library. They count the calls that concern files in one folder, and the call with the number FAULTS_AT
 * does not succeed. Variables:
 *
 * - FAULTS_BELOW: the folder, an absolute path without symbolic links
 * - FAULTS_AT: the number of the call, from 1
 * - FAULTS_MODE:
 *   - fail: this call fails, and the calls after it succeed
 *   - full: this call and all that need space fail from then on, as on a full disk; only such calls are counted
 *   - readonly: this call and all after it fail, as after the system has made the disk read-only
 *   - short: this write, if it has two bytes or more, writes half of them, and the next write fails; only such writes
 *     are counted
 *   - kill: the process is killed before this call
 *   - tear: the process is killed after half of this write; only writes as in `short` are counted
 * - FAULTS_LOG: a file outside of the folder that gets a line for each counted call, the line `HIT` at the
 *   fault, and a line `ALSO` with the path for each call that `full`, `readonly` or `short` lets fail later
 *
 * What the program asks of the kernel without the C library is not seen. Of this kind is renameat2, by which the crate
 * tempfile creates a file unless it exists: a filter lets it fail with ENOSYS, and tempfile then uses linkat.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { NONE, FAIL, FULL, READONLY, SHORT, KILL, TEAR };
/* What a call does: needs space, writes bytes (and needs space), or neither */
enum kind { OTHER, SPACE, BYTES };
enum verdict { PASS, REFUSE, HALF };

static enum mode mode = NONE;
static char below[PATH_MAX];
static long at;
static int log_to = -1;
static atomic_long calls;
/* After the fault of FULL or READONLY; of SHORT until the next write */
static atomic_int is_full;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTS_BELOW"), *number = getenv("FAULTS_AT");
    const char *name = getenv("FAULTS_MODE"), *log = getenv("FAULTS_LOG");
    static const char *names[] = {"", "fail", "full", "readonly", "short", "kill", "tear"};
    if (!folder || !number || !name || !log || strlen(folder) >= sizeof below) return;
    strcpy(below, folder);
    at = atol(number);
    log_to = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* Without the filter, fewer calls are counted. */
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    for (int m = FAIL; m <= TEAR; m++)
        if (strcmp(name, names[m]) == 0) mode = (enum mode)m;
}

static int is_below(const char *path) {
    size_t len = strlen(below);
    return strncmp(path, below, len) == 0 && (path[len] == '/' || path[len] == 0);
}

static int descriptor_path(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, PATH_MAX - 1);
    path[len < 0 ? 0 : len] = 0;
    return len > 0;
}

/* The absolute path of `name`, relative to the folder `dir` */
static void absolute(int dir, const char *name, char *path) {
    path[0] = 0;
    if (name[0] != '/') {
        if (dir == AT_FDCWD) {
            if (syscall(SYS_getcwd, path, PATH_MAX) < 0) path[0] = 0;
        } else {
            descriptor_path(dir, path);
        }
        strncat(path, "/", PATH_MAX - 1 - strlen(path));
    }
    strncat(path, name, PATH_MAX - 1 - strlen(path));
}

/* Logs a line and what follows it in one write, since other threads log, too */
static void say(const char *call, const char *path, const char *next) {
    char line[PATH_MAX + 64];
    int len = snprintf(line, sizeof line, "%s %s\n%s", call, path, next);
    if (log_to >= 0 && len > 0) syscall(SYS_write, log_to, line, (size_t)len);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call on the file `path`, and says what is to happen; `bytes` is 0 unless it writes */
static enum verdict judge(const char *call, enum kind kind, const char *path, size_t bytes) {
    if (mode == NONE || !is_below(path)) return PASS;
    if (kind == BYTES && mode == SHORT && atomic_exchange(&is_full, 0)) {
        say("ALSO", path, ""); /* another thread may write another file */
        return REFUSE;
    }
    if (mode == FULL && kind == OTHER) return PASS;
    if ((mode == FULL || mode == READONLY) && atomic_load(&is_full)) {
        say("ALSO", path, "");
        return REFUSE;
    }
    if ((mode == SHORT || mode == TEAR) && (kind != BYTES || bytes < 2)) return PASS;
    long number = atomic_fetch_add(&calls, 1) + 1;
    say(call, path, number == at ? "HIT\n" : "");
    if (number != at) return PASS;
    switch (mode) {
    case KILL:
        die();
        return PASS;
    case FULL:
    case READONLY:
    case SHORT:
        atomic_store(&is_full, 1);
        return mode == SHORT ? HALF : REFUSE;
    case TEAR:
        return HALF;
    default:
        return REFUSE;
    }
}

static int refuse(int error) {
    errno = mode == READONLY ? EROFS : error;
    return -1;
}

static enum verdict judge_fd(const char *call, enum kind kind, int fd, size_t bytes) {
    char path[PATH_MAX];
    if (mode == NONE || !descriptor_path(fd, path)) return PASS;
    return judge(call, kind, path, bytes);
}

static enum verdict judge_at(const char *call, enum kind kind, int dir, const char *name) {
    char path[PATH_MAX];
    if (mode == NONE) return PASS;
    absolute(dir, name, path);
    return judge(call, kind, path, 0);
}

/* Opening: counted if it may create or change the file */
static int refuses_open(int dir, const char *name, int flags) {
    if (!(flags & (O_CREAT | O_TRUNC)) && (flags & O_ACCMODE) == O_RDONLY) return 0;
    struct stat there;
    int is_new = (flags & O_CREAT) && fstatat(dir, name, &there, 0) != 0;
    enum verdict verdict = judge_at(is_new ? "create" : "open", is_new ? SPACE : OTHER, dir, name);
    return verdict == REFUSE ? (is_new ? ENOSPC : EIO) : 0;
}

#define OPEN_MODE(permissions) \
    mode_t permissions = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        permissions = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        OPEN_MODE(permissions) \
        int error = refuses_open(AT_FDCWD, path, flags); \
        return error ? refuse(error) : NEXT(name)(path, flags, permissions); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        OPEN_MODE(permissions) \
        int error = refuses_open(dir, path, flags); \
        return error ? refuse(error) : NEXT(name)(dir, path, flags, permissions); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t count) {
    switch (judge_fd("write", BYTES, fd, count)) {
    case REFUSE:
        return refuse(ENOSPC);
    case HALF: {
        ssize_t written = NEXT(write)(fd, bytes, count / 2);
        if (mode == TEAR) die();
        return written;
    }
    default:
        return NEXT(write)(fd, bytes, count);
    }
}

#define PWRITE(name, place) \
    ssize_t name(int fd, const void *bytes, size_t count, place offset) { \
        switch (judge_fd("pwrite", BYTES, fd, count)) { \
        case REFUSE: \
            return refuse(ENOSPC); \
        case HALF: { \
            ssize_t written = NEXT(name)(fd, bytes, count / 2, offset); \
            if (mode == TEAR) die(); \
            return written; \
        } \
        default: \
            return NEXT(name)(fd, bytes, count, offset); \
        } \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Only the first part is written, which a caller must expect. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (mode == NONE || count < 1 || !descriptor_path(fd, path) || !is_below(path)) return NEXT(writev)(fd, parts, count);
    return write(fd, parts[0].iov_base, parts[0].iov_len);
}

/* Nothing is synced: it would take most of the time, and the files of a killed process stay without it. */
int fsync(int fd) { return judge_fd("fsync", OTHER, fd, 0) == REFUSE ? refuse(EIO) : 0; }
int fdatasync(int fd) { return judge_fd("fdatasync", OTHER, fd, 0) == REFUSE ? refuse(EIO) : 0; }

int ftruncate(int fd, off_t len) {
    return judge_fd("ftruncate", OTHER, fd, 0) == REFUSE ? refuse(EIO) : NEXT(ftruncate)(fd, len);
}
int ftruncate64(int fd, off64_t len) {
    return judge_fd("ftruncate", OTHER, fd, 0) == REFUSE ? refuse(EIO) : NEXT(ftruncate64)(fd, len);
}
int fchmod(int fd, mode_t permissions) {
    return judge_fd("fchmod", OTHER, fd, 0) == REFUSE ? refuse(EPERM) : NEXT(fchmod)(fd, permissions);
}
int rename(const char *from, const char *to) {
    return judge_at("rename", OTHER, AT_FDCWD, to) == REFUSE ? refuse(EIO) : NEXT(rename)(from, to);
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return judge_at("rename", OTHER, to_dir, to) == REFUSE ? refuse(EIO) : NEXT(renameat)(from_dir, from, to_dir, to);
}
int link(const char *from, const char *to) {
    return judge_at("link", SPACE, AT_FDCWD, to) == REFUSE ? refuse(ENOSPC) : NEXT(link)(from, to);
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    return judge_at("link", SPACE, to_dir, to) == REFUSE ? refuse(ENOSPC) : NEXT(linkat)(from_dir, from, to_dir, to, flags);
}
int symlink(const char *to, const char *path) {
    return judge_at("symlink", SPACE, AT_FDCWD, path) == REFUSE ? refuse(ENOSPC) : NEXT(symlink)(to, path);
}
int unlink(const char *path) {
    return judge_at("unlink", OTHER, AT_FDCWD, path) == REFUSE ? refuse(EIO) : NEXT(unlink)(path);
}
int unlinkat(int dir, const char *path, int flags) {
    return judge_at("unlink", OTHER, dir, path) == REFUSE ? refuse(EIO) : NEXT(unlinkat)(dir, path, flags);
}
int mkdir(const char *path, mode_t permissions) {
    struct stat there;
    enum kind kind = stat(path, &there) == 0 ? OTHER : SPACE;
    return judge_at("mkdir", kind, AT_FDCWD, path) == REFUSE ? refuse(ENOSPC) : NEXT(mkdir)(path, permissions);
}
int rmdir(const char *path) {
    return judge_at("rmdir", OTHER, AT_FDCWD, path) == REFUSE ? refuse(EIO) : NEXT(rmdir)(path);
}

/* Copies are made by reading and writing. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
    char path[PATH_MAX];
    if (mode != NONE && descriptor_path(to, path) && is_below(path)) return refuse(ENOSYS);
    return NEXT(copy_file_range)(from, from_at, to, to_at, count, flags);
}
ssize_t sendfile64(int to, int from, off64_t *from_at, size_t count) {
    char path[PATH_MAX];
    if (mode != NONE && descriptor_path(to, path) && is_below(path)) return refuse(ENOSYS);
    return NEXT(sendfile64)(to, from, from_at, count);
}
