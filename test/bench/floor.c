/*
 * The floor: a server that only sends back what it gets, marked as a response, with as few system calls as
 * the kernel allows. What a name server spends above this is its own.
 *
 *   floor udp|tcp PORT        listens on 127.0.0.1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAMS = 64, DATAGRAM_OCTETS = 1280, STREAM_OCTETS = 1 << 16, STREAMS = 4096, EVENTS = 64 };

static void mark_response(unsigned char *message) { message[2] |= 0x80; }

static int listen_on(int type, int port) {
  int fd = socket(AF_INET, type, 0), octets = 4 << 20, yes = 1;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&here, sizeof here) != 0) exit(1);
  return fd;
}

static void serve_udp(int fd) {
  static unsigned char octets[DATAGRAMS][DATAGRAM_OCTETS];
  static struct sockaddr_in clients[DATAGRAMS];
  static struct iovec pieces[DATAGRAMS];
  static struct mmsghdr batch[DATAGRAMS];
  for (;;) {
    for (int i = 0; i < DATAGRAMS; i++) {
      pieces[i] = (struct iovec){octets[i], DATAGRAM_OCTETS};
      batch[i].msg_hdr = (struct msghdr){&clients[i], sizeof clients[i], &pieces[i], 1, NULL, 0, 0};
    }
    int count = recvmmsg(fd, batch, DATAGRAMS, MSG_WAITFORONE, NULL);
    for (int i = 0; i < count; i++) {
      pieces[i].iov_len = batch[i].msg_len;
      mark_response(octets[i]);
    }
    for (int done = 0; done < count;) {
      int sent = sendmmsg(fd, batch + done, count - done, 0);
      done += sent > 0 ? sent : 1;
    }
  }
}

/* What came on one connection and is no whole message yet. */
struct stream {
  int held;
  unsigned char octets[STREAM_OCTETS];
};

/* Sends all whole messages of the stream back at once; 0 when the connection ended. */
static int serve_stream(int fd, struct stream *stream) {
  ssize_t got = recv(fd, stream->octets + stream->held, STREAM_OCTETS - stream->held, 0);
  if (got <= 0) return 0;
  stream->held += got;
  int whole = 0;
  while (stream->held - whole >= 2) {
    int length = stream->octets[whole] << 8 | stream->octets[whole + 1];
    if (length < 12 || stream->held - whole < 2 + length) break;
    mark_response(stream->octets + whole + 2);
    whole += 2 + length;
  }
  if (whole > 0 && send(fd, stream->octets, whole, MSG_NOSIGNAL) != whole) return 0;
  memmove(stream->octets, stream->octets + whole, stream->held -= whole);
  return stream->held < STREAM_OCTETS;
}

static void serve_tcp(int listener) {
  static struct stream *streams[STREAMS];
  int poll = epoll_create1(0), yes = 1;
  struct epoll_event ready[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
  listen(listener, 1024);
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, ready, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if (!serve_stream(fd, streams[fd])) close(fd);
        continue;
      }
      if ((fd = accept4(listener, NULL, NULL, 0)) < 0) continue;
      if (fd >= STREAMS || (!streams[fd] && !(streams[fd] = malloc(sizeof(struct stream))))) {
        close(fd);
        continue;
      }
      streams[fd]->held = 0;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      event.data.fd = fd;
      epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
  }
}

int main(int count, char **words) {
  if (count != 3) return 2;
  int tcp = strcmp(words[1], "tcp") == 0;
  int fd = listen_on(tcp ? SOCK_STREAM : SOCK_DGRAM, atoi(words[2]));
  if (tcp) serve_tcp(fd);
  else serve_udp(fd);
}
