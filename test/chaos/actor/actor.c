// SPDX-License-Identifier: Apache-2.0

// A unit of test/chaos: actor KIND NAME FOLDER [MORE]. It says in FOLDER/tape.NAME that it started.
//
// A counter writes numbered lines, odd ones to standard output, even ones to standard error, and
// says in FOLDER/ack.NAME.ID, outside of what is tested, up to which number write(2) has returned.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *name, *folder;

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void tell(const char *what, long long at) {
	char path[600], line[200];
	snprintf(path, sizeof path, "%s/tape.%s", folder, name);
	int n = snprintf(line, sizeof line, "%s %d %lld\n", what, (int)getpid(), at);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, n) != n)
		_exit(3);
	close(fd);
}

static void rest(void) {
	for (;;)
		pause();
}

// put writes a line whole, and waits while the disk is full.
static int put(int fd, const char *line, size_t n) {
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, line + done, n - done);
		if (w > 0)
			done += w;
		else if (w < 0 && (errno == ENOSPC || errno == EDQUOT))
			usleep(20000);
		else if (w < 0 && errno == EINTR)
			continue;
		else
			return 0;
	}
	return 1;
}

// size is how many letters a line has: most few, some more than a pipe takes at once.
static size_t size(uint64_t n) {
	if (n % 1000 == 999)
		return 100000;
	if (n % 50 == 49)
		return 6000;
	return 20 + n * 7 % 100;
}

static void count(long long at, unsigned pause_us) {
	static char line[101000];
	char path[600];
	snprintf(path, sizeof path, "%s/ack.%s.%d-%lld", folder, name, (int)getpid(), at);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 8))
		_exit(3);
	volatile uint64_t *acknowledged = mmap(0, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	signal(SIGPIPE, SIG_IGN);
	for (uint64_t n = 1;; n++) {
		int len = snprintf(line, sizeof line, "C %s %d-%lld %llu ", name, (int)getpid(), at, (unsigned long long)n);
		size_t letters = size(n);
		memset(line + len, 'a' + n % 26, letters);
		memcpy(line + len + letters, ".\n", 2);
		if (!put(n % 2 ? 1 : 2, line, len + letters + 2)) {
			tell(errno == EPIPE ? "pipe" : "unwritable", now());
			_exit(4);
		}
		*acknowledged = n;
		usleep(pause_us);
	}
}

// scatter leaves grandchildren in sessions of their own, forked twice; every other one sheds its
// environment, and the mark with it.
static void scatter(int many) {
	for (int i = 0; i < many; i++) {
		if (fork() == 0) {
			setsid();
			if (fork() == 0) {
				if (i % 2)
					execle("/proc/self/exe", "actor", "bare", name, folder, (char *)0, (char *[]){0});
				rest();
			}
			_exit(0);
		}
	}
	rest();
}

// bomb forks as often as it may, up to a bound of its own that spares the machine.
static void bomb(void) {
	signal(SIGCHLD, SIG_IGN);
	for (int made = 0;;) {
		pid_t child = made < 150 ? fork() : -1;
		if (child == 0)
			rest();
		if (child > 0)
			made++;
		else
			usleep(200000);
	}
}

static void serve(int port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)) {
		tell("noport", now());
		_exit(5);
	}
	for (;;) {
		int c = accept(fd, 0, 0);
		if (c >= 0)
			close(c);
	}
}

static void beat(void) {
	char path[600];
	snprintf(path, sizeof path, "%s/beat.%s", folder, name);
	for (;;) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd >= 0) {
			put(fd, "beat\n", 5);
			close(fd);
		}
		usleep(300000);
	}
}

int main(int argc, char **argv) {
	long long at = now();
	if (argc < 4)
		return 2;
	const char *kind = argv[1];
	int more = argc > 4 ? atoi(argv[4]) : 0;
	name = argv[2];
	folder = argv[3];
	if (!strcmp(kind, "bare"))
		rest();
	srand(at ^ getpid());
	tell("start", at);
	if (!strcmp(kind, "counter"))
		count(at, more);
	if (!strcmp(kind, "forker"))
		scatter(more);
	if (!strcmp(kind, "stubborn")) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		if (fork() == 0)
			rest();
	}
	if (!strcmp(kind, "crasher")) {
		usleep(rand() % 1500000);
		tell("end", now());
		return 1;
	}
	if (!strcmp(kind, "worker")) {
		sleep(15 + rand() % 30);
		tell("end", now());
		return 0;
	}
	if (!strcmp(kind, "port"))
		serve(more);
	if (!strcmp(kind, "beat"))
		beat();
	if (!strcmp(kind, "bomb"))
		bomb();
	rest();
}
