// SPDX-License-Identifier: GPL-3.0-or-later
// One request to the Nitro security module, for programs that cannot call ioctl: the request is standard input up to its end, the answer
// is standard output. It understands neither. Exit codes: 0; 2 the device does not open; 3 the driver refuses; 4 the request is empty or
// too long; 5 the streams fail; 6 the driver claims more bytes than there is room for. The last line on standard error says which.
//
// Interface: Linux 6.8, include/uapi/linux/nsm.h, not included because many systems do not have it.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST_REQUEST 0x1000
#define MOST_ANSWER 0x3000

struct part {
  uint64_t address;
  uint64_t length;
};
struct message {
  struct part request;
  struct part answer;
};
_Static_assert(sizeof(struct message) == 32, "as the driver has it");
#define NSM_RAW _IOWR(0x0A, 0x0, struct message)

static uint8_t request[MOST_REQUEST + 1];
static uint8_t answer[MOST_ANSWER];

static int failed(int code, const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return code;
}

int main(void) {
  size_t length = 0;
  while (length < sizeof request) {
    ssize_t got = read(STDIN_FILENO, request + length, sizeof request - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(5, "standard input");
    if (got == 0) break;
    length += (size_t)got;
  }
  errno = EMSGSIZE;
  if (length == 0 || length > MOST_REQUEST) return failed(4, "request");

  int device = open("/dev/nsm", O_RDWR | O_CLOEXEC);
  if (device < 0) return failed(2, "/dev/nsm");
  struct message message = {
      .request = {(uint64_t)(uintptr_t)request, length},
      .answer = {(uint64_t)(uintptr_t)answer, sizeof answer},
  };
  if (ioctl(device, NSM_RAW, &message) != 0) return failed(3, "/dev/nsm");
  errno = EOVERFLOW;
  if (message.answer.length > sizeof answer) return failed(6, "answer");

  for (size_t at = 0; at < message.answer.length;) {
    ssize_t put = write(STDOUT_FILENO, answer + at, message.answer.length - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(5, "standard output");
    at += (size_t)put;
  }
  return 0;
}
