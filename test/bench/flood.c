/*
 * Floods a DNS server on 127.0.0.1 with queries from forged loopback addresses, at a steady rate, and counts
 * what comes back to them. Unprivileged: the source of each datagram is chosen by IP_PKTINFO.
 *
 *   flood PORT NAME TYPE RATE SECONDS ADDRESS BITS [random]
 *
 * The sources are the addresses of ADDRESS/BITS inside 127.0.0.0/8, each time another at random; NAME gets a
 * random label in front with the last word. Queries have an OPT record without a cookie. Prints the line
 * "started", and at the end one JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, MESSAGE = 512 };

static struct mmsghdr headers[BATCH];
static struct iovec parts[BATCH];
static unsigned char messages[BATCH][MESSAGE];
static union { struct cmsghdr head; char octets[CMSG_SPACE(sizeof(struct in_pktinfo))]; } controls[BATCH];
static uint64_t sent, octets_sent, left_out, received, octets_received, cut, state = 88172645463325252ull;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static uint32_t chance(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state >> 16;
}

static int put_query(unsigned char *into, const char *name, int type, int is_random) {
  static const unsigned char header[12] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  static const unsigned char opt[] = {0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
  memcpy(into, header, sizeof header);
  into[0] = chance(), into[1] = chance();
  int at = sizeof header;
  if (is_random) at += sprintf((char *)into + at, "\x08%08x", chance());
  for (const char *from = name; *from && *from != '.';) {
    int length = strcspn(from, ".");
    into[at++] = length;
    memcpy(into + at, from, length);
    at += length, from += length + (from[length] == '.');
  }
  into[at++] = 0, into[at++] = type >> 8, into[at++] = type;
  memcpy(into + at, opt, sizeof opt);
  return at + sizeof opt;
}

static void drain(int fd) {
  static unsigned char replies[BATCH][4096];
  struct mmsghdr into[BATCH] = {0};
  struct iovec rooms[BATCH];
  for (int i = 0; i < BATCH; i++) {
    rooms[i] = (struct iovec){replies[i], sizeof replies[i]};
    into[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1};
  }
  for (int count; (count = recvmmsg(fd, into, BATCH, MSG_DONTWAIT, NULL)) > 0;)
    for (int i = 0; i < count; i++) {
      received++, octets_received += into[i].msg_len;
      if (into[i].msg_len > 3 && replies[i][2] & 2) cut++;
    }
}

int main(int count, char **words) {
  if (count < 8) return fprintf(stderr, "flood PORT NAME TYPE RATE SECONDS ADDRESS BITS [random]\n"), 2;
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
  const int type = atoi(words[3]), bits = atoi(words[7]), is_random = count > 8;
  const double rate = atof(words[4]), seconds = atof(words[5]);
  struct in_addr network;
  inet_pton(AF_INET, words[6], &network);
  const uint32_t base = ntohl(network.s_addr), hosts = bits == 32 ? 0 : UINT32_MAX >> bits;
  if (seconds > 600 || base >> 24 != 127 || bits < 8) return 2;
  int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer = 8 << 20;
  struct sockaddr_in any = {.sin_family = AF_INET};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any)) return perror("bind"), 1;
  puts("started");
  fflush(stdout);
  const uint64_t start = now_ns(), end = start + seconds * 1e9;
  for (uint64_t now; (now = now_ns()) < end;) {
    const uint64_t due = (now - start) / 1e9 * rate;
    // What could not be sent in time is left out, not made up for all at once.
    if (due > sent + left_out + rate / 20) left_out = due - sent - rate / 20;
    int size = 0;
    for (; size < BATCH && sent + left_out + size < due; size++) {
      controls[size].head = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
      struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(&controls[size].head);
      memset(info, 0, sizeof *info);
      info->ipi_spec_dst.s_addr = htonl(base | (chance() & hosts));
      const int length = put_query(messages[size], words[2], type, is_random);
      parts[size] = (struct iovec){messages[size], length};
      headers[size].msg_hdr = (struct msghdr){
        .msg_name = &server, .msg_namelen = sizeof server, .msg_iov = &parts[size], .msg_iovlen = 1,
        .msg_control = &controls[size], .msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo))};
    }
    if (size == 0) {
      struct timespec pause = {0, 100000};
      nanosleep(&pause, NULL);
    } else {
      int taken = sendmmsg(fd, headers, size, 0);
      if (taken < 0 && errno != EAGAIN && errno != ENOBUFS) return perror("sendmmsg"), 1;
      for (int i = 0; i < taken; i++) octets_sent += parts[i].iov_len;
      sent += taken > 0 ? taken : 0;
    }
    drain(fd);
  }
  struct timespec last = {0, 200000000};
  nanosleep(&last, NULL);
  drain(fd);
  printf("{\"seconds\": %.2f, \"sent\": %llu, \"octetsSent\": %llu, \"received\": %llu, \"octetsReceived\": %llu, \"cut\": %llu}\n",
         seconds, (unsigned long long)sent, (unsigned long long)octets_sent, (unsigned long long)received,
         (unsigned long long)octets_received, (unsigned long long)cut);
  return 0;
}
