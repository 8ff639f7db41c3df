/* Preloaded into a server to simulate disk failures: ENOSPC while the file `full` exists in the directory FAILING_DISK, and
 * failing fsyncs while the file `flush` exists there. As on a real full disk, existing bytes of a file can be overwritten. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int is_failing(const char *failure) {
    const char *directory = getenv("FAILING_DISK");
    char path[4096];
    if (!directory || snprintf(path, sizeof path, "%s/%s", directory, failure) >= (int)sizeof path)
        return 0;
    int saved_errno = errno;
    int exists = access(path, F_OK) == 0;
    errno = saved_errno;
    return exists;
}

static int grows(int file, off_t end) {
    struct stat status;
    return fstat(file, &status) == 0 && S_ISREG(status.st_mode) && end > status.st_size;
}

static int fail(int error) {
    errno = error;
    return -1;
}

#define REAL(function) __typeof__(function) *real = (__typeof__(function) *)dlsym(RTLD_NEXT, #function)

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    if (is_failing("full") && grows(file, lseek(file, 0, SEEK_CUR) + (off_t)count))
        return fail(ENOSPC);
    return real(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    if (is_failing("full") && grows(file, offset + (off_t)count))
        return fail(ENOSPC);
    return real(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    if (is_failing("full") && grows(file, (off_t)offset + (off_t)count))
        return fail(ENOSPC);
    return real(file, bytes, count, offset);
}

int fsync(int file) {
    REAL(fsync);
    return is_failing("flush") ? fail(EIO) : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return is_failing("flush") ? fail(EIO) : real(file);
}
