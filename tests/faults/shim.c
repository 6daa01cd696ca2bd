/* A disk that fails when it is told to, and one that forgets. Loaded into a daemon by LD_PRELOAD.

   Only files named autoflow.db and autoflow.db-wal are touched; every other call passes as it is. What fails is told
   by a small file that the test and this shim both map (FAULTS_CONTROL), so that it can change while the daemon
   runs. Where FAULTS_KEPT names a directory, it holds after each fsync what a disk without power would still have:
   what was written since then is in the file, and not there. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DATABASE = 1, LOG = 2 };
enum { WRITE = 1, SYNC = 2, CUT = 4 };

/* In the order of shim.py. */
struct control {
    int64_t error;  /* errno to fail with; 0: nothing fails */
    int64_t calls;  /* which calls: WRITE, SYNC, CUT */
    int64_t files;  /* in which files: DATABASE, LOG */
    int64_t spare;  /* so many of them still pass */
    int64_t times;  /* so many fail then; -1: for ever */
    int64_t half;   /* a write that fails writes its first half, and says so */
    int64_t failed; /* how many have failed */
    int64_t seen;   /* how many calls there were in all */
};

struct kept {
    const char *name;
    int fd;
    off_t low, high; /* written since the last fsync: a superset */
};

static struct control *control;
static struct kept kept[2] = {{"autoflow.db", -1, 0, 0}, {"autoflow.db-wal", -1, 0, 0}};
static int keeping;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

__attribute__((constructor)) static void begin(void) {
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    const char *path = getenv("FAULTS_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        control = mapped == MAP_FAILED ? NULL : mapped;
        close(fd);
    }
    const char *directory = getenv("FAULTS_KEPT");
    for (int i = 0; directory && i < 2; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", directory, kept[i].name);
        kept[i].fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        keeping = kept[i].fd >= 0;
    }
}

/* Which of the two files this is; 0: neither. */
static int which(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = control ? readlink(link, path, sizeof path - 1) : -1;
    if (size <= 0)
        return 0;
    path[size] = 0;
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (!strcmp(name, kept[0].name))
        return DATABASE;
    return strcmp(name, kept[1].name) ? 0 : LOG;
}

/* Whether this call fails now; errno says with what. */
static int fails(int call, int file) {
    if (!file)
        return 0;
    __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
    int64_t error = __atomic_load_n(&control->error, __ATOMIC_SEQ_CST);
    if (!error || !(control->calls & call) || !(control->files & file))
        return 0;
    pthread_mutex_lock(&lock);
    int failing = control->spare == 0 && control->times != 0;
    if (control->spare > 0)
        control->spare--;
    else if (failing && control->times > 0)
        control->times--;
    if (failing)
        control->failed++;
    pthread_mutex_unlock(&lock);
    errno = (int)error;
    return failing;
}

static void note_write(int file, off_t begin, ssize_t size) {
    if (!file || !keeping || size <= 0)
        return;
    struct kept *k = &kept[file - 1];
    pthread_mutex_lock(&lock);
    if (k->low == k->high)
        k->low = begin, k->high = begin + size;
    if (begin < k->low)
        k->low = begin;
    if (begin + size > k->high)
        k->high = begin + size;
    pthread_mutex_unlock(&lock);
}

/* After an fsync: what was written is on the disk that keeps. */
static void keep(int fd, int file) {
    if (!file || !keeping)
        return;
    struct kept *k = &kept[file - 1];
    struct stat found;
    char part[65536];
    pthread_mutex_lock(&lock);
    for (off_t at = k->low; at < k->high;) {
        size_t wanted = k->high - at < (off_t)sizeof part ? (size_t)(k->high - at) : sizeof part;
        ssize_t size = pread(fd, part, wanted, at);
        if (size <= 0)
            break; /* it was cut since */
        if (real_pwrite(k->fd, part, size, at) != size)
            abort();
        at += size;
    }
    if (fstat(fd, &found) || real_ftruncate(k->fd, found.st_size))
        abort();
    k->low = k->high = 0;
    pthread_mutex_unlock(&lock);
}

static ssize_t write_at(int fd, const void *bytes, size_t size, off_t at) {
    int file = which(fd);
    if (fails(WRITE, file)) {
        if (!control->half || size < 2)
            return -1;
        size /= 2;
    }
    ssize_t written = real_pwrite(fd, bytes, size, at);
    note_write(file, at, written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return write_at(fd, bytes, size, at); }

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) { return write_at(fd, bytes, size, at); }

ssize_t write(int fd, const void *bytes, size_t size) {
    int before = errno, file = which(fd);
    errno = before;
    if (fails(WRITE, file))
        return -1;
    off_t at = file ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t written = real_write(fd, bytes, size);
    note_write(file, at, written);
    return written;
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at) {
    int file = which(fd);
    if (fails(WRITE, file))
        return -1;
    ssize_t written = real_pwritev(fd, parts, count, at);
    note_write(file, at, written);
    return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return write_parts(fd, parts, count, at); }

static int sync_file(int (*real)(int), int fd) {
    int file = which(fd);
    if (fails(SYNC, file))
        return -1;
    int result = real(fd);
    if (result == 0)
        keep(fd, file);
    return result;
}

int fsync(int fd) { return sync_file(real_fsync, fd); }

int fdatasync(int fd) { return sync_file(real_fdatasync, fd); }

static int cut(int fd, off_t size) {
    if (fails(CUT, which(fd)))
        return -1;
    return real_ftruncate(fd, size);
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }

int ftruncate64(int fd, off64_t size) { return cut(fd, size); }
