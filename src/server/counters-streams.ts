import {
  add,
  CLOSE_REASONS,
  type CloseReason,
  HANDSHAKES,
  REFUSE_REASONS,
  type RefuseReason,
  SECURE,
  type SecureTransport,
  type ServerCounters,
} from './counters.ts';

/** Counters of connections, by what is spoken on them. */

/** Counts a connection accepted; the gauge rises. */
export function countAccepted(counters: ServerCounters, transport: 'tcp' | SecureTransport = 'tcp'): void {
  const { tcpAccepted, tcpConnections, tlsAccepted, tlsConnections } = counters;
  const index = transport === 'tcp' ? 0 : SECURE.indexOf(transport);
  add(counters, (transport === 'tcp' ? tcpAccepted : tlsAccepted) + index, 1);
  add(counters, (transport === 'tcp' ? tcpConnections : tlsConnections) + index, 1);
}

/** Counts a connection refused. */
export function countRefused(
  counters: ServerCounters,
  reason: RefuseReason,
  transport: 'tcp' | SecureTransport = 'tcp',
): void {
  const first =
    transport === 'tcp'
      ? counters.tcpRefused
      : counters.tlsRefused + SECURE.indexOf(transport) * REFUSE_REASONS.length;
  add(counters, first + REFUSE_REASONS.indexOf(reason), 1);
}

/** Counts the end of an accepted connection; the gauge falls. */
export function countClosed(
  counters: ServerCounters,
  reason: CloseReason,
  transport: 'tcp' | SecureTransport = 'tcp',
): void {
  const { tcpClosed, tcpConnections, tlsClosed, tlsConnections } = counters;
  const index = transport === 'tcp' ? 0 : SECURE.indexOf(transport);
  const first = transport === 'tcp' ? tcpClosed : tlsClosed + index * CLOSE_REASONS.length;
  add(counters, first + CLOSE_REASONS.indexOf(reason), 1);
  add(counters, (transport === 'tcp' ? tcpConnections : tlsConnections) + index, -1);
}

/** Counts a TLS handshake that ended like this. */
export function countHandshake(
  counters: ServerCounters,
  transport: SecureTransport,
  result: (typeof HANDSHAKES)[number],
): void {
  const first = counters.handshakes + SECURE.indexOf(transport) * HANDSHAKES.length;
  add(counters, first + HANDSHAKES.indexOf(result), 1);
}
