import { dnsCheck } from './check-dns.ts';
import { httpCheck } from './check-http.ts';
import type { Check, CheckSpec } from './check-spec.ts';
import { tcpCheck } from './check-tcp.ts';

/** A check as the specification says. */
export function createCheck(spec: CheckSpec, address: string): Check {
  if (spec.kind === 'tcp') return tcpCheck({ address, port: spec.port });
  if (spec.kind === 'dns') return dnsCheck({ ...spec, address });
  return httpCheck({ ...spec, address, isSecure: spec.kind === 'https' });
}
