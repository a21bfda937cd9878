/*
 * Asks a DNS server over TCP with one connection a query, a fixed number of them at a time: connect, ask,
 * read the answer, close.
 *
 *   connections PORT NAME SECONDS [AT_A_TIME]        A with client subnet 10.1.2.0/24, on 127.0.0.1
 *
 * Prints one JSON object. It connects from 127.0.0.10 to .17, so that closed connections that linger
 * (TIME_WAIT) do not use up the ports of one address.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_A_TIME_MAX = 256, ANSWER_OCTETS = 4096, ADDRESSES = 8, LATENCIES_MAX = 4000000 };

struct connection { int fd, asked, held; uint64_t begun; unsigned char octets[ANSWER_OCTETS]; };

static struct connection connections[AT_A_TIME_MAX];
static unsigned char query[512];
static uint32_t *latencies;
static uint64_t sent, answered, good, lost, turn;
static int query_length, poll_fd, port;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void make_query(char *name) {
  static const unsigned char header[12] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  static const unsigned char rest[] = {0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 10, 1, 2};
  int at = 2 + sizeof header;
  memcpy(query + 2, header, sizeof header);
  for (char *label = strtok(name, "."); label; label = strtok(NULL, ".")) {
    query[at++] = strlen(label);
    at = stpcpy((char *)query + at, label) - (char *)query;
  }
  memcpy(query + at, rest, sizeof rest);
  query_length = at + sizeof rest;
  query[0] = (query_length - 2) >> 8, query[1] = (query_length - 2) & 255;
}

static void open_connection(struct connection *connection) {
  int yes = 1;
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK + 9 + turn++ % ADDRESSES)}};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  struct epoll_event event = {.events = EPOLLOUT, .data.u32 = connection - connections};
  connection->fd = fd, connection->asked = connection->held = 0, connection->begun = now_ns();
  if (bind(fd, (void *)&from, sizeof from) || (connect(fd, (void *)&server, sizeof server) && errno != EINPROGRESS) ||
      epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event)) {
    perror("connections");
    exit(1);
  }
  sent++;
}

/* 1 when the connection is done with, for better or worse. */
static int go_on(struct connection *connection) {
  if (!connection->asked) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = connection - connections};
    connection->asked = 1;
    if (send(connection->fd, query, query_length, MSG_NOSIGNAL) != query_length) return lost++, 1;
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    return 0;
  }
  unsigned char *octets = connection->octets;
  ssize_t got = recv(connection->fd, octets + connection->held, ANSWER_OCTETS - connection->held, 0);
  if (got <= 0) return lost++, 1;
  connection->held += got;
  if (connection->held < 2 || connection->held < 2 + (octets[0] << 8 | octets[1])) return 0;
  if (answered < LATENCIES_MAX) latencies[answered] = (now_ns() - connection->begun) / 1000;
  answered++;
  good += (octets[5] & 15) == 0;
  return 1;
}

static int by_value(const void *a, const void *b) { return *(uint32_t *)a < *(uint32_t *)b ? -1 : *(uint32_t *)a > *(uint32_t *)b; }

int main(int count, char **words) {
  if (count < 4) return 2;
  port = atoi(words[1]);
  make_query(words[2]);
  double seconds = atof(words[3]);
  int at_a_time = count > 4 ? atoi(words[4]) : 32;
  if (at_a_time < 1 || at_a_time > AT_A_TIME_MAX || seconds <= 0 || seconds > 600) return 2;
  latencies = malloc(LATENCIES_MAX * sizeof *latencies);
  poll_fd = epoll_create1(0);
  uint64_t begun = now_ns(), end = begun + seconds * 1e9;
  for (int i = 0; i < at_a_time; i++) open_connection(&connections[i]);
  struct epoll_event ready[AT_A_TIME_MAX];
  while (now_ns() < end) {
    int events = epoll_wait(poll_fd, ready, AT_A_TIME_MAX, 100);
    for (int i = 0; i < events; i++) {
      struct connection *connection = &connections[ready[i].data.u32];
      if (!go_on(connection)) continue;
      close(connection->fd);
      open_connection(connection);
    }
  }
  uint64_t kept = answered < LATENCIES_MAX ? answered : LATENCIES_MAX;
  qsort(latencies, kept, sizeof *latencies, by_value);
  printf("{\"seconds\":%.3f,\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"good\":%lu,\"p99Us\":%u}\n", (now_ns() - begun) / 1e9, sent,
         answered, lost, good, kept ? latencies[kept * 99 / 100] : 0);
}
