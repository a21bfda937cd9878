import { connect } from 'node:net';
import { faultOf } from './check-fault.ts';
import type { Check } from './check-spec.ts';

/** Good when a TCP connection opens; it is reset at once, so that no port is held in TIME-WAIT. */
export function tcpCheck(target: { readonly address: string; readonly port: number }): Check {
  return {
    start: (done) => {
      const socket = connect({ host: target.address, port: target.port });
      socket.once('connect', () => {
        socket.resetAndDestroy();
        done('');
      });
      socket.on('error', (error) => done(faultOf(error)));
      return () => socket.destroy();
    },
    close: () => undefined,
  };
}
