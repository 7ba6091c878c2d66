// SPDX-License-Identifier: Apache-2.0

// The unit of bench/supervise: it tells its first instruction itself, by CLOCK_MONOTONIC, as a line
// "WHAT NAME PID NANOSECONDS" at the end of a file, and then does what its first argument says.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void tell(char **argv, const char *what, long long at) {
	char line[512];
	int n = snprintf(line, sizeof line, "%s %s %d %lld\n", what, argv[3], (int)getpid(), at);
	int fd = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, n) != n)
		_exit(3);
	close(fd);
}

static void wait_forever(void) {
	for (;;)
		pause();
}

static int put(const char *line, int n) {
	for (int done = 0; done < n;) {
		ssize_t w = write(1, line + done, n - done);
		if (w <= 0)
			return 0;
		done += w;
	}
	return 1;
}

// log NUMBER: so many lines of 80 bytes as fast as they are taken.
static void lines(char **argv) {
	char line[128];
	for (long i = 1; i <= atol(argv[4]); i++) {
		int n = snprintf(line, sizeof line, "line %010ld of a unit that has a great deal to say, and says it quickly.....\n", i);
		if (!put(line, n))
			tell(argv, "broken", now());
	}
	tell(argv, "end", now());
	wait_forever();
}

// count FILE: a numbered line every 2 ms; the number stands in FILE once write(2) has returned.
static void count(char **argv) {
	int fd = open(argv[4], O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 8))
		_exit(3);
	volatile uint64_t *acknowledged = mmap(0, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (uint64_t n = *acknowledged + 1;; n++) {
		char line[64];
		int len = snprintf(line, sizeof line, "count %llu.\n", (unsigned long long)n);
		if (!put(line, len))
			_exit(4);
		*acknowledged = n;
		usleep(2000);
	}
}

// fork: a grandchild in a session of its own, forked twice.
static void detach(char **argv) {
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			tell(argv, "descendant", now());
			wait_forever();
		}
		_exit(0);
	}
	wait_forever();
}

// stubborn: a child in the same group that ignores what asks it to end.
static void stubborn(char **argv) {
	if (fork() == 0) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		tell(argv, "descendant", now());
		wait_forever();
	}
	wait_forever();
}

int main(int argc, char **argv) {
	long long at = now();
	if (argc < 4)
		return 2;
	tell(argv, "start", at);
	if (strcmp(argv[1], "crash") == 0)
		return 1;
	if (strcmp(argv[1], "log") == 0)
		lines(argv);
	if (strcmp(argv[1], "count") == 0)
		count(argv);
	if (strcmp(argv[1], "fork") == 0)
		detach(argv);
	if (strcmp(argv[1], "stubborn") == 0)
		stubborn(argv);
	wait_forever();
}
