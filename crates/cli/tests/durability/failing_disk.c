/* Loaded into a server before libc: makes its disk full, or the flushes of its disk fail, as long as there is a file of that
 * name in the directory FAILING_DISK. A full disk still takes what is written over something that is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *how) {
    const char *directory = getenv("FAILING_DISK");
    char path[4096];
    if (!directory || snprintf(path, sizeof path, "%s/%s", directory, how) >= (int)sizeof path)
        return 0;
    int before = errno;
    int there = access(path, F_OK) == 0;
    errno = before;
    return there;
}

static int grows(int file, off_t end) {
    struct stat found;
    return fstat(file, &found) == 0 && S_ISREG(found.st_mode) && end > found.st_size;
}

static int refuse(int reason) {
    errno = reason;
    return -1;
}

#define REAL(function) __typeof__(function) *real = (__typeof__(function) *)dlsym(RTLD_NEXT, #function)

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    if (fails("full") && grows(file, lseek(file, 0, SEEK_CUR) + (off_t)count))
        return refuse(ENOSPC);
    return real(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    if (fails("full") && grows(file, offset + (off_t)count))
        return refuse(ENOSPC);
    return real(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    if (fails("full") && grows(file, (off_t)offset + (off_t)count))
        return refuse(ENOSPC);
    return real(file, bytes, count, offset);
}

int fsync(int file) {
    REAL(fsync);
    return fails("flush") ? refuse(EIO) : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return fails("flush") ? refuse(EIO) : real(file);
}
