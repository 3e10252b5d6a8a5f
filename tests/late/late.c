/* Delays that a busy machine brings, brought on purpose: now and then a system call that others wait for returns
 * late, after they have been woken. What is told before it is done, and a deadline that is too short, show.
 * Loaded by LD_PRELOAD; LATE_PERMILLE of the calls take up to LATE_MICROSECONDS longer. See run. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static unsigned permille = 30, microseconds = 20000;
static __thread uint64_t state;

__attribute__((constructor)) static void configure(void)
{
    const char *value = getenv("LATE_PERMILLE");
    if (value)
        permille = (unsigned)atoi(value);
    value = getenv("LATE_MICROSECONDS");
    if (value)
        microseconds = (unsigned)atoi(value);
}

static void be_late(void)
{
    int error = errno;
    if (!state) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        state = ((uint64_t)now.tv_nsec * 2654435761u) ^ (uintptr_t)&state ^ 0x9E3779B97F4A7C15u;
    }
    /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (microseconds && (state >> 20) % 1000 < permille) {
        uint64_t pause = (state >> 32) % microseconds;
        struct timespec time = {(time_t)(pause / 1000000), (long)(pause % 1000000 * 1000)};
        nanosleep(&time, NULL);
    }
    errno = error;
}

/* The function of the C library that is called `name`. */
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real)                                                                                                         \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t count)
{
    REAL(write);
    ssize_t written = real(file, bytes, count);
    be_late();
    return written;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    REAL(writev);
    be_late();
    ssize_t written = real(file, parts, count);
    be_late();
    return written;
}

ssize_t send(int socket, const void *bytes, size_t count, int flags)
{
    REAL(send);
    be_late();
    ssize_t sent = real(socket, bytes, count, flags);
    be_late();
    return sent;
}

ssize_t recv(int socket, void *bytes, size_t count, int flags)
{
    REAL(recv);
    ssize_t read = real(socket, bytes, count, flags);
    be_late();
    return read;
}

int shutdown(int socket, int how)
{
    REAL(shutdown);
    int done = real(socket, how);
    be_late();
    return done;
}

int close(int file)
{
    REAL(close);
    int done = real(file);
    be_late();
    return done;
}

/* Rust's locks, channels and parked threads wake each other by this one. */
long syscall(long number, ...)
{
    REAL(syscall);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int place = 0; place < 6; place++)
        arguments[place] = va_arg(list, long);
    va_end(list);
    long result = real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAKE)
        be_late();
    return result;
}
