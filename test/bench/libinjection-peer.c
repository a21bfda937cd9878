/* Reads lines of hexadecimal octets; prints 1 for each that libinjection takes for an attack, else 0. */
#include <stdio.h>
#include <string.h>
#include "libinjection.h"

static char line[1 << 21];
static char octets[1 << 20];

int main(int argc, char **argv) {
  int is_xss = argc > 1 && strcmp(argv[1], "xss") == 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    size_t length = 0;
    char fingerprint[16];
    unsigned int octet;
    for (const char *at = line; sscanf(at, "%2x", &octet) == 1; at += 2) octets[length++] = (char)octet;
    int found = is_xss ? libinjection_xss(octets, length) : libinjection_sqli(octets, length, fingerprint);
    putchar(found ? '1' : '0');
    putchar('\n');
  }
  return 0;
}
