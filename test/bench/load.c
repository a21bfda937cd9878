/*
 * Offers DNS queries over UDP at a steady rate, whatever the server does, and says how each fared. Latency
 * counts from when a query was due, not from when it could be sent: a pause of the server (or of this
 * program: see lagUs) is seen by every query that fell into it.
 *
 *   load -p PORT -n NAMES [-s ADDRESS] [-r RATE] [-w WINDOW] [-t SECONDS] [-c SOURCES] [-e 4|FILE]
 *        [-b ADDRESS] [-x SEED]
 *
 * NAMES    file of lines "name TYPE"; of several, each query takes one at random
 * RATE     queries a second; 0: as many as go with at most WINDOW (500) unanswered
 * SOURCES  ports to send from (64)
 * -e       a client-subnet option: "4" random IPv4 networks, or a file of addresses (/24 and /56 are sent)
 * -b       count answers whose first record is one of these IPv4 addresses (comma between them), and tell
 *          when the last one came
 *
 * Prints the line "started", and in the end one JSON object; stops early, and still prints it, at SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  BATCH = 32,
  SOURCES_MAX = 512,
  PENDING = 4096, /* unanswered queries remembered for each source; a power of two */
  MESSAGE = 1280,
  NAMES_MAX = 2000000,
  CLIENTS_MAX = 2000000,
  WATCHED_MAX = 8,
  SLICE_MS = 100,
  SLICES_MAX = 36000,
  SUB_BUCKETS = 64, /* of each power of two: latencies are exact within 1.6 % */
  WAIT_MS = 1000,   /* after the last query, for what is still to come */
};
#define SECOND 1000000000ull

struct name { uint16_t length; unsigned char octets[260]; };
struct client { unsigned char family, octets[7]; };
struct pending { uint64_t due; uint16_t id; };
struct source { int fd; uint16_t next; struct pending pending[PENDING]; };
struct histogram { uint64_t count, max, buckets[64 * SUB_BUCKETS]; };
struct slice { uint64_t worst, lost; };

static struct name **names;
static struct client *clients;
static struct source *sources;
static struct slice slices[SLICES_MAX];
static struct histogram latency, lag;
static struct sockaddr_storage server;
static socklen_t server_size;
static unsigned char watched[WATCHED_MAX][4];
static size_t name_count, client_count;
static int source_count = 64, random_four, watched_addresses;
static uint64_t chance = 1, started, sent, answered, lost, wrong_source, unmatched, empty, send_faults, outstanding;
static uint64_t rcodes[16], watched_count;
static double watched_last_ms;
static volatile sig_atomic_t stopping;

static void stop(int signal) { (void)signal; stopping = 1; }
static void die(const char *what) { fprintf(stderr, "load: %s\n", what); exit(2); }

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

static double wall_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* xorshift64* */
static uint32_t chance_below(uint32_t limit) {
  chance ^= chance >> 12, chance ^= chance << 25, chance ^= chance >> 27;
  return (uint64_t)(uint32_t)((chance * 0x2545f4914f6cdd1dull) >> 32) * limit >> 32;
}

static void observe(struct histogram *histogram, uint64_t ns) {
  int shift = ns < SUB_BUCKETS ? 0 : 63 - __builtin_clzll(ns) - 5;
  histogram->buckets[shift * (SUB_BUCKETS / 2) + (ns >> shift)]++;
  histogram->count++;
  if (ns > histogram->max) histogram->max = ns;
}

/* In microseconds: the upper end of the bucket that the quantile falls in. */
static double quantile(const struct histogram *histogram, double share) {
  uint64_t want = share * histogram->count, seen = 0;
  for (int i = 0; i < 64 * SUB_BUCKETS; i++) {
    if ((seen += histogram->buckets[i]) <= want) continue;
    int shift = i < SUB_BUCKETS ? 0 : i / (SUB_BUCKETS / 2) - 1;
    uint64_t top = ((uint64_t)(i - shift * (SUB_BUCKETS / 2)) + 1) << shift;
    return (top < histogram->max ? top : histogram->max) / 1e3;
  }
  return histogram->max / 1e3;
}

static struct slice *slice_of(uint64_t due) {
  uint64_t index = (due - started) / (SLICE_MS * 1000000ull);
  return &slices[index < SLICES_MAX ? index : SLICES_MAX - 1];
}

/* ---- What is asked ---- */

static int type_code(const char *text) {
  static const struct { const char *text; int code; } types[] = {
      {"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"HTTPS", 65}, {"ANY", 255}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcasecmp(text, types[i].text) == 0) return types[i].code;
  return atoi(text);
}

/* Wire form of the question; 0 if the line has none. */
static int encode_question(char *line, unsigned char *into) {
  char *owner = strtok(line, " \t\r\n"), *type = strtok(NULL, " \t\r\n");
  if (!owner || !type) return 0;
  int at = 0;
  for (char *label = strtok(owner, "."); label; label = strtok(NULL, ".")) {
    size_t length = strlen(label);
    if (length > 63 || at + length > 250) return 0;
    into[at++] = length;
    memcpy(into + at, label, length);
    at += length;
  }
  int code = type_code(type);
  unsigned char rest[] = {0, code >> 8, code & 255, 0, 1};
  memcpy(into + at, rest, sizeof rest);
  return at + sizeof rest;
}

static FILE *open_list(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) die("cannot read a list");
  return file;
}

static void read_names(const char *path) {
  FILE *file = open_list(path);
  char line[1024];
  unsigned char question[300];
  names = malloc(NAMES_MAX * sizeof *names);
  while (name_count < NAMES_MAX && fgets(line, sizeof line, file)) {
    int length = encode_question(line, question);
    if (!length) continue;
    names[name_count] = malloc(sizeof(uint16_t) + length);
    names[name_count]->length = length;
    memcpy(names[name_count++]->octets, question, length);
  }
  fclose(file);
  if (!name_count) die("no names");
}

static void read_clients(const char *path) {
  FILE *file = open_list(path);
  char line[256];
  unsigned char octets[16];
  clients = malloc(CLIENTS_MAX * sizeof *clients);
  while (client_count < CLIENTS_MAX && fgets(line, sizeof line, file)) {
    line[strcspn(line, "/, \r\n")] = 0;
    int six = strchr(line, ':') != NULL;
    if (inet_pton(six ? AF_INET6 : AF_INET, line, octets) != 1) continue;
    struct client *client = &clients[client_count++];
    client->family = six ? 2 : 1;
    memcpy(client->octets, octets, six ? 7 : 3);
  }
  fclose(file);
  if (!client_count) die("no clients");
}

static int encode_query(unsigned char *octets, uint16_t id) {
  const struct name *name = names[name_count == 1 ? 0 : chance_below(name_count)];
  unsigned char header[12] = {id >> 8, id & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  memcpy(octets, header, 12);
  memcpy(octets + 12, name->octets, name->length);
  unsigned char *opt = octets + 12 + name->length;
  static const unsigned char plain[11] = {0, 0, 41, 1232 >> 8, 1232 & 255};
  memcpy(opt, plain, sizeof plain);
  if (!random_four && !client_count) return opt + sizeof plain - octets;
  struct client made = {1, {1 + chance_below(223), chance_below(256), chance_below(256)}};
  const struct client *client = random_four ? &made : &clients[chance_below(client_count)];
  int network = client->family == 1 ? 3 : 7;
  unsigned char option[8] = {0, 8, 0, 4 + network, 0, client->family, network * 8, 0};
  opt[10] = 8 + network;
  memcpy(opt + 11, option, 8);
  memcpy(opt + 19, client->octets, network);
  return opt + 19 + network - octets;
}

/* ---- Sending and receiving ---- */

static void open_sources(const char *address, int port) {
  struct sockaddr_in *four = (void *)&server;
  struct sockaddr_in6 *six = (void *)&server;
  if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
    four->sin_family = AF_INET, four->sin_port = htons(port), server_size = sizeof *four;
  } else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6, six->sin6_port = htons(port), server_size = sizeof *six;
  } else die("not an address");
  sources = calloc(source_count, sizeof *sources);
  for (int i = 0; i < source_count; i++) {
    int octets = 4 << 20;
    if ((sources[i].fd = socket(server.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) < 0) die("no socket");
    setsockopt(sources[i].fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
    sources[i].next = chance_below(65536);
  }
}

static void remember(struct source *source, uint16_t id, uint64_t due) {
  struct pending *pending = &source->pending[id & (PENDING - 1)];
  if (pending->due) lost++, outstanding--, slice_of(pending->due)->lost++;
  *pending = (struct pending){due, id};
  outstanding++;
}

/* Sends up to `count` queries from one source; query number n was due at started + n / rate. */
static void send_batch(struct source *source, int count, uint64_t rate) {
  static unsigned char octets[BATCH][MESSAGE];
  static struct iovec pieces[BATCH];
  static struct mmsghdr batch[BATCH];
  uint16_t first = source->next;
  for (int i = 0; i < count; i++) {
    pieces[i] = (struct iovec){octets[i], encode_query(octets[i], first + i)};
    batch[i].msg_hdr = (struct msghdr){&server, server_size, &pieces[i], 1, NULL, 0, 0};
  }
  uint64_t time = now();
  int went = sendmmsg(source->fd, batch, count, 0);
  if (went < 0) send_faults++, went = 0;
  for (int i = 0; i < went; i++, sent++) {
    uint64_t due = rate ? started + sent * SECOND / rate : time;
    observe(&lag, time > due ? time - due : 0);
    remember(source, first + i, due);
  }
  source->next = first + went;
}

static int from_server(const struct sockaddr_storage *address) {
  if (address->ss_family != server.ss_family) return 0;
  const struct sockaddr_in *four = (const void *)address, *four_asked = (const void *)&server;
  if (address->ss_family == AF_INET)
    return four->sin_port == four_asked->sin_port && four->sin_addr.s_addr == four_asked->sin_addr.s_addr;
  const struct sockaddr_in6 *six = (const void *)address, *six_asked = (const void *)&server;
  return six->sin6_port == six_asked->sin6_port && memcmp(&six->sin6_addr, &six_asked->sin6_addr, 16) == 0;
}

static void look_into(const unsigned char *octets, int length) {
  rcodes[octets[3] & 15]++;
  if ((octets[3] & 15) == 0 && octets[6] == 0 && octets[7] == 0) empty++;
  if (!watched_addresses || octets[7] == 0) return;
  int at = 12;
  while (at < length && octets[at]) at += octets[at] + 1;
  at += 5 + 12; /* the question's end, and an owner that is a pointer, type, class, TTL, length */
  if (at + 4 > length) return;
  for (int i = 0; i < watched_addresses; i++)
    if (memcmp(octets + at, watched[i], 4) == 0) watched_count++, watched_last_ms = wall_ms();
}

static void take_answer(struct source *source, const unsigned char *octets, int length, uint64_t time) {
  if (length < 12) {
    unmatched++;
    return;
  }
  uint16_t id = octets[0] << 8 | octets[1];
  struct pending *pending = &source->pending[id & (PENDING - 1)];
  if (!pending->due || pending->id != id || !(octets[2] & 0x80)) {
    unmatched++;
    return;
  }
  uint64_t took = time > pending->due ? time - pending->due : 0;
  struct slice *slice = slice_of(pending->due);
  if (took > slice->worst) slice->worst = took;
  observe(&latency, took);
  look_into(octets, length);
  pending->due = 0;
  answered++, outstanding--;
}

static void receive_from(struct source *source) {
  static unsigned char octets[BATCH][MESSAGE];
  static struct sockaddr_storage from[BATCH];
  static struct iovec pieces[BATCH];
  static struct mmsghdr batch[BATCH];
  for (int i = 0; i < BATCH; i++) {
    pieces[i] = (struct iovec){octets[i], MESSAGE};
    batch[i].msg_hdr = (struct msghdr){&from[i], sizeof from[i], &pieces[i], 1, NULL, 0, 0};
  }
  int count = recvmmsg(source->fd, batch, BATCH, 0, NULL);
  uint64_t time = now();
  for (int i = 0; i < count; i++)
    if (from_server(&from[i])) take_answer(source, octets[i], batch[i].msg_len, time);
    else wrong_source++;
}

static void run(double seconds, uint64_t rate, uint64_t window) {
  int poll = epoll_create1(0), turn = 0;
  for (int i = 0; i < source_count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(poll, EPOLL_CTL_ADD, sources[i].fd, &event);
  }
  struct epoll_event ready[BATCH];
  started = now() + 1;
  uint64_t end = started + seconds * 1e9, give_up = 0;
  for (;;) {
    uint64_t time = now();
    if (time >= end || stopping) {
      if (!give_up) give_up = time + WAIT_MS * 1000000ull;
      if (outstanding == 0 || time > give_up) break;
    } else {
      uint64_t elapsed = time > started ? time - started : 0;
      uint64_t due = rate ? elapsed * rate / SECOND + 1 : sent + (outstanding < window ? window - outstanding : 0);
      if (due > sent) {
        send_batch(&sources[turn], due - sent < BATCH ? due - sent : BATCH, rate);
        turn = (turn + 1) % source_count;
      }
    }
    int count = epoll_wait(poll, ready, BATCH, 0);
    for (int i = 0; i < count; i++) receive_from(&sources[ready[i].data.u32]);
    /* With a window a lost answer must not hold its place for ever. */
    if (!rate && count == 0 && outstanding >= window) {
      if (epoll_wait(poll, ready, 1, 50) == 0)
        for (int i = 0; i < source_count; i++)
          for (int j = 0; j < PENDING; j++)
            if (sources[i].pending[j].due) lost++, outstanding--, sources[i].pending[j].due = 0;
    }
  }
  for (int i = 0; i < source_count; i++)
    for (int j = 0; j < PENDING; j++)
      if (sources[i].pending[j].due) lost++, slice_of(sources[i].pending[j].due)->lost++;
  close(poll);
}

static void report(double seconds) {
  printf("{\"seconds\":%.3f,\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"wrongSource\":%lu,\"unmatched\":%lu,", seconds, sent,
         answered, lost, wrong_source, unmatched);
  printf("\"empty\":%lu,\"sendFaults\":%lu,\"startedWallMs\":%.3f,", empty, send_faults, wall_ms() - (now() - started) / 1e6);
  printf("\"latencyUs\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", quantile(&latency, 0.5),
         quantile(&latency, 0.99), quantile(&latency, 0.999), latency.max / 1e3);
  printf("\"lagUs\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", quantile(&lag, 0.5), quantile(&lag, 0.99),
         quantile(&lag, 0.999), lag.max / 1e3);
  printf("\"watched\":{\"count\":%lu,\"lastWallMs\":%.3f},\"rcodes\":[", watched_count, watched_last_ms);
  for (int i = 0; i < 16; i++) printf("%s%lu", i ? "," : "", rcodes[i]);
  printf("],\"slices\":[");
  int count = seconds * 1000 / SLICE_MS;
  for (int i = 0; i < count && i < SLICES_MAX; i++)
    printf("%s[%.1f,%lu]", i ? "," : "", slices[i].worst / 1e3, slices[i].lost);
  printf("]}\n");
}

int main(int count, char **words) {
  const char *address = "127.0.0.1", *list = NULL;
  int port = 0, option;
  double seconds = 5;
  uint64_t rate = 0, window = 500;
  while ((option = getopt(count, words, "s:p:n:r:w:t:c:e:b:x:")) != -1) switch (option) {
    case 's': address = optarg; break;
    case 'p': port = atoi(optarg); break;
    case 'n': list = optarg; break;
    case 'r': rate = strtoull(optarg, NULL, 10); break;
    case 'w': window = strtoull(optarg, NULL, 10); break;
    case 't': seconds = atof(optarg); break;
    case 'c': source_count = atoi(optarg); break;
    case 'e': if (strcmp(optarg, "4") == 0) random_four = 1; else read_clients(optarg); break;
    case 'b':
      for (char *text = strtok(optarg, ","); text && watched_addresses < WATCHED_MAX; text = strtok(NULL, ","))
        if (inet_pton(AF_INET, text, watched[watched_addresses++]) != 1) die("-b: not an IPv4 address");
      break;
    case 'x': chance = strtoull(optarg, NULL, 10) | 1; break;
    default: die("wrong option; see the head of load.c");
  }
  if (!list || port < 1 || port > 65535) die("-n NAMES and -p PORT are needed");
  if (source_count < 1 || source_count > SOURCES_MAX || window < 1 || seconds <= 0 || seconds > 3600) die("out of bounds");
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  read_names(list);
  open_sources(address, port);
  printf("started\n");
  fflush(stdout);
  uint64_t begun = now();
  run(seconds, rate, window);
  double took = (now() - begun) / 1e9;
  report(took < seconds ? took : seconds);
}
