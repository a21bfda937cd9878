/** How transports are written. */
const NAMES: Readonly<Record<string, string>> = {
  udp: 'UDP',
  tcp: 'TCP',
  tls: 'TLS',
  dot: 'DoT',
  doh: 'DoH',
  https: 'HTTPS',
};

/** The name of a transport for people. */
export const transportName = (transport: string): string => NAMES[transport] ?? transport.toUpperCase();
