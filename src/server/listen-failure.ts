import type { OperatorErrorCode, Problem } from '../base/errors.ts';
import type { ListenAddress } from './handler.ts';

/** A socket that could not be had. */
export interface ListenFailure {
  /** The system's name for the reason: `EADDRINUSE`. */
  readonly code: string;
  /** The reason in the system's own words, for codes that have no explanation here. */
  readonly message: string;
  readonly listen: ListenAddress;
  readonly transport: 'udp' | 'tcp';
  /** How another port is chosen; absent: by --port. */
  readonly choose?: string;
}

/** The operator's error that stands for this failure. */
export function failureCode({ code }: ListenFailure): OperatorErrorCode {
  if (code === 'EADDRINUSE') return 'port-in-use';
  return code === 'EACCES' || code === 'EPERM' ? 'not-permitted' : 'bad-config';
}

/** Which address could not be had, why, and what to do. */
export function failureProblem(failure: ListenFailure): Problem {
  const { host, port } = failure.listen;
  const text = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return { file: `${text}/${failure.transport}`, message: explanation(failure) };
}

function explanation({ code, message, listen, transport, choose = '--port' }: ListenFailure): string {
  const sockets = `ss -lnp${transport === 'udp' ? 'u' : 't'} 'sport = :${listen.port}'`;
  switch (code) {
    case 'EADDRINUSE':
      return `another program has this port: stop it (${sockets} names it) or choose another with ${choose}`;
    case 'EACCES':
    case 'EPERM':
      return 'the system does not allow this port: take one above 1023, or grant CAP_NET_BIND_SERVICE';
    case 'EADDRNOTAVAIL':
      return 'no interface of this machine has this address';
    case 'EAFNOSUPPORT':
      return 'this machine has no IPv6: remove the address from the list';
    default:
      return `cannot listen here: ${message}`;
  }
}
